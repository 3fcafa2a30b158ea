"""Invoices of subscriptions: https://docs.stripe.com/billing/invoices/workflow-transitions.

The simulator computes no tax.
"""

from __future__ import annotations

from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.billing import cards, discounts, dunning, invoice_lines, payments
from stripe_simulator.core import page_urls
from stripe_simulator.core.calendar import DAY
from stripe_simulator.core.objects import list_of, new_object, now

Json = dict[str, Any]
DRAFT_SECONDS = 3600


def open_invoice(mode: Mode, subscription: Json, reason: str, free: bool = False) -> Json:
    """Return a new invoice for the present period of a subscription and all that waits for it, open for payment."""
    lines = [invoice_lines.of_item(item, subscription, free) for item in subscription["items"]["data"]]
    return bill(mode, subscription, reason, lines)


def bill(mode: Mode, subscription: Json, reason: str, lines: list[Json]) -> Json:
    """Return a new invoice of the given lines and all that waits, open for payment."""
    return finalize(mode, _drafted(mode, subscription, reason, lines))


def draft_period(mode: Mode, subscription: Json, reason: str) -> Json:
    """Return the same as `open_invoice`, but it stays a draft for an hour, as with Stripe when a period begins."""
    lines = [invoice_lines.of_item(item, subscription) for item in subscription["items"]["data"]]
    at = now() + DRAFT_SECONDS
    tries = at if subscription["collection_method"] == "charge_automatically" else None
    later = {"automatically_finalizes_at": at, "next_payment_attempt": tries}
    return _drafted(mode, subscription, reason, lines, **later)


def _drafted(mode: Mode, subscription: Json, reason: str, lines: list[Json], **fields: Any) -> Json:
    customer = mode.find("customer", subscription["customer"])
    invoice = draft(subscription, customer, reason)
    waiting = invoice_lines.take(mode, invoice_lines.waiting(mode, subscription), invoice)
    lines = discounts.on_lines(mode, subscription, waiting + lines)
    invoice["lines"] = invoice_lines.placed(lines, invoice)
    invoice |= totals(lines, customer["balance"])
    discounts.use_up(mode, invoice)
    return mode.add(invoice | fields, "invoice.created")


def finalize(mode: Mode, invoice: Json) -> Json:
    """Finalize a draft: it gets its number and is open for payment. The customer's credit is used up first."""
    customer = mode.find("customer", invoice["customer"])
    number = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}"
    mode.keep(customer | {"next_invoice_sequence": customer["next_invoice_sequence"] + 1})
    left = invoice["starting_balance"] + invoice["total"] - invoice["amount_due"]
    if left != customer["balance"]:
        mode.change(mode.find("customer", customer["id"]), "customer.updated", balance=left)
    times = invoice["status_transitions"] | {"finalized_at": now()}
    return mode.change(
        invoice,
        "invoice.finalized",
        status="open",
        number=number,
        automatically_finalizes_at=None,
        next_payment_attempt=None,
        effective_at=now(),
        ending_balance=left,
        status_transitions=times,
        hosted_invoice_url=page_urls.address(f"/i/{invoice['id']}"),
        invoice_pdf=page_urls.address(f"/i/{invoice['id']}/pdf"),
    )


def totals(lines: list[Json], balance: int) -> Json:
    """Return the sums of an invoice. `balance` is the customer's: negative when the customer has a credit."""
    amount = sum(line["amount"] for line in lines)
    discount_totals = discounts.totals(lines)
    total = amount - sum(each["amount"] for each in discount_totals)
    sums: Json = {
        "subtotal": amount,
        "subtotal_excluding_tax": amount,
        "total": total,
        "total_excluding_tax": total,
    }
    sums |= {
        "discounts": [each["discount"] for each in discount_totals],
        "total_discount_amounts": discount_totals,
    }
    due = max(0, total + balance)
    return sums | {"amount_due": due, "amount_remaining": due, "starting_balance": balance}


def draft(subscription: Json, customer: Json, reason: str) -> Json:
    """Return an invoice with nothing on it yet."""
    period = subscription["items"]["data"][0]
    details = {"metadata": subscription["metadata"], "subscription": subscription["id"]}
    return new_object(
        "invoice",
        account_country="US",
        account_name="Umstripe Simulator",
        auto_advance=True,
        billing_reason=reason,
        collection_method=subscription["collection_method"],
        currency=subscription["currency"],
        customer=customer["id"],
        customer_address=customer["address"],
        customer_email=customer["email"],
        customer_name=customer["name"],
        customer_phone=customer["phone"],
        customer_tax_exempt="none",
        customer_tax_ids=[],
        due_date=_due(subscription),
        issuer={"type": "self"},
        metadata={},
        parent={"type": "subscription_details", "quote_details": None, "subscription_details": details},
        period_end=period["current_period_start"],
        period_start=period["current_period_start"],
        status="draft",
        test_clock=customer["test_clock"],
        total_discount_amounts=[],
        total_pretax_credit_amounts=[],
        total_taxes=[],
    )


def _due(subscription: Json) -> int | None:
    days = subscription["days_until_due"]
    return now() + days * DAY if subscription["collection_method"] == "send_invoice" and days else None


