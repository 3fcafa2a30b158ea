"""The pages around Stripe's Checkout."""

from __future__ import annotations

import time

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask_security import current_user
from werkzeug.wrappers import Response

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
Answer = str | tuple[str, int] | Response


@blueprint.get("/success")
@limiter.limit("30 per minute")
def success() -> Answer:
    """Settle the order at once (rule 7), for whoever comes by; what it says is shown to its buyer alone."""
    try:
        mode, session = _settled()
    except UmstripeError as error:
        return _unknown_yet(error)
    return _receipt(mode, session)


def _settled() -> tuple[str, checkout_session.Session]:
    """The mode and the session that the address names, settled; `deleted` for none. Raises UmstripeError."""
    session_id = request.args.get("umm_stripe_sid", "")
    mode = checkout_session.mode_of(session_id)
    session = webhooks.sync_checkout_session(mode, session_id) if mode else {"deleted": True}
    db.session.rollback()
    return mode, session


def _unknown_yet(error: UmstripeError) -> Answer:
    return render_template("checkout/unknown_yet.html", sentence=message_for_member(error)), 503


def _receipt(mode: str, session: checkout_session.Session) -> Answer:
    if session.get("deleted"):
        return render_template("checkout/not_yours.html"), 404
    if not current_user.is_authenticated:
        mailed = payment_claim.was_mailed(session["id"])
        return render_template("checkout/who.html", session=session, mailed=mailed, here=request.full_path)
    if not checkout_session.belongs_to(session, current_user):
        return render_template("checkout/not_yours.html"), 404
    receipt, text = Receipt.of(mode, session), pages.text_of("success")
    return render_template("checkout/success.html", receipt=receipt, text=text)


@blueprint.get("/canceled")
def canceled() -> Answer:
    plan = Plan.with_key(request.args.get("plan", ""))
    text = pages.text_of("canceled")
    return render_template("checkout/canceled.html", plan=plan, text=text)


@blueprint.get("/already-subscribed")
def already_subscribed() -> Answer:
    """One subscription for each member; of a one-time plan, one that has not run out."""
    plan = Plan.with_key(request.args.get("plan", ""))
    kind = holdings.current(current_user, Settings.get().mode, plan, int(time.time()))
    if not kind:
        return redirect(url_for("billing.index"), 303)
    text = pages.text_of("already_subscribed")
    return render_template("checkout/already_subscribed.html", kind=kind, text=text)


@blueprint.get("/pay")
@limiter.limit("30 per minute")
def pay() -> Answer:
    """Checkout on a page of this site (`embedded_page`): https://docs.stripe.com/js/embedded_checkout."""
    try:
        mode, session = _settled()
    except UmstripeError as error:
        return _unknown_yet(error)
    if session.get("deleted") or not checkout_session.belongs_to(session, current_user):
        return render_template("checkout/not_yours.html"), 404
    if session["status"] != "open" or not session.get("client_secret"):
        return redirect(url_for(".success", umm_stripe_sid=session["id"]), 303)
    script = {"script": _script(), "key": Connection.of(mode).publishable_key}
    return render_template("checkout/pay.html", session=session, **script, text=pages.text_of("pay"))


def _script() -> str:
    base = current_app.config["STRIPE_API_BASE"]
    return STRIPE_JS if base == STRIPE_API else f"{base}/v3/stripe.js"
