"""What happens to a subscription after it began: one verb for each turn of its life.

https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses. Every verb gives the
subscription as it is afterwards, and raises StripeError (400) where the status does not allow it.
"""

from __future__ import annotations

from typing import Any

from umstripe.simulator import billing, cards, invoice_lines, prorations
from umstripe.simulator.account import Mode
from umstripe.simulator.calendar import following
from umstripe.simulator.errors import bad_request
from umstripe.simulator.objects import now

Json = dict[str, Any]
FINAL = ("canceled", "incomplete_expired")
UPDATED = "customer.subscription.updated"


def _require(subscription: Json, *statuses: str) -> None:
    if subscription["status"] not in statuses:
        raise bad_request(
            f"This subscription is {subscription['status']}; this needs it to be {' or '.join(statuses)}.",
            "status",
        )


def next_period(subscription: Json, start: int | None = None) -> Json:
    """The items with the period that follows, or one that begins at `start` and anchors the cycle anew."""
    data = []
    for item in subscription["items"]["data"]:
        cycle, begin = item["price"]["recurring"], start or item["current_period_end"]
        anchor = start or subscription["billing_cycle_anchor"]
        end = following(begin, anchor, cycle["interval"], cycle["interval_count"])
        data.append(item | {"current_period_start": begin, "current_period_end": end})
    return subscription["items"] | {"data": data}


def renew(mode: Mode, subscription: Json, declined: bool = False) -> Json:
    """The next period begins, and its invoice is paid, or declined: then the subscription is past due."""
    _require(subscription, "active", "trialing", "past_due")
    if ends_with_period(subscription):
        return cancel(mode, subscription, "cancellation_requested")
    ahead = subscription | {"items": next_period(subscription)}
    invoice = billing.open_invoice(mode, ahead, "subscription_cycle")
    status = _collected(mode, subscription, invoice, declined)
    return mode.change(
        subscription, UPDATED, items=ahead["items"], latest_invoice=invoice["id"], status=status
    )


def ends_with_period(subscription: Json) -> bool:
    """Whether no period follows the present one."""
    at = subscription["cancel_at"]
    over = at is not None and at <= min(item["current_period_end"] for item in subscription["items"]["data"])
    return subscription["cancel_at_period_end"] or over


def _collected(mode: Mode, subscription: Json, invoice: Json, declined: bool) -> str:
    """The status after a renewal's invoice went its way."""
    if pause := subscription["pause_collection"]:
        billing.give_up(mode, invoice, pause["behavior"])
        return subscription["status"] if subscription["status"] != "trialing" else "active"
    if subscription["collection_method"] == "send_invoice":
        return "past_due" if declined else "active"
    method = _card(mode, subscription)
    paid = billing.collect(mode, invoice, method, declined)
    return "active" if paid["status"] == "paid" else "past_due"


def _card(mode: Mode, subscription: Json) -> Json:
    known = cards.for_subscription(mode, subscription)
    return known or cards.usual(mode, mode.find("customer", subscription["customer"]))


def fail(mode: Mode, subscription: Json) -> Json:
    """A renewal whose payment is declined: past due."""
    _require(subscription, "active", "trialing")
    return renew(mode, subscription, declined=True)


def unpaid(mode: Mode, subscription: Json) -> Json:
    """All retries of the payment are used up: unpaid."""
    if subscription["status"] in ("active", "trialing"):
        subscription = fail(mode, subscription)
    _require(subscription, "past_due")
    return mode.change(subscription, UPDATED, status="unpaid")


def recover(mode: Mode, subscription: Json) -> Json:
    """The open invoice is paid after all: active."""
    _require(subscription, "past_due", "unpaid", "incomplete")
    invoice = billing.latest(mode, subscription)
    if invoice and invoice["status"] == "open":
        method = _card(mode, subscription)
        if cards.decline_code(method):
            customer = mode.find("customer", subscription["customer"])
            method = cards.attach(mode, customer, "pm_card_visa")
        billing.collect(mode, invoice, method)
    return mode.change(subscription, UPDATED, status="active")


def pause(mode: Mode, subscription: Json, behavior: str = "void") -> Json:
    """Collection is paused, as from the dashboard: the status stays what it is."""
    _require(subscription, "active", "trialing", "past_due", "unpaid")
    return mode.change(subscription, UPDATED, pause_collection={"behavior": behavior, "resumes_at": None})


def stop(mode: Mode, subscription: Json, **bill_for: Any) -> Json:
    """A pause that was asked for: service and invoices end until it is resumed, and unused time is credited.

    `unused_time_from` is `now`, `item_current_period_start` or `none`.
    https://docs.stripe.com/changelog/dahlia/2026-05-27/pause-subscriptions
    """
    _require(subscription, "active", "trialing")
    items, since = subscription["items"]["data"], bill_for.get("unused_time_from", "now")
    if since != "none" and subscription["status"] == "active":
        start = min(item["current_period_start"] for item in items)
        _credit(mode, subscription, now() if since == "now" else start)
    return _paused(mode, subscription, "pause_requested")


def trial_pause(mode: Mode, subscription: Json) -> Json:
    """The trial ended without a card: paused."""
    _require(subscription, "trialing")
    return _paused(mode, subscription, "trial_end_without_payment_method")


def _paused(mode: Mode, subscription: Json, why: str) -> Json:
    events = (UPDATED, "customer.subscription.paused")
    paused = {"subscription": {"type": why}, "transitioned_at": now(), "type": "subscription"}
    return mode.change(subscription, *events, status="paused", status_details={"paused": paused})


