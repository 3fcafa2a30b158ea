"""The pages around Stripe's Checkout."""

from __future__ import annotations

import time

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user

from umstripe import webhooks
from umstripe.accounts import payment_claim
from umstripe.billing.overview import message_for_member
from umstripe.checkout import session as checkout_session
from umstripe.checkout.receipt import Receipt
from umstripe.config import STRIPE_API
from umstripe.database import db
from umstripe.errors import UmstripeError
from umstripe.memberships import holdings
from umstripe.models import Connection, Plan, Settings
from umstripe.security.rate_limits import limiter
from umstripe.views import pages

blueprint = Blueprint("checkout", __name__, url_prefix="/checkout")
STRIPE_JS = "https://js.stripe.com/endive/stripe.js"
"""https://docs.stripe.com/sdks/stripejs-versioning: the script that goes with the library's API version."""


@blueprint.get("/success")
@limiter.limit("30 per minute")
def success() -> ResponseReturnValue:
    """Settle the order at once (rule 7), whoever opens the page. Only its buyer sees the receipt."""
    try:
        mode, session = _settled_session()
    except UmstripeError as error:
        return _unavailable(error)
    return _receipt(mode, session)


def _settled_session() -> tuple[str, checkout_session.Session]:
    """Settle the session that the address names. Return its mode and the session, which is `deleted` if there is none.

    Raise UmstripeError.
    """
    session_id = request.args.get("umm_stripe_sid", "")
    mode = checkout_session.mode_of(session_id)
    session = webhooks.sync_checkout_session(mode, session_id) if mode else {"deleted": True}
    db.session.rollback()
    return mode, session


def _unavailable(error: UmstripeError) -> ResponseReturnValue:
    return render_template("checkout/unknown_yet.html", sentence=message_for_member(error)), 503


def _receipt(mode: str, session: checkout_session.Session) -> ResponseReturnValue:
    if session.get("deleted"):
        return render_template("checkout/not_yours.html"), 404
    if not current_user.is_authenticated:
        has_claim_mail = payment_claim.was_mailed(session["id"])
        return render_template(
            "checkout/who.html", session=session, has_claim_mail=has_claim_mail, here=request.full_path
        )
    if not checkout_session.belongs_to(session, current_user):
        return render_template("checkout/not_yours.html"), 404
    receipt, text = Receipt.of(mode, session), pages.text_of("success")
    return render_template("checkout/success.html", receipt=receipt, text=text)


@blueprint.get("/canceled")
def canceled() -> ResponseReturnValue:
    plan = Plan.with_key(request.args.get("plan", ""))
    text = pages.text_of("canceled")
    return render_template("checkout/canceled.html", plan=plan, text=text)


@blueprint.get("/already-subscribed")
def already_subscribed() -> ResponseReturnValue:
    """Say that the member has a subscription already, or a purchase of this one-time plan that has not ended."""
    plan = Plan.with_key(request.args.get("plan", ""))
    kind = holdings.current(current_user, Settings.get().mode, plan, int(time.time()))
    if not kind:
        return redirect(url_for("billing.index"), 303)
    text = pages.text_of("already_subscribed")
    return render_template("checkout/already_subscribed.html", kind=kind, text=text)


@blueprint.get("/pay")
@limiter.limit("30 per minute")
def pay() -> ResponseReturnValue:
    """Show Checkout on a page of this site (`embedded_page`): https://docs.stripe.com/js/embedded_checkout."""
    try:
        mode, session = _settled_session()
    except UmstripeError as error:
        return _unavailable(error)
    if session.get("deleted") or not checkout_session.belongs_to(session, current_user):
        return render_template("checkout/not_yours.html"), 404
    if session["status"] != "open" or not session.get("client_secret"):
        return redirect(url_for(".success", umm_stripe_sid=session["id"]), 303)
    return render_template(
        "checkout/pay.html",
        session=session,
        script=_stripe_js_url(),
        key=Connection.of(mode).publishable_key,
        text=pages.text_of("pay"),
    )


def _stripe_js_url() -> str:
    base = current_app.config["STRIPE_API_BASE"]
    return STRIPE_JS if base == STRIPE_API else f"{base}/v3/stripe.js"
