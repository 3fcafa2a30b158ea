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
from umstripe.views.offers import (
    PENDING_PLAN,
    build_order,
    password_page,
    plan_or_abort,
    redirect_to_checkout,
    unlock,
)

blueprint = Blueprint("subscribe", __name__, url_prefix="/subscribe")


@blueprint.get("/<key>")
def show(key: str) -> ResponseReturnValue:
    """Show what is to be paid, with a button to go on: the link that a site puts anywhere.

    Opening it changes nothing at Stripe, since browsers, mail filters and link previews open links that nobody clicked.
    """
    plan = plan_or_abort(key)
    if not current_user.is_authenticated:
        session[PENDING_PLAN] = plan.short_key
        return redirect(url_for("register.register", plan=plan.short_key), 303)
    session.pop(PENDING_PLAN, None)
    order = build_order(current_user, plan)
    try:
        order.ensure_not_already_held()
    except AlreadyHeld:
        return redirect(url_for("checkout.already_subscribed", plan=plan.short_key), 303)
    return render_template(
        "checkout/subscribe.html",
        plan=plan,
        trial_days=order.trial_days,
        text=pages.text_of("checkout"),
        one_trial_per_card=Settings.get().one_trial_per_card,
    )


@blueprint.post("/<key>/pay")
@limiter.limit("20 per minute")
def pay(key: str) -> ResponseReturnValue:
    plan = plan_or_abort(key)
    if not current_user.is_authenticated:
        return redirect(url_for("register.register", plan=plan.short_key), 303)
    return redirect_to_checkout(current_user, plan)


@blueprint.post("/<key>/password")
def password(key: str) -> ResponseReturnValue:
    """Unlock a plan for a visitor who knows its password."""
    plan, form = Plan.with_key(key), PlanPasswordForm()
    if plan is not None and form.validate_on_submit() and form.opens(plan, person_or_address()):
        unlock(plan)
        db.session.commit()  # an earlier hash of the password was replaced
        return redirect(url_for(".show", key=key), 303)
    return password_page(plan, form) if plan else redirect(url_for(".show", key=key), 303)
