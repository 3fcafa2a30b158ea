"""What happens to a subscription after it began: one verb for each turn of its life.

https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses. Every verb gives the
subscription as it is afterwards, and raises StripeError (400) where the status does not allow it.
"""

from __future__ import annotations

from typing import Any

from umstripe.simulator import billing, cards, subscribing
from umstripe.simulator.account import Mode
from umstripe.simulator.calendar import after
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


def _next_period(subscription: Json, start: int | None = None) -> Json:
    """The items with the period that follows, or one that begins at `start`."""
    data = []
    for item in subscription["items"]["data"]:
        cycle, begin = item["price"]["recurring"], start or item["current_period_end"]
        end = after(begin, cycle["interval"], cycle["interval_count"])
        data.append(item | {"current_period_start": begin, "current_period_end": end})
    return subscription["items"] | {"data": data}


def renew(mode: Mode, subscription: Json, declined: bool = False) -> Json:
    """The next period begins, and its invoice is paid, or declined: then the subscription is past due."""
    _require(subscription, "active", "trialing", "past_due")
    if subscription["cancel_at_period_end"]:
        return cancel(mode, subscription, "cancellation_requested")
    ahead = subscription | {"items": _next_period(subscription)}
    invoice = billing.open_invoice(mode, ahead, "subscription_cycle")
    status = _collected(mode, subscription, invoice, declined)
    return mode.change(
        subscription, UPDATED, items=ahead["items"], latest_invoice=invoice["id"], status=status
    )


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


def trial_pause(mode: Mode, subscription: Json) -> Json:
    """The trial ended without a card: paused."""
    _require(subscription, "trialing")
    events = (UPDATED, "customer.subscription.paused")
    why: Json = {"type": "trial_end_without_payment_method"}
    paused = {"subscription": why, "transitioned_at": now(), "type": "subscription"}
    return mode.change(subscription, *events, status="paused", status_details={"paused": paused})


def end_trial(mode: Mode, subscription: Json) -> Json:
    """The trial ends now, and the first paid period begins."""
    _require(subscription, "trialing")
    ended = subscription | {"trial_end": now()}
    return mode.change(subscription, UPDATED, trial_end=now(), **_new_period(mode, ended))


def resume(mode: Mode, subscription: Json) -> Json:
    """Paused collection goes on; a paused subscription begins a period and pays for it."""
    if subscription["pause_collection"]:
        return mode.change(subscription, UPDATED, pause_collection=None)
    _require(subscription, "paused")
    ahead = subscription | {"items": _next_period(subscription, now())}
    invoice = billing.open_invoice(mode, ahead, "subscription_cycle")
    billing.collect(mode, invoice, _card(mode, subscription))
    return mode.change(
        subscription,
        UPDATED,
        "customer.subscription.resumed",
        items=ahead["items"],
        latest_invoice=invoice["id"],
        billing_cycle_anchor=now(),
        status="active",
        status_details=None,
    )


def cancel_at_period_end(mode: Mode, subscription: Json) -> Json:
    """It will end with the present period."""
    _require(subscription, "active", "trialing", "past_due", "unpaid", "paused")
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


def undo_cancel(mode: Mode, subscription: Json) -> Json:
    """It will go on after all."""
    _require(subscription, "active", "trialing", "past_due", "unpaid", "paused")
    return mode.change(subscription, UPDATED, **ending(subscription, False))


def cancel(mode: Mode, subscription: Json, reason: str = "cancellation_requested", **details: Any) -> Json:
    """It ends now."""
    if subscription["status"] in FINAL:
        raise bad_request(f"This subscription is {subscription['status']} already.", "status")
    told = subscription["cancellation_details"] | {"reason": reason} | details
    ended = {
        "canceled_at": subscription["canceled_at"] or now(),
        "ended_at": now(),
        "cancellation_details": told,
    }
    return mode.change(
        subscription, "customer.subscription.deleted", status="canceled", cancel_at_period_end=False, **ended
    )


def expire_incomplete(mode: Mode, subscription: Json) -> Json:
    """The first payment did not come within 23 hours: the subscription ends before it began."""
    _require(subscription, "incomplete")
    if invoice := billing.latest(mode, subscription):
        billing.give_up(mode, invoice, "void")
    return mode.change(subscription, UPDATED, status="incomplete_expired", ended_at=now())


def switch(mode: Mode, subscription: Json, price_id: str) -> Json:
    """Another price in the place of the first item's."""
    return replace_items(
        mode, subscription, [{"id": subscription["items"]["data"][0]["id"], "price": price_id}]
    )


def replace_items(mode: Mode, subscription: Json, wanted: list[Json], **changes: Any) -> Json:
    """Items changed, added or removed as the API's `items` say. Another interval begins a new, paid period."""
    before = subscription["items"]["data"]
    data = {item["id"]: item for item in before}
    for i, each in enumerate(wanted):
        _place(mode, subscription, data, each, f"items[{i}]")
    if not data:
        raise bad_request("A subscription must have at least one active price.", "items")
    items = subscribing.items_list(subscription["id"], list(data.values()))
    changes |= {"items": items, "currency": items["data"][0]["price"]["currency"]}
    if _cycle(before) != _cycle(items["data"]) and subscription["status"] == "active":
        changes |= _new_period(mode, subscription | changes)
    return mode.change(subscription, UPDATED, **changes)


def _cycle(items: list[Json]) -> tuple[str, int]:
    cycle = items[0]["price"]["recurring"]
    return cycle["interval"], cycle["interval_count"]


def _new_period(mode: Mode, subscription: Json) -> Json:
    items = _next_period(subscription, now())
    invoice = billing.open_invoice(mode, subscription | {"items": items}, "subscription_update")
    status = _collected(mode, subscription, invoice, declined=False)
    return {"items": items, "billing_cycle_anchor": now(), "latest_invoice": invoice["id"], "status": status}


def _place(mode: Mode, subscription: Json, data: dict[str, Json], wanted: Json, param: str) -> None:
    old = data.get(wanted.get("id", ""))
    if "id" in wanted and old is None:
        raise bad_request(f"No such subscription item: '{wanted['id']}'", f"{param}[id]", "resource_missing")
    if wanted.get("deleted"):
        data.pop(wanted.get("id", ""), None)
        return
    if old and "price" not in wanted:
        data[old["id"]] = old | {name: wanted[name] for name in ("quantity", "metadata") if name in wanted}
        return
    start = (old or subscription["items"]["data"][0])["current_period_start"]
    given = {"quantity": old.get("quantity", 1), "metadata": old["metadata"]} if old else {}
    made = subscribing.item(mode, subscription["id"], given | wanted, start, f"{param}[price]")
    made |= {"current_period_end": (old or subscription["items"]["data"][0])["current_period_end"]}
    made |= {"id": old["id"], "created": old["created"]} if old else {}
    data[made["id"]] = made


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
