from __future__ import annotations

import time

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_security import current_user, login_user, logout_user
from sqlalchemy.exc import IntegrityError

from umstripe import roles, sessions
from umstripe.database import db
from umstripe.errors import UmstripeError
from umstripe.extensions import limiter
from umstripe.forms.account import AccountForm
from umstripe.models import LoginSession, User
from umstripe.selling import billing, checkout
from umstripe.views.log import log

blueprint = Blueprint("account", __name__, url_prefix="/account")


@blueprint.route("/", methods=["GET", "POST"])
@limiter.limit("20 per minute", methods=["POST"])
def index():
    user = db.session.get_one(User, current_user.id)
    form = AccountForm(user)
    address = user.email
    if form.validate_on_submit() and _changed(form, user):
        if user.email != address:
            login_user(user)
            _tell_stripe(user)
        flash("Your account is updated.", "success")
        return redirect(url_for(".index"), 303)
    explained = roles.explained(user, int(time.time()))
    shown = {"roles": explained, "unpaid": checkout.unpaid(user), "logins": LoginSession.count(user)}
    return render_template("account/index.html", form=form, **shown)


@blueprint.post("/log-out-everywhere")
def log_out_everywhere():
    """End every login of the member, this one too."""
    sessions.log_out_everywhere(db.session.get_one(User, current_user.id))
    log("security.logged_out_everywhere", f"{current_user.username} logged out on all devices")
    db.session.commit()
    logout_user()
    flash("You are logged out on all devices.", "success")
    return redirect(url_for("security.login"), 303)


def _tell_stripe(user: User) -> None:
    """Invoices go to the account's address unless there is one for billing."""
    if user.billing_email:
        return
    try:
        billing.tell_address(user, user.email)
    except UmstripeError:
        flash(
            "Invoices still go to your earlier address. Save a billing email in the Billing tab.", "warning"
        )


def _changed(form: AccountForm, user: User) -> bool:
    changed = user.change(form.account)
    try:
        if changed:
            log("security.account_changed", f"{user.username}: {changed}")
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        form.taken()
        return False
    return True
