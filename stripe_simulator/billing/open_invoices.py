"""An open invoice is paid after all, and the subscription follows.

https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses
"""

from __future__ import annotations

from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.billing import cards, invoices, lifecycle, pauses, plan_changes, sign_up
from stripe_simulator.core.errors import bad_request

Json = dict[str, Any]


def pay(mode: Mode, invoice: Json, method: Json | None = None, confirmed: bool = False) -> Json:
    """Pay an open invoice with a card, the usual one by default. Return the invoice.

    Raise StripeError: 400 where there is nothing to pay or no card, 402 when the card is declined; then the
    failed attempt stays on the invoice.
    """
    if invoice["status"] == "paid":
        raise bad_request("Invoice is already paid", None, "invoice_already_paid")
    if invoice["status"] not in ("open", "uncollectible"):
        raise bad_request(f"This invoice is {invoice['status']} and cannot be paid.", "invoice")
    method = method or usual_card(mode, invoice)
    if method is None:
        raise sign_up.no_card()
    paid = invoices.collect(mode, invoice, method, confirmed=confirmed)
    if paid["status"] != "paid":
        if subscription := invoices.subscription_of(mode, paid):
            pauses.refused(mode, subscription, paid)
        raise sign_up.refused(method, "invoice").lasting()
    follow(mode, paid)
    return mode.find("invoice", invoice["id"])


def pay_elsewhere(mode: Mode, invoice: Json) -> Json:
    """Note that an open invoice was paid outside of Stripe. Raise StripeError (400)."""
    if invoice["status"] != "open":
        raise bad_request(f"This invoice is {invoice['status']} and cannot be paid.", "invoice")
    elsewhere = {"amount_paid_off_stripe": invoice["amount_remaining"], "amount_remaining": 0}
    paid = invoices.paid(mode, invoice, **elsewhere)
    follow(mode, paid)
    return paid


def usual_card(mode: Mode, invoice: Json) -> Json | None:
    """Return the card that an invoice is paid with when nobody names another."""
    if subscription := invoices.subscription_of(mode, invoice):
        return cards.for_subscription(mode, subscription)
    customer = mode.find("customer", invoice["customer"])
    chosen = customer["invoice_settings"]["default_payment_method"]
    return mode.get("payment_method", chosen) if chosen else None


def follow(mode: Mode, invoice: Json) -> None:
    """What the payment of an invoice means for its subscription. Only the latest invoice changes the status."""
    subscription = invoices.subscription_of(mode, invoice)
    if subscription is None or subscription["latest_invoice"] != invoice["id"]:
        return
    if subscription["pending_update"]:
        plan_changes.apply_pending(mode, subscription)
    elif subscription["status"] in ("incomplete", "past_due", "unpaid"):
        mode.change(subscription, lifecycle.UPDATED, status="active")
    elif subscription["status"] == "paused":
        pauses.resumed(mode, subscription, "active")
