"""An administrator approves or refuses a payment that waits, and what Stripe makes of it.

Stripe is asked outside of any transaction; its answer is applied by the function that deliveries use. Two decisions
at once meet at Stripe, which takes one: the other one hears what became of the payment. An answer that Stripe only
repeats has no time of its own, from which a membership could last: then the payment is fetched.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import cast

from umstripe.database import db, write
from umstripe.emails import triggers
from umstripe.errors import NotAllowed, StripeError
from umstripe.listings.approvals import PendingApproval
from umstripe.models import Purchase, free_order
from umstripe.models.purchase import status_of_charge
from umstripe.stripe_api import types
from umstripe.stripe_api.calls import Answer
from umstripe.stripe_api.client import Stripe
from umstripe.transactions import asking_stripe

APPROVE = "approve"
ALREADY = {
    "paid": "This payment has been approved already.",
    "refunded": "This payment was approved, and its amount was given back since.",
    "disputed": "This payment was approved, and the bank took it back since.",
    "failed": "The reservation has ended already: it was refused, or its time was over. Nothing was taken.",
}
GONE = "Stripe does not know this payment any more, so nothing was taken."


@dataclass(frozen=True)
class Outcome:
    """What became of a decision: `applied`, or overtaken by something before it; `message` is a sentence."""

    applied: bool
    message: str


def decide(approval: PendingApproval, decision: str) -> Outcome:
    """Take the reserved amount (`approve`) or give it back (`refuse`), and apply Stripe's answer.

    Raise StripeError when the payment waits as before, ClonedSite from a copy of the site, NotAllowed without keys.
    """
    purchase = approval.purchase
    if purchase.status != "pending":
        return Outcome(False, ALREADY[purchase.status])
    if approval.is_free:
        return _decide_free(approval, decision)
    mode, payment_id = purchase.mode, purchase.stripe_payment_intent_id
    with asking_stripe(mode, retries=1) as stripe:
        try:
            settle = stripe.capture_payment if decision == APPROVE else stripe.cancel_payment
            payment = settle(payment_id)
            payment = payment if payment.as_of else stripe.fetch("payment_intent", payment_id)
        except StripeError as error:
            return Outcome(False, ALREADY[_status_after(error, stripe, mode, payment_id)])
    _apply(mode, payment)
    return Outcome(True, _message(approval, decision))


def _decide_free(approval: PendingApproval, decision: str) -> Outcome:
    """There is nothing to take or to give back, so Stripe is not asked."""
    purchase = approval.purchase
    mode, session_id = purchase.mode, purchase.stripe_payment_intent_id
    status, at = "paid" if decision == APPROVE else "failed", int(time.time())
    db.session.commit()
    with write() as tx:
        before = free_order.decide(tx, mode, session_id, status, at)
        if before != "pending":
            return Outcome(False, ALREADY[before])
        triggers.notify_free_order_decision(tx, purchase, approval.user.id, status)
    return Outcome(True, _message(approval, decision))


def _status_after(error: StripeError, stripe: Stripe, mode: str, payment_id: str) -> str:
    """Return the status of a payment for which Stripe refused a decision. Raise the error if it waits still."""
    try:
        payment = stripe.fetch("payment_intent", payment_id)
    except StripeError:
        raise error from None
    if payment.object.get("deleted"):
        raise NotAllowed(GONE)
    status = _apply(mode, payment)
    if status == "pending":
        raise error
    return status


def _apply(mode: str, payment: Answer[types.PaymentIntent]) -> str:
    """Apply a payment intent's charge as its delivery would. Return the status."""
    charge = cast(types.Charge, payment.object["latest_charge"])  # fetched expanded
    status = status_of_charge(charge)
    if status == "pending" and payment.object.get("status") == "canceled":
        status = "failed"
    with write() as tx:
        change = Purchase.sync_from_stripe(tx, mode, charge, status, payment.as_of)
        triggers.notify_purchase_change(tx, mode, charge, change, payment.as_of)
    return status


def _message(approval: PendingApproval, decision: str) -> str:
    name, title = approval.user.username, approval.title
    if approval.is_free:
        if decision == APPROVE:
            return f"Approved: {name} has {title} now."
        return "Refused. There was nothing to pay."
    if decision == APPROVE:
        return f"Approved: {name} has paid {approval.amount} for {title}."
    return f"Refused: the {approval.amount} that were reserved are given back, and nothing was taken."
