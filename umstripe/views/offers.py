"""The plan of a link, if its visitor may buy it, and the redirect to its payment."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, abort, current_app, make_response, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user
from werkzeug.wrappers import Response

from umstripe.billing.overview import message_for_member
from umstripe.checkout import session as checkout_session
from umstripe.checkout.order import AlreadyHeld, Order
from umstripe.config import STRIPE_API
from umstripe.database import db
from umstripe.errors import ClonedSite, NotAllowed, UmstripeError
from umstripe.forms.register import PlanPasswordForm
from umstripe.models import Plan, Settings, User
from umstripe.views.addresses import external_url

CHECKOUT = "https://checkout.stripe.com"
UNLOCKED = "unlocked_plans"
MAX_UNLOCKED = 20
PENDING_PLAN = "wanted_plan"
"""The session's key for the plan whose page a visitor opened before the login, to be shown after it."""


def plan_or_abort(key: str) -> Plan:
    """Return the plan if this visitor may buy it. Otherwise abort with a page that says why, or asks for its password."""
    plan = Plan.with_key(key)
    if plan is None:
        abort(_not_on_offer("This link leads to no offer. It may be incomplete, or out of use."))
    is_administrator = current_user.is_authenticated and current_user.is_administrator
    reason = plan.why_not_for_sale(Settings.get().mode, is_administrator, _is_unlocked(plan))
    if reason and not plan.why_not_for_sale(Settings.get().mode, is_administrator, unlocked=True):
        abort(make_response(password_page(plan, PlanPasswordForm())))
    if reason:
        abort(_not_on_offer(reason))
    return plan


def password_page(plan: Plan, form: PlanPasswordForm) -> str:
    """Render the page that asks for the plan's password."""
    return render_template("checkout/password.html", plan=plan, form=form)


def unlock(plan: Plan) -> None:
    """Remember that this visitor has given the plan's password, for as long as the plan has this one."""
    marks = [mark for mark in session.get(UNLOCKED, []) if mark != plan.password_mark]
    session[UNLOCKED] = [*marks, plan.password_mark][-MAX_UNLOCKED:]


def _is_unlocked(plan: Plan) -> bool:
    return plan.password_hash is not None and plan.password_mark in session.get(UNLOCKED, [])


def redirect_to_checkout(user: User, plan: Plan) -> ResponseReturnValue:
    """Begin a checkout and redirect to it, or return a page that says why there is none."""
    try:
        checkout = checkout_session.open_session(build_order(user, plan))
    except AlreadyHeld:
        return redirect(url_for("checkout.already_subscribed", plan=plan.short_key), 303)
    except UmstripeError as error:
        return render_template("checkout/trouble.html", plan=plan, sentence=_message(error)), 503
    if checkout.get("ui_mode") == "embedded_page":
        return redirect(url_for("checkout.pay", umm_stripe_sid=checkout["id"]), 303)
    return _redirect_to_stripe(checkout["url"])


def build_order(user: User, plan: Plan) -> Order:
    """Return the order of a plan, with the addresses that Checkout leads back to."""
    success = f"{external_url('checkout.success')}?umm_stripe_sid={{CHECKOUT_SESSION_ID}}"
    canceled = external_url("checkout.canceled", plan=plan.short_key)
    return Order(db.session.get_one(User, user.id), plan, success, canceled)


def checkout_origin(app: Flask) -> str:
    """Return the origin of Stripe's payment pages, to which our forms may redirect (`form-action`)."""
    base: str = app.config["STRIPE_API_BASE"]
    return CHECKOUT if base == STRIPE_API else base


def _redirect_to_stripe(url: str) -> Response:
    """Redirect to Stripe's usual address. To a custom domain of the account, which the page's policy cannot know, return
    a page with a link: https://docs.stripe.com/payments/checkout/custom-domains."""
    parts = urlsplit(url)
    if f"{parts.scheme}://{parts.netloc}" == checkout_origin(current_app):
        return redirect(url, 303)
    return make_response(render_template("checkout/away.html", url=url))


def _message(error: UmstripeError) -> str:
    if isinstance(error, ClonedSite):
        return "This is a copy of the site, made for trying things out. Nobody can pay here."
    return str(error) if isinstance(error, NotAllowed) else message_for_member(error)


def _not_on_offer(sentence: str) -> Response:
    plans = Plan.on_offer(Settings.get().mode)
    return make_response(render_template("checkout/no_offer.html", sentence=sentence, plans=plans), 404)
