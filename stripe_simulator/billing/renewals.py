"""Periods, one after the other, as time passes: https://docs.stripe.com/billing/invoices/subscription.

A period begins with a draft invoice. An hour later the invoice is finalized and paid, or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stripe_simulator.account import due
from stripe_simulator.account.account import Mode
from stripe_simulator.account.due import Due
from stripe_simulator.billing import (
    cards,
    dunning,
    invoices,
    lifecycle,
    open_invoices,
    pauses,
    plan_changes,
    previews,
    trials,
)
from stripe_simulator.core.calendar import DAY
from stripe_simulator.core.objects import now

Json = dict[str, Any]
FIRST_PAYMENT_SECONDS = 23 * 3600
WARNING_SECONDS = 3 * DAY
UPCOMING_SECONDS = 7 * DAY
RUNNING = ("active", "past_due", "unpaid")


@due.source
def of_subscriptions(mode: Mode, customer: Json | None) -> Iterator[Due]:
    """Return what becomes of a customer's subscriptions."""
    if customer is None:
        return
    for each in mode.every("subscription", customer=customer["id"]):
        if each["status"] not in lifecycle.FINAL:
            yield from _of(mode, each)


def _of(mode: Mode, subscription: Json) -> Iterator[Due]:
    status, ends = subscription["status"], subscription["cancel_at"]
    period = min(item["current_period_end"] for item in subscription["items"]["data"])
    if status == "incomplete":
        at = subscription["created"] + FIRST_PAYMENT_SECONDS
        yield Due(at, lambda: lifecycle.expire_incomplete(mode, subscription))
    elif status == "trialing":
        yield from _trial(mode, subscription)
    elif status in RUNNING and not lifecycle.ends_with_period(subscription):
        yield Due(period, lambda: begin_period(mode, subscription))
        yield from _upcoming(mode, subscription, period)
    if status != "incomplete" and (ends or subscription["cancel_at_period_end"]):
        yield Due(ends or period, lambda: lifecycle.cancel(mode, subscription))
    yield from _waiting(mode, subscription)


def _trial(mode: Mode, subscription: Json) -> Iterator[Due]:
    end = subscription["trial_end"]
    announcement = f"trial {end}"
    if subscription.get("_told") != announcement:
        yield Due(end - WARNING_SECONDS, lambda: _announce(mode, subscription, announcement, _trial_ends))
    if not lifecycle.ends_with_period(subscription):
        yield Due(end, lambda: end_trial(mode, subscription))


def _upcoming(mode: Mode, subscription: Json, period: int) -> Iterator[Due]:
    period_start = max(item["current_period_start"] for item in subscription["items"]["data"])
    announcement = f"upcoming {period}"
    is_silent = subscription["status"] == "unpaid" or subscription["pause_collection"]
    if (
        period - period_start > UPCOMING_SECONDS
        and subscription.get("_told") != announcement
        and not is_silent
    ):
        yield Due(
            period - UPCOMING_SECONDS, lambda: _announce(mode, subscription, announcement, _invoice_comes)
        )


def _waiting(mode: Mode, subscription: Json) -> Iterator[Due]:
    """Return a pause that ends by itself, and a change whose payment does not come."""
    resumes = (subscription["pause_collection"] or {}).get("resumes_at")
    if resumes:
        yield Due(resumes, lambda: pauses.resume(mode, subscription))
    if update := subscription["pending_update"]:
        yield Due(update["expires_at"], lambda: plan_changes.drop_pending(mode, subscription))


def _announce(mode: Mode, subscription: Json, announcement: str, record: Any) -> None:
    mode.keep(subscription | {"_told": announcement})
    record(mode, subscription)


def _trial_ends(mode: Mode, subscription: Json) -> None:
    mode.record("customer.subscription.trial_will_end", subscription)


def _invoice_comes(mode: Mode, subscription: Json) -> None:
    mode.record("invoice.upcoming", previews.of_subscription(mode, subscription, {}))


