from __future__ import annotations

import json

import structlog
from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from umstripe import webhooks
from umstripe.database import db, write
from umstripe.errors import DeliveryNotStored
from umstripe.extensions import csrf
from umstripe.models import Connection, Refusal
from umstripe.security.rate_limits import limiter
from umstripe.stripe_api.client import BadSignature, verify_signature
from umstripe.stripe_api.shapes import is_event
from umstripe.stripe_api.types import Event

blueprint = Blueprint("webhook", __name__, url_prefix="/webhooks")


@blueprint.post("/stripe/<any(test, live):mode>")
@csrf.exempt
@limiter.exempt
def stripe(mode: str) -> ResponseReturnValue:
    """Take a delivery: verify the raw bytes, then apply (rules 2 and 6). 200 only after the commit; 500 to get it again."""
    body = request.get_data()
    db.session.rollback()  # the user of a logged-in browser has been loaded by now
    try:
        _verify(mode, body, request.headers.get("Stripe-Signature"))
        event = _event(mode, body)
    except BadSignature as error:
        return _refused(mode, error.reason)
    try:
        result = webhooks.receive(mode, event, body.decode())
    except DeliveryNotStored:
        return {"error": "The event could not be applied, and it is not kept. Please send it again."}, 500
    except Exception as error:
        structlog.get_logger().warning(
            "delivery failed", event_id=event["id"], type=event["type"], error=str(error)
        )
        return {"error": "The event could not be applied. It is kept; please send it again."}, 500
    return {"result": result}


def _verify(mode: str, body: bytes, header: str | None) -> None:
    """Verify with the secrets of a moment ago, which saves a query; if they do not fit, with the present ones.

    So a new secret is known at once, and a forgotten one is accepted for two seconds more. Raise BadSignature.
    """
    try:
        verify_signature(body, header, Connection.signing_secrets(mode, SECRETS_AGE))
    except BadSignature:
        verify_signature(body, header, Connection.signing_secrets(mode))


def _event(mode: str, body: bytes) -> Event:
    """Return the event. Raise BadSignature for anything else, and for an event of the other mode."""
    try:
        event = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise BadSignature("unreadable") from None
    if not is_event(event):
        raise BadSignature("unreadable")
    if event["livemode"] is not (mode == "live"):
        raise BadSignature("other_mode")
    return event


def _refused(mode: str, reason: str) -> ResponseReturnValue:
    structlog.get_logger().warning("delivery refused", mode=mode, reason=reason)
    with write() as tx:
        Refusal.add(tx, mode, reason)
    return {"error": SENTENCES[reason]}, 400


SECRETS_AGE = 2.0
"""Seconds for which the signing secrets are kept in memory."""
SENTENCES = {
    "no_secret": "There is no signing secret for this mode: connect Stripe in the settings.",
    "no_signature": "The delivery has no Stripe-Signature header.",
    "wrong_secret": "The signature does not fit: the body was changed, or another secret was used.",
    "too_old": "The signature is too old, or a clock is wrong.",
    "other_mode": "The event is of the other mode: test and live have an address each.",
    "unreadable": "The body is not an event of Stripe's.",
}