def collect(
    mode: Mode, invoice: Json, method: Json | None, declined: bool = False, confirmed: bool = False
) -> Json:
    """Try to pay an open invoice. It ends paid, or stays open with a failed attempt.

    `confirmed`: the owner of the card is here and has confirmed the payment.
    """
    if invoice["amount_remaining"] == 0:
        return paid(mode, invoice, attempted=True)
    if method is None:
        return _failed(mode, invoice)
    customer = mode.find("customer", invoice["customer"])
    about = {"description": "Subscription payment", "setup_future_usage": "off_session"}
    paid_for = _intent_of(mode, invoice) or payments.intent(
        mode, customer, invoice["amount_remaining"], invoice["currency"], method, **about
    )
    invoice = _with_payment(mode, invoice, paid_for)
    code = cards.decline_code(method)
    if declined or code:
        payments.decline(mode, paid_for, method, code or "generic_decline")
        return _failed(mode, invoice)
    if cards.must_confirm(method) and not confirmed:
        payments.ask(mode, paid_for, method)
        mode.record("invoice.payment_action_required", invoice)
        return _failed(mode, invoice)
    payments.succeed(mode, paid_for, method)
    return paid(mode, invoice, amount_paid=invoice["amount_due"], amount_remaining=0)


def collect_slowly(mode: Mode, invoice: Json, method: Json) -> Json:
    """Debit a bank account for an open invoice: it stays open until the bank has answered."""
    customer = mode.find("customer", invoice["customer"])
    about: Json = {"description": "Subscription payment", "setup_future_usage": "off_session"}
    about["payment_method_types"] = [method["type"]]
    paid_for = payments.intent(
        mode, customer, invoice["amount_remaining"], invoice["currency"], method, **about
    )
    payments.begin_slow(mode, paid_for, method)
    return _with_payment(mode, invoice, paid_for)


def end_slowly(mode: Mode, invoice: Json, well: bool) -> Json:
    """Record the bank's answer: the invoice is paid, or stays open with a failed attempt."""
    if not well:
        return _failed(mode, invoice)
    return paid(mode, invoice, amount_paid=invoice["amount_due"], amount_remaining=0)


def _intent_of(mode: Mode, invoice: Json) -> Json | None:
    known = invoice.get("payments", {}).get("data", [])
    return mode.get("payment_intent", known[0]["payment"]["payment_intent"]) if known else None


def _with_payment(mode: Mode, invoice: Json, paid_for: Json) -> Json:
    if "payments" in invoice:
        return invoice
    payment = new_object(
        "invoice_payment",
        amount_requested=invoice["amount_remaining"],
        currency=invoice["currency"],
        invoice=invoice["id"],
        is_default=True,
        livemode=invoice["livemode"],
        payment={"type": "payment_intent", "payment_intent": paid_for["id"]},
        status="open",
        status_transitions={"canceled_at": None, "paid_at": None},
    )
    after = invoice | {"payments": list_of([payment], f"/v1/invoices/{invoice['id']}/payments")}
    mode.keep(after)
    return after


def paid(mode: Mode, invoice: Json, **fields: Any) -> Json:
    """Mark an invoice as paid and record its events."""
    times = invoice["status_transitions"] | {"paid_at": now()}
    fields |= {"attempted": True, "attempt_count": invoice["attempt_count"] + 1, "next_payment_attempt": None}
    if "payments" in invoice:
        ends = {"canceled_at": None, "paid_at": now()}
        amount = {"status": "paid", "amount_paid": invoice["amount_due"], "status_transitions": ends}
        data = [payment | amount for payment in invoice["payments"]["data"]]
        fields["payments"] = invoice["payments"] | {"data": data}
        mode.record("invoice_payment.paid", data[0])
    events = ("invoice.paid", "invoice.payment_succeeded")
    return mode.change(
        invoice, *events, status="paid", auto_advance=False, status_transitions=times, **fields
    )


def _failed(mode: Mode, invoice: Json) -> Json:
    tried = {"attempted": True, "attempt_count": invoice["attempt_count"] + 1}
    later = dunning.next_try(mode, invoice | tried)
    return mode.change(invoice, "invoice.payment_failed", next_payment_attempt=later, **tried)


def give_up(mode: Mode, invoice: Json, behavior: str) -> Json:
    """End an unpaid invoice: `void`, `mark_uncollectible`, or `keep_as_draft`, which leaves it be."""
    ends = {"void": ("void", "invoice.voided", "voided_at")}
    ends["mark_uncollectible"] = ("uncollectible", "invoice.marked_uncollectible", "marked_uncollectible_at")
    if behavior not in ends or invoice["status"] != "open":
        return invoice
    status, event, at = ends[behavior]
    times = invoice["status_transitions"] | {at: now()}
    fields = {"auto_advance": False, "next_payment_attempt": None}
    return mode.change(invoice, event, status=status, status_transitions=times, **fields)


def latest(mode: Mode, subscription: Json) -> Json | None:
    """Return the newest invoice of a subscription."""
    return mode.get("invoice", subscription["latest_invoice"]) if subscription["latest_invoice"] else None


def subscription_of(mode: Mode, invoice: Json) -> Json | None:
    """Return the subscription that an invoice is for, or None."""
    details = (invoice["parent"] or {}).get("subscription_details") or {}
    return mode.get("subscription", details.get("subscription") or "")