def begin_period(mode: Mode, subscription: Json) -> Json:
    """Begin the next period with a draft of its invoice. An unpaid subscription's stays a draft."""
    ahead = subscription | {"items": lifecycle.next_period(subscription)}
    invoice = invoices.draft_period(mode, ahead, "subscription_cycle")
    if subscription["status"] == "unpaid":
        mode.keep(invoice | {"auto_advance": False, "automatically_finalizes_at": None})
    status = "active" if subscription["status"] == "trialing" else subscription["status"]
    changes = {"items": ahead["items"], "latest_invoice": invoice["id"], "status": status}
    return mode.change(subscription, lifecycle.UPDATED, **changes)


def end_trial(mode: Mode, subscription: Json) -> Json:
    """End a trial. Without a card, `trial_settings` say what follows."""
    stopped = trials.without_card(mode, subscription)
    return begin_period(mode, subscription) if stopped is None else stopped


@due.source
def of_invoices(mode: Mode, customer: Json | None) -> Iterator[Due]:
    """Yield what is due for invoices: drafts to finalize, payments to retry, due dates."""
    if customer is None:
        return
    for status in ("draft", "open"):
        for each in mode.every("invoice", customer=customer["id"], status=status):
            yield from _of_invoice(mode, each)


def _of_invoice(mode: Mode, invoice: Json) -> Iterator[Due]:
    if invoice["status"] == "draft":
        if at := invoice["automatically_finalizes_at"]:
            yield Due(at, lambda: finalize(mode, invoice))
        return
    if at := invoice["next_payment_attempt"]:
        yield Due(at, lambda: attempt(mode, invoice))
    if invoice["due_date"] and not invoice.get("_overdue"):
        yield Due(invoice["due_date"], lambda: overdue(mode, invoice))


def finalize(mode: Mode, invoice: Json) -> None:
    """The hour is over: the invoice counts, and is paid, sent, or set aside while collection is paused."""
    subscription = invoices.subscription_of(mode, invoice)
    pause = (subscription or {}).get("pause_collection")
    if pause and pause["behavior"] == "keep_as_draft":
        mode.keep(invoice | {"auto_advance": False, "automatically_finalizes_at": None})
        return
    invoice = invoices.finalize(mode, invoice)
    if pause:
        invoices.give_up(mode, invoice, pause["behavior"])
    elif invoice["collection_method"] == "send_invoice" and invoice["amount_due"]:
        mode.record("invoice.sent", invoice)
    else:
        attempt(mode, invoice)


def attempt(mode: Mode, invoice: Json) -> None:
    """Try to take the money from the card there is now. The subscription follows."""
    subscription = invoices.subscription_of(mode, invoice)
    if subscription is None or subscription["status"] in lifecycle.FINAL:
        mode.keep(invoice | {"next_payment_attempt": None, "auto_advance": False})
        return
    tried = invoices.collect(mode, invoice, cards.for_subscription(mode, subscription))
    subscription = mode.find("subscription", subscription["id"])
    if tried["status"] == "paid":
        open_invoices.follow(mode, tried)
    elif subscription["status"] == "paused":
        pauses.refused(mode, subscription, tried)
    elif tried["next_payment_attempt"] is None:
        _end(mode, subscription)
    elif subscription["status"] == "active":
        mode.change(subscription, lifecycle.UPDATED, status="past_due")


def _end(mode: Mode, subscription: Json) -> None:
    """No payment came."""
    outcome = dunning.settings(mode)["end"]
    if outcome == "canceled":
        lifecycle.cancel(mode, subscription, "payment_failed")
    else:
        mode.change(subscription, lifecycle.UPDATED, status=outcome)


def overdue(mode: Mode, invoice: Json) -> None:
    """The day passed on which an invoice should have been paid by hand."""
    mode.keep(invoice | {"_overdue": now()})
    mode.record("invoice.overdue", invoice)
    subscription = invoices.subscription_of(mode, invoice)
    if (
        subscription
        and subscription["status"] == "active"
        and subscription["latest_invoice"] == invoice["id"]
    ):
        mode.change(subscription, lifecycle.UPDATED, status="past_due")
