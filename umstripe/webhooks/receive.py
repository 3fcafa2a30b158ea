"""The way in for Stripe's events. A delivery is one transaction: all of it or nothing (rule 2).

`receive` claims the event's row, lets its handler work (see registry) and commits; it tries again when only Stripe can
tell which state is newer (see transactions).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import structlog

from umstripe.database import Transaction, db, write
from umstripe.errors import DeliveryNotStored, MalformedObject, NotAllowed, StripeUnavailable, UmstripeError
from umstripe.models import Delivery, site_identity
from umstripe.models.dispute import payment_of
from umstripe.models.snapshot import Snapshot
from umstripe.stripe_api.calls import Answer, JSONObject
from umstripe.stripe_api.field_rules import ID, valid_or_empty
from umstripe.stripe_api.shapes import check_event
from umstripe.stripe_api.types import Event
from umstripe.transactions import FetchedStates, asking_stripe, with_retries
from umstripe.webhooks.context import EventContext
from umstripe.webhooks.registry import dispatch
from umstripe.webhooks.unusable import DeliveryValues, is_permanent, set_aside

EXPANDED = ("customer", "subscription", "payment_intent")
"""What a fetched session has as a whole, and an event's by its id."""
REPEATABLE = ("failed", "foreign", "stale", "ignored", "unsold", "unusable")


def receive(
    mode: str, event: Event, body: str, arrived: bool = True, retryable: Iterable[str] = ("failed",)
) -> str:
    """Apply a verified event, once. Return its result (see Delivery), or `repeated` when it is done already.

    `arrived`: whether a delivery brought it, or catch-up found it; `retryable`: earlier results that are not final.
    An event that can never be applied is `unusable`: one with a field that cannot be read, and one that causes the
    same fault a second time. Any other failure is kept on the event's row, after everything it changed is rolled
    back, and then raised. Raise DeliveryNotStored when it cannot be kept.
    """
    row = _delivery_values(mode, event, body, arrived)
    try:
        check_event(event)
        return _apply(mode, event, row, retryable)
    except Exception as error:
        result = _keep_failed(row, event, error)
        if result == "failed":
            raise
        return result


def _keep_failed(row: DeliveryValues, event: Event, error: Exception) -> str:
    """Keep an event that was not applied, with the reason. Return its result."""
    reason = _reason(error)
    try:
        by_mail = not site_identity.mismatches()
        db.session.rollback()
        with write() as tx:
            failure = (tx, row["mode"], row["stripe_event_id"], reason)
            if isinstance(error, MalformedObject) or (is_permanent(error) and Delivery.failed_with(*failure)):
                return set_aside(tx, row, event, reason, by_mail)
            Delivery.fail(tx, row, reason)
            return "failed"
    except Exception as fault:
        structlog.get_logger().error("a delivery could not be kept", exc_info=fault)
        raise DeliveryNotStored("The event could not be applied, and it could not be kept.") from error


def process_again(delivery: Delivery) -> str:
    """Apply an event that is here already once more, unless it has been processed meanwhile. As `receive`.

    Raise NotAllowed when its body is not kept any more.
    """
    mode, body, arrived = delivery.mode, delivery.body, delivery.arrived
    if not body:
        raise NotAllowed(
            "The body of this event is not kept any more. An audit compares with Stripe instead."
        )
    db.session.rollback()
    return receive(mode, json.loads(body), body, arrived, REPEATABLE)


def _apply(mode: str, event: Event, row: DeliveryValues, retryable: Iterable[str]) -> str:
    fetched: FetchedStates = {}

    def claim_and_dispatch(tx: Transaction) -> str:
        if not Delivery.claim(tx, row, retryable):
            return "repeated"
        result = dispatch(EventContext(tx, mode, event, fetched))
        if result != "processed":
            Delivery.set_result(tx, mode, event["id"], result)
        return result

    return with_retries(mode, fetched, claim_and_dispatch)


def process_failed(mode: str, at_most: int = 1000) -> tuple[int, int]:
    """Process the failed ones again. Return how many there are, and how many fail still.

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


def sync_checkout_session(mode: str, session_id: str) -> JSONObject:
    """Ask Stripe for a Checkout session and, when it is complete, apply it as its delivery would (rule 7).

    Return the session, with its line items and subscription as a whole; `deleted` when there is none. Whichever
    comes first, and however often, the end is the same. Raise StripeError.
    """
    with asking_stripe(mode, retries=0) as stripe:
        answer: Answer[JSONObject] = stripe.fetch("checkout.session", session_id)
    if answer.object.get("status") == "complete":
        _apply_complete_session(mode, answer.object, answer.as_of)
    return answer.object


def _apply_complete_session(mode: str, session: JSONObject, as_of: int) -> None:
    subscription, fetched = session.get("subscription"), {session["id"]: Snapshot(mode, session, as_of)}
    if isinstance(subscription, Mapping):
        fetched[subscription["id"]] = Snapshot(mode, subscription, as_of)
    event = event_for_session(mode, session, as_of)
    with_retries(mode, fetched, lambda tx: dispatch(EventContext(tx, mode, event, fetched, "member")))


def event_for_session(mode: str, session: Mapping[str, object], as_of: int) -> Event:
    """Return the event that a fetched session stands for: what belongs to the session is named in it by its id."""
    in_event = {
        name: value["id"] if name in EXPANDED and isinstance(value, Mapping) else value
        for name, value in session.items()
    }
    return {
        "id": "",
        "type": "checkout.session.completed",
        "created": as_of,
        "livemode": mode == "live",
        "data": {"object": in_event},
        "account": None,
    }


def _delivery_values(mode: str, event: Event, body: str, arrived: bool) -> DeliveryValues:
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


def _is_dispute(event: Event) -> bool:
    return bool(event["data"]["object"].get("object") == "dispute")


def _customer_of(data: JSONObject) -> str:
    customer = data.get("id") if data.get("object") == "customer" else data.get("customer")
    return valid_or_empty(ID, customer.get("id") if isinstance(customer, Mapping) else customer)


def _reason(error: Exception) -> str:
    """Return what an admin may read: our own sentences, otherwise the kind of error. Details go to the log."""
    if isinstance(error, UmstripeError):
        return str(error)
    structlog.get_logger().error("a delivery failed", exc_info=error)
    return f"A fault in umstripe ({type(error).__name__}). The log has the details."
