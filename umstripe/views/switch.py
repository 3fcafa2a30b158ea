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
from umstripe.views.addresses import external_url, on_this_site

blueprint = Blueprint("switch", __name__)


@blueprint.route("/switch-plan/<key>", methods=["GET", "POST"])
@limiter.limit("30 per minute")
def confirm(key: str) -> ResponseReturnValue:
    """A link that a site puts anywhere (`?switch=1&redirect_to=…`): what the switch costs, then the switch."""
    plan = Plan.with_key(key)
    if plan is None:
        return redirect(url_for("home.index"))
    one = switch.membership_for(current_user, plan)
    if one is None:
        return redirect(url_for("subscribe.show", key=plan.key))
    back = on_this_site(request.values.get("redirect_to"))
    if request.method == "POST":
        return _switched(one, plan, back)
    return _offered(one, plan, back)


@blueprint.get("/switch-plan/<key>/at-stripe")
@limiter.limit("30 per minute")
def at_stripe(key: str) -> ResponseReturnValue:
    """On to Stripe's own page of this switch, where the bank can ask for a confirmation."""
    plan = Plan.with_key(key)
    one = switch.membership_for(current_user, plan) if plan else None
    if plan is None or one is None:
        return redirect(url_for("billing.index"))
    try:
        then = on_this_site(request.args.get("redirect_to")) or None
        back = external_url("portal.back")
        done = external_url("portal.back", redirect_to=then)
        return redirect(portal.switch_url(one, plan, back, done), 303)
    except UmstripeError as error:
        return render_template("account/no_portal.html", why=message_for_member(error))


def _offered(one: MembershipSummary, plan: Plan, back: str) -> ResponseReturnValue:
    offer, why_not, bank_asks = None, "", "bank" in request.args
    try:
        offer = switch.quote(one, plan)
    except UmstripeError as error:
        why_not = message_for_member(error)
    shown = {"one": one, "plan": plan, "offer": offer, "why_not": why_not, "redirect_to": back}
    return render_template("account/switch.html", **shown, bank_asks=bank_asks)


def _switched(one: MembershipSummary, plan: Plan, back: str) -> ResponseReturnValue:
    try:
        switch.accept(one, plan, request.form.get("offer", ""))
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
