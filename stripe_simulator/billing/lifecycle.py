"""The lifecycle of a subscription: one function for each thing that happens to it.

https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses. Every verb gives the
subscription as it is afterwards, and raises StripeError (400) where the status does not allow it.
"""

from __future__ import annotations

from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.billing import cards, invoice_lines, invoices, prorations
from stripe_simulator.core.calendar import following
from stripe_simulator.core.errors import bad_request
from stripe_simulator.core.objects import now

Json = dict[str, Any]
FINAL = ("canceled", "incomplete_expired")
UPDATED = "customer.subscription.updated"


def require(subscription: Json, *statuses: str) -> None:
    """Raise StripeError (400) unless the status is one of these."""
    if subscription["status"] not in statuses:
        raise bad_request(
            f"This subscription is {subscription['status']}; this needs it to be {' or '.join(statuses)}.",
            "status",
        )


def next_period(subscription: Json, start: int | None = None) -> Json:
    """Return the items with the period that follows, or one that begins at `start` and anchors the cycle anew."""
    data = []
    for item in subscription["items"]["data"]:
        cycle, begin = item["price"]["recurring"], start or item["current_period_end"]
        anchor = start or subscription["billing_cycle_anchor"]
        end = following(begin, anchor, cycle["interval"], cycle["interval_count"])
        data.append(item | {"current_period_start": begin, "current_period_end": end})
    return subscription["items"] | {"data": data}


def renew(mode: Mode, subscription: Json, declined: bool = False) -> Json:
    """Begin the next period. Its invoice is paid, or declined: then the subscription is past due."""
    require(subscription, "active", "trialing", "past_due")
    if ends_with_period(subscription):
        return cancel(mode, subscription, "cancellation_requested")
    ahead = subscription | {"items": next_period(subscription)}
    invoice = invoices.open_invoice(mode, ahead, "subscription_cycle")
    status = _collected(mode, subscription, invoice, declined)
    return mode.change(
        subscription, UPDATED, items=ahead["items"], latest_invoice=invoice["id"], status=status
    )


def ends_with_period(subscription: Json) -> bool:
    """Return whether no period follows the present one."""
    at = subscription["cancel_at"]
    over = at is not None and at <= min(item["current_period_end"] for item in subscription["items"]["data"])
    return subscription["cancel_at_period_end"] or over


def _collected(mode: Mode, subscription: Json, invoice: Json, declined: bool) -> str:
    """Return the status after a renewal's invoice went its way."""
    if pause := subscription["pause_collection"]:
        invoices.give_up(mode, invoice, pause["behavior"])
        return subscription["status"] if subscription["status"] != "trialing" else "active"
    if subscription["collection_method"] == "send_invoice":
        return "past_due" if declined else "active"
    paid = invoices.collect(mode, invoice, cards.for_subscription(mode, subscription), declined)
    return "active" if paid["status"] == "paid" else "past_due"


def fail(mode: Mode, subscription: Json) -> Json:
    """Return a renewal whose payment is declined: past due."""
    require(subscription, "active", "trialing")
    return renew(mode, subscription, declined=True)


def unpaid(mode: Mode, subscription: Json) -> Json:
    """Return all retries of the payment are used up: unpaid."""
    if subscription["status"] in ("active", "trialing"):
        subscription = fail(mode, subscription)
    require(subscription, "past_due")
    return mode.change(subscription, UPDATED, status="unpaid")


def recover(mode: Mode, subscription: Json) -> Json:
    """Pay the open invoice: the subscription is active again."""
    require(subscription, "past_due", "unpaid", "incomplete")
    invoice = invoices.latest(mode, subscription)
    if invoice and invoice["status"] == "open":
        method = cards.for_subscription(mode, subscription)
        if method is None or cards.decline_code(method):
            method = cards.attach(mode, mode.find("customer", subscription["customer"]), "pm_card_visa")
        invoices.collect(mode, invoice, method)
    return mode.change(subscription, UPDATED, status="active")


def pause(mode: Mode, subscription: Json, behavior: str = "void") -> Json:
    """Pause collection, as the dashboard does: the status stays."""
    require(subscription, "active", "trialing", "past_due", "unpaid")
    return mode.change(subscription, UPDATED, pause_collection={"behavior": behavior, "resumes_at": None})


