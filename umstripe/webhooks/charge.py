from __future__ import annotations

from umstripe.emails import triggers
from umstripe.formatting import amount_words, status_words
from umstripe.models import Customer, Purchase
from umstripe.models.purchase import refund_words, status_of_charge
from umstripe.stripe_api import types
from umstripe.webhooks.context import EventContext, log_change, log_only
from umstripe.webhooks.dispute import apply_waiting_disputes
from umstripe.webhooks.registry import handles


@handles(
    "charge.captured",
    "charge.expired",
    "charge.failed",
    "charge.pending",
    "charge.refunded",
    "charge.succeeded",
)
def charge_changed(context: EventContext[types.Charge]) -> str:
    result = _sync(context)
    _apply_waiting_disputes(context)
    return result


def _sync(context: EventContext[types.Charge]) -> str:
    charge, status = context.object, status_in(context.event)
    change = Purchase.sync_from_stripe(context.tx, context.mode, charge, status, context.created)
    if change is None:
        amount = amount_words(charge["amount"], charge["currency"])
        return log_only(context, f"Charge of {amount}: {charge['status']}")
    triggers.notify_purchase_change(context.tx, context.mode, charge, change, context.created)
    if change.applied and (refunded := _refund_words(charge)):
        now = "" if change.before == change.after else f" (now {status_words(change.after)})"
        context.log(f"One-time payment: {refunded}{now}", change.user_id)
        return "processed"
    return log_change(context, change, "One-time payment")


def _apply_waiting_disputes(context: EventContext[types.Charge]) -> None:
    payment_id = context.object.get("payment_intent") or context.object["id"]
    purchase = Purchase.get_for_update(context.tx, context.mode, payment_id)
    if purchase is not None:
        apply_waiting_disputes(context, payment_id, purchase.customer_id)
        return
    customer = Customer.get_or_reserve(context.tx, context.mode, context.object.get("customer"))
    if customer is not None:
        apply_waiting_disputes(context, payment_id, customer.id)


def status_in(event: types.Event) -> str:
    """Return the status that an event of a charge brings."""
    return "failed" if event["type"] == "charge.expired" else status_of_charge(event["data"]["object"])


def _refund_words(charge: types.Charge) -> str:
    """Return what was given back of a payment, in words; "" for nothing, and for an amount that was only reserved."""
    if not charge.get("captured"):
        return ""
    return refund_words(charge.get("amount_refunded") or 0, charge["amount"], charge["currency"])
