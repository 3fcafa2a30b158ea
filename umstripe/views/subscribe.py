from __future__ import annotations

from flask import Blueprint, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user

from umstripe.checkout.order import AlreadyHeld
from umstripe.database import db
from umstripe.forms.register import PlanPasswordForm
from umstripe.models import Plan, Settings
from umstripe.security.rate_limits import limiter, person_or_address
from umstripe.views import pages
from umstripe.views.offers import WANTED, ask_for_password, order_of, plan_of_link, to_checkout, unlock

blueprint = Blueprint("subscribe", __name__, url_prefix="/subscribe")


@blueprint.get("/<key>")
def show(key: str) -> ResponseReturnValue:
    """The link that a site puts anywhere. Opening it changes nothing at Stripe, since browsers, mail filters and
    link previews open links that nobody clicked: it shows what is to be paid, and a button goes on."""
    plan = plan_of_link(key)
    if not current_user.is_authenticated:
        session[WANTED] = plan.short_key
        return redirect(url_for("register.register", plan=plan.short_key), 303)
    session.pop(WANTED, None)
    order = order_of(current_user, plan)
    try:
        order.ensure_not_already_held()
    except AlreadyHeld:
        return redirect(url_for("checkout.already_subscribed", plan=plan.short_key), 303)
    shown = {"plan": plan, "trial_days": order.trial_days, "text": pages.text_of("checkout")}
    per_card = Settings.get().one_trial_per_card
    return render_template("checkout/subscribe.html", one_trial_per_card=per_card, **shown)


@blueprint.post("/<key>/pay")
@limiter.limit("20 per minute")
def pay(key: str) -> ResponseReturnValue:
    plan = plan_of_link(key)
    if not current_user.is_authenticated:
        return redirect(url_for("register.register", plan=plan.short_key), 303)
    return to_checkout(current_user, plan)


@blueprint.post("/<key>/password")
def password(key: str) -> ResponseReturnValue:
    """Open a plan for this visitor who knows its password."""
    plan, form = Plan.with_key(key), PlanPasswordForm()
    if plan is not None and form.validate_on_submit() and form.opens(plan, person_or_address()):
        unlock(plan)
        db.session.commit()  # an earlier hash of the password was stored anew
        return redirect(url_for(".show", key=key), 303)
    return ask_for_password(plan, form) if plan else redirect(url_for(".show", key=key), 303)
