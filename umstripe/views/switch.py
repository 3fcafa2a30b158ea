from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user

from umstripe.billing import portal, switch
from umstripe.billing.overview import message_for_member
from umstripe.errors import ActionUnavailable, UmstripeError
from umstripe.memberships.summary import MembershipSummary
from umstripe.models import Plan
from umstripe.security.rate_limits import limiter
from umstripe.views.addresses import external_url, local_path

blueprint = Blueprint("switch", __name__)


@blueprint.route("/switch-plan/<key>", methods=["GET", "POST"])
@limiter.limit("30 per minute")
def confirm(key: str) -> ResponseReturnValue:
    """Show what a switch costs, then switch: a link that a site puts anywhere (`?switch=1&redirect_to=…`)."""
    plan = Plan.with_key(key)
    if plan is None:
        return redirect(url_for("home.index"))
    membership = switch.membership_for(current_user, plan)
    if membership is None:
        return redirect(url_for("subscribe.show", key=plan.key))
    back = local_path(request.values.get("redirect_to"))
    if request.method == "POST":
        return _accept(membership, plan, back)
    return _offer(membership, plan, back)


@blueprint.get("/switch-plan/<key>/at-stripe")
@limiter.limit("30 per minute")
def at_stripe(key: str) -> ResponseReturnValue:
    """Redirect to Stripe's own page of this switch, where the bank can ask for a confirmation."""
    plan = Plan.with_key(key)
    membership = switch.membership_for(current_user, plan) if plan else None
    if plan is None or membership is None:
        return redirect(url_for("billing.index"))
    try:
        redirect_to = local_path(request.args.get("redirect_to")) or None
        back = external_url("portal.back")
        done = external_url("portal.back", redirect_to=redirect_to)
        return redirect(portal.switch_url(membership, plan, back, done), 303)
    except UmstripeError as error:
        return render_template("account/no_portal.html", reason=message_for_member(error))


def _offer(membership: MembershipSummary, plan: Plan, back: str) -> ResponseReturnValue:
    offer, reason = None, ""
    try:
        offer = switch.quote(membership, plan)
    except UmstripeError as error:
        reason = message_for_member(error)
    return render_template(
        "account/switch.html",
        membership=membership,
        plan=plan,
        offer=offer,
        reason=reason,
        redirect_to=back,
        bank_asks="bank" in request.args,
    )


def _accept(membership: MembershipSummary, plan: Plan, back: str) -> ResponseReturnValue:
    try:
        switch.accept(membership, plan, request.form.get("offer", ""))
    except switch.MustConfirm as error:
        flash(str(error), "warning")
        return redirect(url_for(".confirm", key=plan.key, bank=1, redirect_to=back or None), 303)
    except ActionUnavailable as error:
        flash(str(error), "error")
        return redirect(url_for(".confirm", key=plan.key, redirect_to=back or None), 303)
    except UmstripeError as error:
        flash(message_for_member(error), "error")
        return redirect(url_for("billing.index"), 303)
    flash(f"Your plan is {plan.title} now.", "success")
    return redirect(back or url_for("billing.index"), 303)
