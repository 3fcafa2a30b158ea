from __future__ import annotations

import time

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user, login_user, logout_user
from flask_wtf import FlaskForm
from sqlalchemy.exc import IntegrityError

from umstripe.accounts.address_change import AddressChange
from umstripe.billing import overview
from umstripe.checkout import session
from umstripe.database import db
from umstripe.errors import UmstripeError
from umstripe.extensions import client_address
from umstripe.forms.account import AccountForm
from umstripe.memberships import effective_roles
from umstripe.models import LoginSession, User
from umstripe.security import sessions
from umstripe.security.rate_limits import limiter
from umstripe.views.log import log

blueprint = Blueprint("account", __name__, url_prefix="/account")


@blueprint.route("/", methods=["GET", "POST"])
@limiter.limit("20 per minute", methods=["POST"])
def index() -> ResponseReturnValue:
    """Show and change the member's own account."""
    user = db.session.get_one(User, current_user.id)
    form = AccountForm(user)
    email_before = user.email
    if form.validate_on_submit() and _save(form, user):
        if user.email != email_before:
            login_user(user)
            _update_billing_email(user)
        if form.confirms_by_mail:
            flash(
                f"We have sent an email to {form.email.data}. Open the link in it to use this address.",
                "success",
            )
        else:
            flash("Your account is updated.", "success")
        return redirect(url_for(".index"), 303)
    return render_template(
        "account/index.html",
        form=form,
        roles=effective_roles.explained(user, int(time.time())),
        unpaid=session.unpaid(user),
        logins=LoginSession.count(user),
    )


@blueprint.post("/log-out-everywhere")
def log_out_everywhere() -> ResponseReturnValue:
    """End every login of the member, this one too."""
    sessions.log_out_everywhere(db.session.get_one(User, current_user.id))
    log("security.logged_out_everywhere", f"{current_user.username} logged out on all devices")
    db.session.commit()
    logout_user()
    flash("You are logged out on all devices.", "success")
    return redirect(url_for("security.login"), 303)


@blueprint.route("/address/<token>", methods=["GET", "POST"])
@limiter.limit("20 per minute", methods=["POST"])
def address(token: str) -> ResponseReturnValue:
    """Confirm a new address, with the link in the mail to it."""
    user, form = db.session.get_one(User, current_user.id), FlaskForm()
    change = AddressChange.of(token, user)
    if change is not None and form.validate_on_submit() and _confirm(change):
        login_user(user)
        db.session.commit()
        _update_billing_email(user)
        flash("Your email address is changed.", "success")
        return redirect(url_for(".index"), 303)
    code = 200 if change else 404
    return render_template("account/address.html", change=change, form=form, token=token), code


def _confirm(change: AddressChange) -> bool:
    """Change the address. Return False, with a notice, if somebody else has taken it."""
    try:
        changed = change.confirm()
        log("security.account_changed", f"{change.user.username}: {changed}")
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        flash("This email address is no longer available. Choose another one.", "error")
        return False
    return True


def _update_billing_email(user: User) -> None:
    """Send the account's address to Stripe as the one for invoices, unless there is a billing email."""
    if user.billing_email:
        return
    try:
        overview.send_billing_email(user, user.email)
    except UmstripeError:
        flash(
            "Invoices still go to your earlier address. Save a billing email in the Billing tab.", "warning"
        )


def _save(form: AccountForm, user: User) -> bool:
    """Save the account. Return False, with an error in the form, if somebody else has taken the address."""
    try:
        if form.confirms_by_mail:
            AddressChange(user, form.email.data or "").send(client_address(), request.path)
        changed = user.change(form.account)
        if changed:
            log("security.account_changed", f"{user.username}: {changed}")
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        form.mark_email_taken()
        return False
    return True