def end_trial(mode: Mode, subscription: Json) -> Json:
    """The trial ends now, and the first paid period begins."""
    _require(subscription, "trialing")
    ended = subscription | {"trial_end": now()}
    return mode.change(subscription, UPDATED, trial_end=now(), **_new_period(mode, ended))


def resume(mode: Mode, subscription: Json, payment: str = "resume_on_payment_attempt") -> Json:
    """Paused collection goes on; a paused subscription begins a period and pays for it.

    `payment` is the API's `payment_behavior`: whether it may go on before it is paid.
    """
    if subscription["pause_collection"]:
        return mode.change(subscription, UPDATED, pause_collection=None)
    _require(subscription, "paused")
    ahead = subscription | {"items": next_period(subscription, now())}
    invoice = billing.open_invoice(mode, ahead, "subscription_cycle")
    paid = billing.collect(mode, invoice, _card(mode, subscription))
    changes: Json = {"items": ahead["items"], "latest_invoice": invoice["id"], "billing_cycle_anchor": now()}
    if paid["status"] == "paid" or payment == "resume_on_payment_attempt":
        return resumed(mode, subscription, paid, **changes)
    return mode.change(subscription, UPDATED, latest_invoice=invoice["id"])


def resumed(mode: Mode, subscription: Json, invoice: Json, **changes: Any) -> Json:
    """A paused subscription is paused no more: active, or past due while its invoice is open."""
    status = "active" if invoice["status"] == "paid" else "past_due"
    events = (UPDATED, "customer.subscription.resumed")
    return mode.change(subscription, *events, **changes, status=status, status_details=None)


def cancel_at_period_end(mode: Mode, subscription: Json) -> Json:
    """It will end with the present period. One that does already stays as it is."""
    _require(subscription, "active", "trialing", "past_due", "unpaid", "paused")
    if subscription["cancel_at_period_end"]:
        return subscription
    return mode.change(subscription, UPDATED, **ending(subscription, True))


def ending(subscription: Json, wanted: bool) -> Json:
    """The fields that say whether a subscription ends with its present period."""
    ends = min(item["current_period_end"] for item in subscription["items"]["data"])
    details = subscription["cancellation_details"] | {"reason": "cancellation_requested" if wanted else None}
    return {
        "cancel_at_period_end": wanted,
        "cancel_at": ends if wanted else None,
        "canceled_at": now() if wanted else None,
        "cancellation_details": details,
    }


def end_at(mode: Mode, subscription: Json, wanted: bool, **details: Any) -> Json:
    """It will end with the present period, or go on after all, as the portal says it.

    With flexible billing the portal sets `cancel_at` alone, and `cancel_at_period_end` stays false:
    https://docs.stripe.com/billing/subscriptions/billing-mode/compare
    """
    _require(subscription, "active", "trialing", "past_due", "unpaid", "paused")
    ends = max(item["current_period_end"] for item in subscription["items"]["data"])
    fields = ending(subscription, wanted) | {"cancel_at_period_end": False}
    fields["cancel_at"] = ends if wanted else None
    fields["cancellation_details"] |= details if wanted else {"comment": None, "feedback": None}
    return mode.change(subscription, UPDATED, **fields)


def undo_cancel(mode: Mode, subscription: Json) -> Json:
    """It will go on after all."""
    _require(subscription, "active", "trialing", "past_due", "unpaid", "paused")
    return mode.change(subscription, UPDATED, **ending(subscription, False))


def cancel(
    mode: Mode,
    subscription: Json,
    reason: str = "cancellation_requested",
    prorate: str = "none",
    **details: Any,
) -> Json:
    """It ends now. `prorate` credits the unused time: `create_prorations`, or `always_invoice` at once."""
    if subscription["status"] in FINAL:
        raise bad_request(f"This subscription is {subscription['status']} already.", "status")
    if prorate != "none" and subscription["status"] in ("active", "past_due"):
        _credit(mode, subscription, now())
        if prorate == "always_invoice" and invoice_lines.waiting(mode, subscription):
            billing.collect(mode, billing.bill(mode, subscription, "subscription_update", []), None)
    told = subscription["cancellation_details"] | {"reason": reason} | details
    ended = {
        "canceled_at": subscription["canceled_at"] or now(),
        "ended_at": now(),
        "cancellation_details": told,
    }
    return mode.change(
        subscription, "customer.subscription.deleted", status="canceled", cancel_at_period_end=False, **ended
    )


def _credit(mode: Mode, subscription: Json, since: int) -> None:
    for each in prorations.of_change(subscription["items"]["data"], [], since):
        invoice_lines.wait(mode, each, subscription)


def expire_incomplete(mode: Mode, subscription: Json) -> Json:
    """The first payment did not come within 23 hours: the subscription ends before it began."""
    _require(subscription, "incomplete")
    if invoice := billing.latest(mode, subscription):
        billing.give_up(mode, invoice, "void")
    return mode.change(subscription, UPDATED, status="incomplete_expired", ended_at=now())


def _new_period(mode: Mode, subscription: Json) -> Json:
    items = next_period(subscription, now())
    invoice = billing.open_invoice(mode, subscription | {"items": items}, "subscription_update")
    status = _collected(mode, subscription, invoice, declined=False)
    return {"items": items, "billing_cycle_anchor": now(), "latest_invoice": invoice["id"], "status": status}


def trial_will_end(mode: Mode, subscription: Json) -> Json:
    """Three days before the end of the trial Stripe says so."""
    _require(subscription, "trialing")
    mode.record("customer.subscription.trial_will_end", subscription)
    return subscription


def pending_update_expired(mode: Mode, subscription: Json) -> Json:
    """A change that waited for its payment came to nothing."""
    _require(subscription, "active", "trialing", "past_due")
    mode.record("customer.subscription.pending_update_expired", subscription)
    return subscription
