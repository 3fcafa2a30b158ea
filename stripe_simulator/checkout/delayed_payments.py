"""Delayed payments: the bank's answer comes days after the session was completed.

https://docs.stripe.com/payments/checkout/fulfill-orders#delayed-notification-payment-methods
"""

from __future__ import annotations

from typing import Any

from stripe_simulator.account import test_clocks
from stripe_simulator.account.account import Mode
from stripe_simulator.billing import invoices, payments
from stripe_simulator.checkout.sessions import KIND
from stripe_simulator.core.errors import bad_request

Json = dict[str, Any]


def end_of_session(mode: Mode, session: Json, well: bool) -> Json:
    """Let the delayed payment of a session succeed or fail. Raise StripeError (400) when none waits."""
    charge = _waiting(mode, session)
    if charge is None:
        raise bad_request("No delayed payment of this session is under way.", "session")
    end(mode, charge, well)
    return mode.find(KIND, session["id"])


def _waiting(mode: Mode, session: Json) -> Json | None:
    if session["payment_intent"]:
        intent = mode.find("payment_intent", session["payment_intent"])
    else:
        invoice = mode.get("invoice", session["invoice"] or "")
        intent = mode.get("payment_intent", _intent_of(invoice or {}) or "") or {}
    charge = mode.get("charge", intent.get("latest_charge") or "")
    return charge if charge and charge["status"] == "pending" else None


def waits(mode: Mode, session: Json) -> bool:
    """Return whether the bank has not answered yet."""
    return session["status"] == "complete" and _waiting(mode, session) is not None


def end(mode: Mode, charge: Json, well: bool) -> Json:
    """Let a pending charge succeed or fail, with its session, invoice and subscription. Return the charge. Raise StripeError (400)."""
    with test_clocks.time_of(mode, charge["id"]):
        return _end(mode, charge, well)


def _end(mode: Mode, charge: Json, well: bool) -> Json:
    charge = payments.end_slow(mode, charge, well)
    invoice = _invoice_of(mode, charge)
    if invoice:
        _end_invoice(mode, invoice, well)
        session = mode.newest(KIND, invoice=invoice["id"])
    else:
        session = mode.newest(KIND, payment_intent=charge["payment_intent"])
    if session and well:
        mode.change(session, "checkout.session.async_payment_succeeded", payment_status="paid")
    elif session:
        mode.record("checkout.session.async_payment_failed", session)
    return charge


def _end_invoice(mode: Mode, invoice: Json, well: bool) -> None:
    invoice = invoices.end_slowly(mode, invoice, well)
    subscription = mode.find("subscription", invoice["parent"]["subscription_details"]["subscription"])
    if subscription["status"] not in ("active", "past_due", "unpaid", "incomplete"):
        return
    status = "active" if well else "past_due"
    mode.change(subscription, "customer.subscription.updated", status=status)


def _intent_of(invoice: Json) -> str | None:
    known = invoice.get("payments", {}).get("data", [])
    return str(known[0]["payment"]["payment_intent"]) if known else None


def _invoice_of(mode: Mode, charge: Json) -> Json | None:
    invoices = mode.every("invoice", customer=charge["customer"]) if charge["customer"] else []
    return next((each for each in invoices if _intent_of(each) == charge["payment_intent"]), None)
