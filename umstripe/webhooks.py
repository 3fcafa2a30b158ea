"""The way in for Stripe's events. A delivery is one transaction: all of it or nothing (rule 2).

`receive` claims the event's row, lets its handler work (see handlers) and commits. When only Stripe can tell
which state is newer, it asks, outside of the transaction, and tries again (rules 3 and 9).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from sqlalchemy.exc import IntegrityError, OperationalError

from umstripe.database import db, write
from umstripe.errors import Rejected, UmstripeError
from umstripe.handlers import HANDLERS, Arrival, handle
from umstripe.models import Connection, Delivery
from umstripe.models.copied import State, Unclear

__all__ = ["HANDLERS", "fetch", "process_again", "process_failed", "receive"]
ROUNDS = 5
"""How often a delivery is tried again at once when another one was in its way or Stripe had to be asked."""
NOT_PROCESSED = ("failed", "foreign", "stale", "ignored")


def receive(
    mode: str, event: Mapping[str, Any], body: str, arrived: bool = True, again: Iterable[str] = ("failed",)
) -> str:
    """Apply a verified event, once. Gives its result (see Delivery), or `repeated` when it is done already.

    `arrived`: whether a delivery brought it, or catch-up found it; `again`: earlier results that are no end.
    Any failure is kept on the event's row, after everything it changed is rolled back, and then raised.
    """
    row = _row(mode, event, body, arrived)
    try:
        return _settled(mode, event, row, again)
    except Exception as error:
        with write() as tx:
            Delivery.fail(tx, row, _in_words(error))
        raise


def process_again(delivery: Delivery) -> str:
    """Apply an event that is here already once more, unless it has been processed meanwhile. As `receive`.

    Raises Rejected when its body is not kept any more.
    """
    mode, body, arrived = delivery.mode, delivery.body, delivery.arrived
    if not body:
        raise Rejected("The body of this event is not kept any more. An audit compares with Stripe instead.")
    db.session.rollback()
    return receive(mode, json.loads(body), body, arrived, NOT_PROCESSED)


def _settled(mode: str, event: Mapping[str, Any], row: dict[str, Any], again: Iterable[str]) -> str:
    fetched: dict[str, State] = {}
    for round_ in range(ROUNDS):
        try:
            return _applied(mode, event, row, again, fetched)
        except Unclear as unclear:
            fetched[unclear.stripe_id] = fetch(mode, unclear)
        except (IntegrityError, OperationalError):
            if round_ == ROUNDS - 1:
                raise
    raise UmstripeError("Newer states kept coming in while this one was fetched. Stripe will send it again.")


def _applied(
    mode: str, event: Mapping[str, Any], row: dict[str, Any], again: Iterable[str], fetched: dict[str, State]
) -> str:
    with write() as tx:
        if not Delivery.claim(tx, row, again):
            return "repeated"
        result = handle(Arrival(tx, mode, event, fetched))
        if result != "processed":
            Delivery.settle(tx, mode, event["id"], result)
        return result


def process_failed(mode: str, at_most: int = 1000) -> tuple[int, int]:
    """Process the oldest failed ones again. Gives how many were tried, and how many fail still."""
    tried, failed = Delivery.failed(mode, at_most), 0
    for delivery in tried:
        try:
            process_again(delivery)
        except Exception:
            failed += 1
    return len(tried), failed


def fetch(mode: str, unclear: Unclear) -> State:
    """Ask Stripe for the object that two deliveries disagree about. Raises StripeError, and the delivery fails."""
    stripe = Connection.of(mode).stripe()
    db.session.rollback()
    answer = stripe.fetch(unclear.kind, unclear.stripe_id)
    return State(mode, answer.object, answer.as_of, unclear.revision)


def _row(mode: str, event: Mapping[str, Any], body: str, arrived: bool) -> dict[str, Any]:
    return {
        "mode": mode,
        "stripe_event_id": event["id"],
        "type": event["type"],
        "stripe_object_id": event["data"]["object"].get("id") or "",
        "stripe_customer_id": _customer_of(event["data"]["object"]),
        "created": event["created"],
        "arrived": arrived,
        "body": body,
        "error": "",
        "tries": 1,
    }


def _customer_of(data: Mapping[str, Any]) -> str:
    said = data.get("id") if data.get("object") == "customer" else data.get("customer")
    found = said.get("id") if isinstance(said, Mapping) else said
    return found if isinstance(found, str) else ""


def _in_words(error: Exception) -> str:
    """What an admin may read: our own sentences, otherwise the kind of error. Details go to the log."""
    if isinstance(error, UmstripeError):
        return str(error)
    structlog.get_logger().error("a delivery failed", exc_info=error)
    return f"A fault in umstripe ({type(error).__name__}). The log has the details."
