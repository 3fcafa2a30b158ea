"""Subscriptions that stop altogether, service and invoices, and go on later: the status `paused`.

https://docs.stripe.com/billing/subscriptions/pause. Collection that is paused (`lifecycle.pause`) is another thing.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from stripe_simulator.account import due
from stripe_simulator.account.account import Mode
from stripe_simulator.account.due import Due
from stripe_simulator.billing import cards, invoice_lines, invoices, lifecycle, prorations, sign_up
from stripe_simulator.core.errors import bad_request
from stripe_simulator.core.objects import now

Json = dict[str, Any]
ON_ATTEMPT, ON_SUCCESS = "resume_on_payment_attempt", "resume_on_payment_success"
INVOICE_SECONDS = 23 * 3600
"""How long the invoice of a resumption waits for an attempt to pay it."""


def stop(mode: Mode, subscription: Json, unused_time_from: str = "now") -> Json:
    """Return a pause that was asked for: the period ends, nothing is invoiced, and unused time is credited.

    `unused_time_from` is `now`, `item_current_period_start` or `none`. Raise StripeError (400) in a trial, and
    where invoices are sent: https://docs.stripe.com/billing/subscriptions/pause#limitations.
    """
    lifecycle.require(subscription, "active")
    _only_automatic(subscription, "paused")
    items = subscription["items"]["data"]
    if unused_time_from != "none":
        start = min(item["current_period_start"] for item in items)
        since = now() if unused_time_from == "now" else start
        for each in prorations.of_change(items, [], since):
            invoice_lines.wait(mode, each, subscription)
    ended = [item | {"current_period_end": now()} for item in items]
    return paused(mode, subscription, "pause_requested", items=subscription["items"] | {"data": ended})


def paused(mode: Mode, subscription: Json, why: str, **changes: Any) -> Json:
    """Pause a subscription; `why` is a type of `status_details.paused.subscription`."""
    details = {"paused": {"subscription": {"type": why}, "transitioned_at": now(), "type": "subscription"}}
    events = (lifecycle.UPDATED, "customer.subscription.paused")
    return mode.change(subscription, *events, **changes, status="paused", status_details=details)


def _only_automatic(subscription: Json, verb: str) -> None:
    if subscription["collection_method"] != "charge_automatically":
        raise bad_request(
            f"Only subscriptions with `collection_method=charge_automatically` can be {verb}.", None
        )


def resume(mode: Mode, subscription: Json, payment: str = ON_ATTEMPT) -> Json:
    """Resume collection; a paused subscription is resumed when the invoice of its new period is paid.

    `payment` is the API's `payment_behavior`. By ON_ATTEMPT nobody tries to pay yet: it stays paused until somebody
    does, and a try that fails makes it past due. By ON_SUCCESS the card is charged at once, and while that fails it
    stays paused. Raise StripeError (400), also when ON_SUCCESS finds no card.
    """
    if subscription["pause_collection"]:
        return mode.change(subscription, lifecycle.UPDATED, pause_collection=None)
    lifecycle.require(subscription, "paused")
    _only_automatic(subscription, "resumed")
    subscription, invoice = _begun(mode, subscription, payment)
    if payment == ON_ATTEMPT and invoice["amount_due"]:
        return subscription
    method = cards.for_subscription(mode, subscription)
    if invoice["amount_due"] and method is None:
        raise sign_up.no_card()
    invoice = invoices.collect(mode, invoice, method)
    return resumed(mode, subscription, "active") if invoice["status"] == "paid" else subscription


def _begun(mode: Mode, subscription: Json, payment: str) -> tuple[Json, Json]:
    """Return the subscription with the period that it will have, and the open invoice for it: the one that waits already, or a new one."""
    invoice = invoices.latest(mode, subscription) if subscription.get("_resuming") else None
    ahead = {"items": lifecycle.next_period(subscription, now()), "billing_cycle_anchor": now()}
    if invoice is None or invoice["status"] != "open":
        invoice = invoices.open_invoice(mode, subscription | ahead, "subscription_cycle")
    invoice |= {"_once": payment == ON_ATTEMPT}
    mode.keep(invoice)
    waiting = {"_resuming": ahead, "latest_invoice": invoice["id"]}
    return mode.change(subscription, lifecycle.UPDATED, **waiting), invoice


def resumed(mode: Mode, subscription: Json, status: str) -> Json:
    """Resume a paused subscription whose resumption was paid for."""
    if not (ahead := subscription.get("_resuming")):
        return subscription
    events = (lifecycle.UPDATED, "customer.subscription.resumed")
    return mode.change(subscription, *events, **ahead, status=status, status_details=None, _resuming=None)


def refused(mode: Mode, subscription: Json, invoice: Json) -> None:
    """Somebody tried to pay the invoice of a resumption, in vain."""
    if subscription["status"] == "paused" and invoice.get("_once"):
        resumed(mode, subscription, "past_due")


@due.source
def of_resumptions(mode: Mode, customer: Json | None) -> Iterator[Due]:
    """Return invoices of resumptions that nobody tries to pay."""
    if customer is None:
        return
    for each in mode.every("subscription", customer=customer["id"], status="paused"):
        invoice = invoices.latest(mode, each)
        if each.get("_resuming") and invoice and not invoice["attempted"]:
            at = each["_resuming"]["billing_cycle_anchor"] + INVOICE_SECONDS
            yield Due(at, functools.partial(_come_to_nothing, mode, each, invoice))


def _come_to_nothing(mode: Mode, subscription: Json, invoice: Json) -> None:
    invoices.give_up(mode, invoice, "void")
    mode.keep(subscription | {"_resuming": None})
