"""What charges, failed payments and invoices change. The table of handlers is in handlers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from umstripe.emails import triggers
from umstripe.formatting import amount_words, status_words
from umstripe.models import Customer, Purchase
from umstripe.models.purchase import refund_words, status_of_charge
from umstripe.webhooks.context import EventContext, noted, said
from umstripe.webhooks.dispute import apply_waiting_disputes

LONGEST_REASON = 1000


def charge_changed(arrival: EventContext) -> str:
    result = _charge_applied(arrival)
    _apply_waiting_disputes(arrival)
    return result


def _apply_waiting_disputes(arrival: EventContext) -> None:
    payment_id = arrival.object.get("payment_intent") or arrival.object["id"]
    row = Purchase.get_for_update(arrival.tx, arrival.mode, payment_id)
    customer = (
        None if row else Customer.get_or_reserve(arrival.tx, arrival.mode, arrival.object.get("customer"))
    )
    customer_id = row.customer_id if row else customer.id if customer else None
    if customer_id is not None:
        apply_waiting_disputes(arrival, payment_id, customer_id)


def _charge_applied(arrival: EventContext) -> str:
    charge = arrival.object
    change = Purchase.sync_from_stripe(
        arrival.tx, arrival.mode, charge, status_in(arrival.event), arrival.created
    )
    if change is None:
        return noted(
            arrival, f"Charge of {amount_words(charge['amount'], charge['currency'])}: {charge['status']}"
        )
    triggers.notify_purchase_change(arrival.tx, arrival.mode, charge, change, arrival.created)
    if change.applied and (refunded := refund_words_of(charge)):
        now = "" if change.before == change.after else f" (now {status_words(change.after)})"
        arrival.note(f"One-time payment: {refunded}{now}", change.user_id)
        return "processed"
    return said(arrival, change, "One-time payment")


def status_in(event: Mapping[str, Any]) -> str:
    """The status that an event of a charge brings."""
    return "failed" if event["type"] == "charge.expired" else status_of_charge(event["data"]["object"])


def refund_words_of(charge: Mapping[str, Any]) -> str:
    """What was given back of a payment, in words; "" for nothing, and for an amount that was only reserved."""
    if not charge.get("captured"):
        return ""
    return refund_words(charge.get("amount_refunded") or 0, charge["amount"], charge["currency"])


def payment_failed(arrival: EventContext) -> str:
    error = arrival.object.get("last_payment_error") or {}
    reason = (error.get("message") or "Stripe gave no reason.")[:LONGEST_REASON]
    return noted(arrival, f"A payment failed: {reason}")


def invoice_changed(arrival: EventContext) -> str:
    """An invoice's fate; the subscription's own event says what follows from it."""
    invoice = arrival.object
    amount = amount_words(invoice.get("amount_due"), invoice.get("currency") or "")
    customer = Customer.get_or_reserve(arrival.tx, arrival.mode, invoice.get("customer"))
    if customer is not None:
        triggers.notify_payment_failure(arrival.tx, arrival.mode, arrival.event, customer.user_id)
    return noted(arrival, f"Invoice of {amount}: {INVOICE_WORDS[arrival.event['type']]}")


INVOICE_WORDS = {
    "invoice.paid": "paid",
    "invoice.payment_failed": "the payment failed",
    "invoice.payment_action_required": "the member must confirm the payment",
}
