"""The plan that a link names, as far as its visitor may buy it, and the way to pay for it."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import abort, current_app, make_response, redirect, render_template, session, url_for
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
UNLOCKED_AT_MOST = 20
WANTED = "wanted_plan"
"""The key of the plan whose page a visitor opened before logging in, so that the login leads there by any way."""


def plan_of_link(key: str) -> Plan:
    """The plan that this visitor may buy. Ends the request with a page that says why not, or asks for a password."""
    plan = Plan.with_key(key)
    if plan is None:
        abort(_not_open("This link leads to no offer. It may be incomplete, or out of use."))
    administers = current_user.is_authenticated and current_user.is_administrator
    why = plan.why_not_for_sale(Settings.get().mode, administers, _is_unlocked(plan))
    if why and not plan.why_not_for_sale(Settings.get().mode, administers, unlocked=True):
        abort(make_response(ask_for_password(plan, PlanPasswordForm())))
    if why:
        abort(_not_open(why))
    return plan


def ask_for_password(plan: Plan, form: PlanPasswordForm) -> str:
    return render_template("checkout/password.html", plan=plan, form=form)


def unlock(plan: Plan) -> None:
    """Remember that this visitor has given the plan's password, for as long as the plan has this one."""
    before = [mark for mark in session.get(UNLOCKED, []) if mark != plan.password_mark]
    session[UNLOCKED] = [*before, plan.password_mark][-UNLOCKED_AT_MOST:]


def _is_unlocked(plan: Plan) -> bool:
    return plan.password_hash is not None and plan.password_mark in session.get(UNLOCKED, [])


def to_checkout(user: User, plan: Plan) -> Response | tuple[str, int]:
    """On to the page where the plan is paid, or a page that says why there is none."""
    try:
        made = checkout_session.open_session(order_of(user, plan))
    except AlreadyHeld:
        return redirect(url_for("checkout.already_subscribed", plan=plan.short_key), 303)
    except UmstripeError as error:
        return render_template("checkout/trouble.html", plan=plan, sentence=_said(error)), 503
    if made.get("ui_mode") == "embedded_page":
        return redirect(url_for("checkout.pay", umm_stripe_sid=made["id"]), 303)
    return _away(made["url"])


def order_of(user: User, plan: Plan) -> Order:
    success = f"{external_url('checkout.success')}?umm_stripe_sid={{CHECKOUT_SESSION_ID}}"
    canceled = external_url("checkout.canceled", plan=plan.short_key)
    return Order(db.session.get_one(User, user.id), plan, success, canceled)


def payment_pages() -> str:
    """Where Stripe's own payment pages are: what a form of ours may lead to (its `form-action`)."""
    base: str = current_app.config["STRIPE_API_BASE"]
    return CHECKOUT if base == STRIPE_API else base


def _away(url: str) -> Response:
    """A form may lead to Stripe's usual address at once. To an address of the account's own (Custom Domains), which
    the page's policy cannot know, it leads by a page with a link."""
    parts = urlsplit(url)
    if f"{parts.scheme}://{parts.netloc}" == payment_pages():
        return redirect(url, 303)
    return make_response(render_template("checkout/away.html", url=url))


def _said(error: UmstripeError) -> str:
    if isinstance(error, ClonedSite):
        return "This is a copy of the site, made for trying things out. Nobody can pay here."
    return str(error) if isinstance(error, NotAllowed) else message_for_member(error)


def _not_open(sentence: str) -> Response:
    plans = Plan.on_offer(Settings.get().mode)
    return make_response(render_template("checkout/no_offer.html", sentence=sentence, plans=plans), 404)