def cancel_at_period_end(mode: Mode, subscription: Json) -> Json:
    """Cancel a subscription at the end of its period, unless that is set already."""
    require(subscription, "active", "trialing", "past_due", "unpaid", "paused")
    if subscription["cancel_at_period_end"]:
        return subscription
    return mode.change(subscription, UPDATED, **ending(subscription, True))


def ending(subscription: Json, is_ending: bool) -> Json:
    """Return the fields that say whether a subscription ends with its present period."""
    ends = min(item["current_period_end"] for item in subscription["items"]["data"])
    details = subscription["cancellation_details"] | {
        "reason": "cancellation_requested" if is_ending else None
    }
    return {
        "cancel_at_period_end": is_ending,
        "cancel_at": ends if is_ending else None,
        "canceled_at": now() if is_ending else None,
        "cancellation_details": details,
    }


def end_at(mode: Mode, subscription: Json, is_ending: bool, **details: Any) -> Json:
    """Cancel a subscription at the end of its period, or undo that, as the portal does.

    With flexible billing the portal sets `cancel_at` alone, and `cancel_at_period_end` stays false:
    https://docs.stripe.com/billing/subscriptions/billing-mode/compare
    """
    require(subscription, "active", "trialing", "past_due", "unpaid", "paused")
    ends = max(item["current_period_end"] for item in subscription["items"]["data"])
    fields = ending(subscription, is_ending) | {"cancel_at_period_end": False}
    fields["cancel_at"] = ends if is_ending else None
    fields["cancellation_details"] |= details if is_ending else {"comment": None, "feedback": None}
    return mode.change(subscription, UPDATED, **fields)


def undo_cancel(mode: Mode, subscription: Json) -> Json:
    """Undo a cancellation that is set."""
    require(subscription, "active", "trialing", "past_due", "unpaid", "paused")
    return mode.change(subscription, UPDATED, **ending(subscription, False))


def cancel(
    mode: Mode,
    subscription: Json,
    reason: str = "cancellation_requested",
    prorate: str = "none",
    **details: Any,
) -> Json:
    """Cancel a subscription now. `prorate` credits the unused time: `create_prorations`, or `always_invoice` at once."""
    if subscription["status"] in FINAL:
        raise bad_request(f"This subscription is {subscription['status']} already.", "status")
    if prorate != "none" and subscription["status"] in ("active", "past_due"):
        _credit(mode, subscription, now())
        if prorate == "always_invoice" and invoice_lines.waiting(mode, subscription):
            invoices.collect(mode, invoices.bill(mode, subscription, "subscription_update", []), None)
    cancellation_details = subscription["cancellation_details"] | {"reason": reason} | details
    ended = {
        "canceled_at": subscription["canceled_at"] or now(),
        "ended_at": now(),
        "cancellation_details": cancellation_details,
    }
    return mode.change(
        subscription, "customer.subscription.deleted", status="canceled", cancel_at_period_end=False, **ended
    )


def _credit(mode: Mode, subscription: Json, since: int) -> None:
    for each in prorations.of_change(subscription["items"]["data"], [], since):
        invoice_lines.wait(mode, each, subscription)


def expire_incomplete(mode: Mode, subscription: Json) -> Json:
    """End a subscription whose first payment did not come within 23 hours."""
    require(subscription, "incomplete")
    if invoice := invoices.latest(mode, subscription):
        invoices.give_up(mode, invoice, "void")
    return mode.change(subscription, UPDATED, status="incomplete_expired", ended_at=now())


def new_period(mode: Mode, subscription: Json) -> Json:
    """Return what changes when a paid period begins now, its invoice paid or not."""
    items = next_period(subscription, now())
    invoice = invoices.open_invoice(mode, subscription | {"items": items}, "subscription_update")
    status = _collected(mode, subscription, invoice, declined=False)
    return {"items": items, "billing_cycle_anchor": now(), "latest_invoice": invoice["id"], "status": status}


def pending_update_expired(mode: Mode, subscription: Json) -> Json:
    """Give up a change that waited for its payment."""
    require(subscription, "active", "trialing", "past_due")
    mode.record("customer.subscription.pending_update_expired", subscription)
    return subscription


def is_ending(subscription: Json) -> bool:
    """Return whether the end of a subscription is set."""
    return subscription["cancel_at_period_end"] or subscription["cancel_at"] is not None
