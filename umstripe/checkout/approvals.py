"""What an administrator answers to a payment that waits, and what Stripe makes of it.

Stripe is asked outside of any transaction; its answer is applied by the function that deliveries use. Two answers
at once meet at Stripe, which takes one: the other one hears what became of the payment. An answer that Stripe only
repeats has no time of its own, from which a membership could last: then the payment is looked at.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from umstripe.database import db, write
from umstripe.emails import triggers
from umstripe.errors import NotAllowed, StripeError
from umstripe.listings.approvals import Waiting
from umstripe.models import Connection, Purchase, free_order
from umstripe.models.purchase import status_of_charge
from umstripe.stripe_api.calls import Answer
from umstripe.stripe_api.client import Stripe

APPROVE, REFUSE = "approve", "refuse"
ALREADY = {
    "paid": "This payment has been approved already.",
    "refunded": "This payment was approved, and its amount was given back since.",
    "disputed": "This payment was approved, and the bank took it back since.",
    "failed": "The reservation has ended already: it was refused, or its time was over. Nothing was taken.",
}
GONE = "Stripe does not know this payment any more, so nothing was taken."


@dataclass(frozen=True)
class Outcome:
    """What became of an answer: `done` by it, or by something else before; `says` is a sentence."""

    done: bool
    says: str


def answer(waiting: Waiting, verb: str) -> Outcome:
    """Take the reserved amount (`approve`) or give it back (`refuse`), and apply what Stripe says.

    Raises StripeError when the payment waits as before, ClonedSite from a copy of the site, NotAllowed without keys.
    """
    purchase = waiting.purchase
    if purchase.status != "pending":
        return Outcome(False, ALREADY[purchase.status])
    if waiting.is_free:
        return _answer_free(waiting, verb)
    mode, payment_id = purchase.mode, purchase.stripe_payment_intent_id
    stripe = Connection.of(mode).stripe(retries=1)
    db.session.commit()
    try:
        said = (stripe.capture_payment if verb == APPROVE else stripe.cancel_payment)(payment_id)
        said = said if said.as_of else stripe.fetch("payment_intent", payment_id)
    except StripeError as error:
        return Outcome(False, ALREADY[_settled_before(mode, payment_id, stripe, error)])
    _apply(mode, said)
    return Outcome(True, _done(waiting, verb))


def _answer_free(waiting: Waiting, verb: str) -> Outcome:
    """There is nothing to take or to give back, so Stripe is not asked."""
    mode, session_id = waiting.purchase.mode, waiting.purchase.stripe_payment_intent_id
    status, at = "paid" if verb == APPROVE else "failed", int(time.time())
    db.session.commit()
    with write() as tx:
        before = free_order.decide(tx, mode, session_id, status, at)
        if before == "pending":
            triggers.notify_free_order_decision(tx, waiting.purchase, waiting.user.id, status)
    return Outcome(True, _done(waiting, verb)) if before == "pending" else Outcome(False, ALREADY[before])


def _settled_before(mode: str, payment_id: str, stripe: Stripe, error: StripeError) -> str:
    """What became of a payment that Stripe did not let us answer. Raises the error if it waits still."""
    try:
        said = stripe.fetch("payment_intent", payment_id)
    except StripeError:
        raise error from None
    if said.object.get("deleted"):
        raise NotAllowed(GONE)
    status = _apply(mode, said)
    if status == "pending":
        raise error
    return status


def _apply(mode: str, said: Answer) -> str:
    """Apply a payment intent's charge as its delivery would. Gives the status."""
    charge = said.object["latest_charge"]
    status = status_of_charge(charge)
    if status == "pending" and said.object["status"] == "canceled":
        status = "failed"
    with write() as tx:
        change = Purchase.sync_from_stripe(tx, mode, charge, status, said.as_of)
        triggers.notify_purchase_change(tx, mode, charge, change, said.as_of)
    return status


def _done(waiting: Waiting, verb: str) -> str:
    if waiting.is_free:
        return (
            f"Approved: {waiting.user.username} has {waiting.title} now."
            if verb == APPROVE
            else "Refused. There was nothing to pay."
        )
    if verb == APPROVE:
        return f"Approved: {waiting.user.username} has paid {waiting.amount} for {waiting.title}."
    return f"Refused: the {waiting.amount} that were reserved are given back, and nothing was taken."
