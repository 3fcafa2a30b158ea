"""The way in for Stripe's events. A delivery is one transaction: all of it or nothing (rule 2).

`receive` claims the event's row, lets its handler work (see handlers) and commits; in rounds, when only Stripe can tell
which state is newer (see rounds).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import structlog

from umstripe.database import Transaction, db, write
from umstripe.errors import DeliveryNotStored, MalformedObject, NotAllowed, StripeUnavailable, UmstripeError
from umstripe.models import Connection, Delivery, site_identity
from umstripe.models.dispute import payment_of
from umstripe.models.snapshot import Snapshot
from umstripe.stripe_api.field_rules import ID, valid_or_empty
from umstripe.stripe_api.shapes import check_event
from umstripe.transactions import with_retries
from umstripe.webhooks.checkout_session import handle
from umstripe.webhooks.context import EventContext
from umstripe.webhooks.unusable import is_lasting, set_aside

SHORTENED = ("customer", "subscription", "payment_intent")
"""What a fetched session has as a whole, and an event's by its id."""
NOT_PROCESSED = ("failed", "foreign", "stale", "ignored", "unsold", "unusable")


def receive(
    mode: str, event: Mapping[str, Any], body: str, arrived: bool = True, again: Iterable[str] = ("failed",)
) -> str:
    """Apply a verified event, once. Gives its result (see Delivery), or `repeated` when it is done already.

    `arrived`: whether a delivery brought it, or catch-up found it; `again`: earlier results that are no end.
    An event that can never be applied is `unusable`: one with a field that cannot be read, and one that causes the
    same fault a second time. Any other failure is kept on the event's row, after everything it changed is rolled
    back, and then raised. Raises DeliveryNotStored when it cannot be kept.
    """
    row = _row(mode, event, body, arrived)
    try:
        check_event(event)
        return _settled(mode, event, row, again)
    except Exception as error:
        result = _kept(row, event, error)
        if result == "failed":
            raise
        return result


def _kept(row: dict[str, Any], event: Mapping[str, Any], error: Exception) -> str:
    """Keep an event that was not applied, with the reason. Return its result."""
    reason = _in_words(error)
    try:
        by_mail = not site_identity.mismatches()
        db.session.rollback()
        with write() as tx:
            known = (tx, row["mode"], row["stripe_event_id"], reason)
            if isinstance(error, MalformedObject) or (is_lasting(error) and Delivery.failed_with(*known)):
                return set_aside(tx, row, event, reason, by_mail)
            Delivery.fail(tx, row, reason)
            return "failed"
    except Exception as fault:
        structlog.get_logger().error("a delivery could not be kept", exc_info=fault)
        raise DeliveryNotStored("The event could not be applied, and it could not be kept.") from error


def process_again(delivery: Delivery) -> str:
    """Apply an event that is here already once more, unless it has been processed meanwhile. As `receive`.

    Raises NotAllowed when its body is not kept any more.
    """
    mode, body, arrived = delivery.mode, delivery.body, delivery.arrived
    if not body:
        raise NotAllowed(
            "The body of this event is not kept any more. An audit compares with Stripe instead."
        )
    db.session.rollback()
    return receive(mode, json.loads(body), body, arrived, NOT_PROCESSED)


def _settled(mode: str, event: Mapping[str, Any], row: dict[str, Any], again: Iterable[str]) -> str:
    fetched: dict[str, Snapshot] = {}
    return with_retries(mode, fetched, lambda tx: _applied(tx, mode, event, row, again, fetched))


def _applied(
    tx: Transaction,
    mode: str,
    event: Mapping[str, Any],
    row: dict[str, Any],
    again: Iterable[str],
    fetched: dict[str, Snapshot],
) -> str:
    if not Delivery.claim(tx, row, again):
        return "repeated"
    result = handle(EventContext(tx, mode, event, fetched))
    if result != "processed":
        Delivery.set_result(tx, mode, event["id"], result)
    return result


def process_failed(mode: str, at_most: int = 1000) -> tuple[int, int]:
    """Process the failed ones again. Gives how many there are, and how many fail still.

    The first that Stripe has no answer for is the last: all would wait for it in vain, and somebody for them.
    """
    waiting, applied = Delivery.failed(mode, at_most), 0
    for delivery in waiting:
        try:
            process_again(delivery)
            applied += 1
        except StripeUnavailable:
            break
        except Exception:
            continue
    return len(waiting), len(waiting) - applied


def settle_session(mode: str, session_id: str) -> dict[str, Any]:
    """Ask Stripe for a Checkout session and, when it is complete, apply it as its delivery would (rule 7).

    Gives the session, with its line items and subscription as a whole; `deleted` when there is none. Whichever
    comes first, and however often, the end is the same. Raises StripeError.
    """
    stripe = Connection.of(mode).stripe(retries=0)
    db.session.rollback()
    answer = stripe.fetch("checkout.session", session_id)
    if answer.object.get("status") == "complete":
        _settle_complete(mode, answer.object, answer.as_of)
    return answer.object


def _settle_complete(mode: str, session: Mapping[str, Any], as_of: int) -> None:
    subscription, fetched = session.get("subscription"), {session["id"]: Snapshot(mode, session, as_of)}
    if isinstance(subscription, Mapping):
        fetched[subscription["id"]] = Snapshot(mode, subscription, as_of)
    event = event_of(session, as_of)
    with_retries(mode, fetched, lambda tx: handle(EventContext(tx, mode, event, fetched, "member")))


def event_of(session: Mapping[str, Any], as_of: int) -> dict[str, Any]:
    """The event that a fetched session stands for: in it, what belongs to the session is named by its id."""
    bare = {
        name: value["id"] if name in SHORTENED and isinstance(value, Mapping) else value
        for name, value in session.items()
    }
    return {"id": "", "type": "checkout.session.completed", "created": as_of, "data": {"object": bare}}


def _row(mode: str, event: Mapping[str, Any], body: str, arrived: bool) -> dict[str, Any]:
    return {
        "mode": mode,
        "stripe_event_id": event["id"],
        "type": event["type"],
        "stripe_object_id": valid_or_empty(ID, event["data"]["object"].get("id")),
        "stripe_customer_id": _customer_of(event["data"]["object"]),
        "stripe_payment_id": payment_of(event["data"]["object"]) if _is_dispute(event) else "",
        "created": event["created"],
        "arrived": arrived,
        "body": body,
        "error": "",
        "tries": 1,
    }


def _is_dispute(event: Mapping[str, Any]) -> bool:
    return bool(event["data"]["object"].get("object") == "dispute")


def _customer_of(data: Mapping[str, Any]) -> str:
    said = data.get("id") if data.get("object") == "customer" else data.get("customer")
    return valid_or_empty(ID, said.get("id") if isinstance(said, Mapping) else said)


def _in_words(error: Exception) -> str:
    """What an admin may read: our own sentences, otherwise the kind of error. Details go to the log."""
    if isinstance(error, UmstripeError):
        return str(error)
    structlog.get_logger().error("a delivery failed", exc_info=error)
    return f"A fault in umstripe ({type(error).__name__}). The log has the details."
