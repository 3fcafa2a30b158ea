"""What charges, failed payments, invoices and disputes change. The table of handlers is in handlers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from umstripe.models import Customer, Purchase
from umstripe.models.purchase import refund_words, status_of_charge
from umstripe.webhooks import news
from umstripe.webhooks.arrival import Arrival, noted, said
from umstripe.words import amount_words, status_words

LONGEST_REASON = 1000


def charge_changed(arrival: Arrival) -> str:
    charge = arrival.object
    change = Purchase.apply(arrival.tx, arrival.mode, charge, status_in(arrival.event), arrival.created)
    if change is None:
        return noted(
            arrival, f"Charge of {amount_words(charge['amount'], charge['currency'])}: {charge['status']}"
        )
    news.of_purchase(arrival.tx, arrival.mode, charge, change, arrival.created)
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


def payment_failed(arrival: Arrival) -> str:
    error = arrival.object.get("last_payment_error") or {}
    reason = (error.get("message") or "Stripe gave no reason.")[:LONGEST_REASON]
    return noted(arrival, f"A payment failed: {reason}")


def invoice_changed(arrival: Arrival) -> str:
    """An invoice's fate; the subscription's own event says what follows from it."""
    invoice = arrival.object
    amount = amount_words(invoice.get("amount_due"), invoice.get("currency") or "")
    customer = Customer.known(arrival.tx, arrival.mode, invoice.get("customer"))
    if customer is not None:
        news.of_invoice(arrival.tx, arrival.mode, arrival.event, customer.user_id)
    return noted(arrival, f"Invoice of {amount}: {INVOICE_WORDS[arrival.event['type']]}")


INVOICE_WORDS = {
    "invoice.paid": "paid",
    "invoice.payment_failed": "the payment failed",
    "invoice.payment_action_required": "the member must confirm the payment",
}


def dispute_changed(arrival: Arrival) -> str:
    """A disputed payment: the roles stay as they are until Stripe says more of the charge or the subscription."""
    dispute = arrival.object
    words = f"Dispute of {amount_words(dispute['amount'], dispute['currency'])}: {dispute['status']}"
    table = Purchase.__table__
    found = select(Customer.user_id).join(table, table.c.customer_id == Customer.id)
    found = found.where(table.c.mode == arrival.mode)
    payment = dispute.get("payment_intent") or dispute.get("charge")
    user_id = arrival.tx.execute(found.where(table.c.stripe_payment_intent_id == payment)).scalar()
    if user_id is None:
        return "foreign"
    arrival.note(words, user_id)
    return "processed"
