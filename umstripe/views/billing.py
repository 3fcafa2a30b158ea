from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user

from umstripe.billing import change
from umstripe.billing.overview import Billing, message_for_member, save_billing_email, subscription_summary
from umstripe.checkout import session
from umstripe.database import db
from umstripe.errors import UmstripeError
from umstripe.forms.account import BillingEmailForm
from umstripe.memberships.summary import MembershipSummary
from umstripe.models import Settings, User
from umstripe.security.rate_limits import limiter
from umstripe.views.log import log

blueprint = Blueprint("billing", __name__, url_prefix="/account/billing")
WRITE_LIMIT = limiter.limit("30 per minute", methods=["POST"])


@blueprint.get("/")
def index() -> ResponseReturnValue:
    billing = Billing.of(current_user)
    billing.ask_stripe()
    return _page(billing, BillingEmailForm(data={"billing_email": current_user.billing_email}))


def _page(billing: Billing, form: BillingEmailForm) -> ResponseReturnValue:
    return render_template(
        "account/billing.html",
        billing=billing,
        settings=Settings.get(),
        form=form,
        unpaid=session.unpaid(current_user),
        plans=session.on_offer_to(current_user),
        days_until_due=change.DAYS_UNTIL_DUE,
    )


@blueprint.route("/<id:subscription_id>/<any(cancel, undo, pause, resume):action>", methods=["GET", "POST"])
@WRITE_LIMIT
def change_subscription(subscription_id: int, action: str) -> ResponseReturnValue:
    membership = _membership_or_404(subscription_id)
    if request.method == "GET":
        if reason := membership.why_not(action):
            flash(reason, "warning")
            return redirect(url_for(".index"))
        return render_template("account/confirm.html", membership=membership, action=action)
    apply, message = change.ACTIONS[action]
    try:
        apply(membership)
        flash(message, "success")
    except UmstripeError as error:
        flash(message_for_member(error), "error")
    return redirect(url_for(".index"), 303)


@blueprint.post("/<id:subscription_id>/collection")
@WRITE_LIMIT
def collection(subscription_id: int) -> ResponseReturnValue:
    membership = _membership_or_404(subscription_id)
    try:
        change.set_collection_method(membership, request.form.get("collection_method", ""))
        flash("Your payment collection method is changed.", "success")
    except UmstripeError as error:
        flash(message_for_member(error), "error")
    return redirect(url_for(".index"), 303)


@blueprint.post("/email")
@WRITE_LIMIT
def email() -> ResponseReturnValue:
    user, form = db.session.get_one(User, current_user.id), BillingEmailForm()
    billing = Billing.of(user)
    if form.validate_on_submit():
        try:
            save_billing_email(user, form.billing_email.data or "")
            log("account.billing_email", f"Billing email: {user.billing_email or 'none of its own'}")
            db.session.commit()
            flash("Your billing email is saved.", "success")
            return redirect(url_for(".index"), 303)
        except UmstripeError as error:
            billing.error = message_for_member(error)
    return _page(billing, form)


def _membership_or_404(subscription_id: int) -> MembershipSummary:
    """Return the member's own membership of a subscription. Raise NotFound for any other."""
    return subscription_summary(current_user, subscription_id) or abort(404)
