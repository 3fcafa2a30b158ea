"""Invoices that are only shown: https://docs.stripe.com/api/invoices/create_preview."""

from __future__ import annotations

from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.billing import discounts, invoice_lines, invoices, lifecycle, plan_changes, sign_up
from stripe_simulator.core.errors import StripeError, missing
from stripe_simulator.core.objects import new_id, now

Json = dict[str, Any]


def of_subscription(mode: Mode, subscription: Json, details: Json, recurring: bool = False) -> Json:
    """Return the invoice that comes next, or at once when the details change something that is billed at once.

    `recurring` leaves out what is charged only once. Raise StripeError (400, 404).
    """
    options = plan_changes.ChangeOptions(
        details.get("proration_behavior", "create_prorations"), details.get("proration_date")
    )
    planned = plan_changes.plan(mode, subscription, details.get("items", []), options)
    once = [invoice_lines.of_proration(each, subscription) for each in planned.lines]
    waiting = [each["_line"] for each in invoice_lines.waiting(mode, subscription)]
    changed = subscription | {"items": planned.items}
    if recurring:
        return _preview(mode, _next(changed, details), [], "upcoming")
    if planned.bills_now(options):
        periods = planned.items["data"] if planned.restart else []
        return _preview(mode, changed, waiting + once, "subscription_update", periods)
    if _ends(subscription, details):
        if not once + waiting:
            raise no_next()
        return _preview(mode, changed, waiting + once, "upcoming", [])
    return _preview(mode, _next(changed, details), waiting + once, "upcoming")


def _ends(subscription: Json, details: Json) -> bool:
    """Return whether no period follows the present one."""
    if subscription["status"] in (*lifecycle.FINAL, "paused") or details.get("cancel_now"):
        return True
    return bool(details.get("cancel_at_period_end", subscription["cancel_at_period_end"]))


def _next(subscription: Json, details: Json) -> Json:
    """Return the subscription in the period that follows, or that begins when the trial ends."""
    end = details.get("trial_end")
    start = now() if end == "now" else end if isinstance(end, int) else None
    return subscription | {"items": lifecycle.next_period(subscription, start)}


def of_new(mode: Mode, customer: Json, details: Json) -> Json:
    """Return the first invoice of a subscription that does not exist yet. Raise StripeError (400)."""
    if not details.get("items"):
        raise missing("subscription_details[items]")
    end = sign_up.trial_end_from({"trial_end": details.get("trial_end")})
    subscription = sign_up.shape(mode, customer, details["items"], end, {})
    invoice = _preview(mode, subscription, [], "subscription_create", free=end is not None)
    return invoice | {"parent": None}


def no_next() -> StripeError:
    """Return the 404 for a preview of nothing."""
    return StripeError(
        404, "No upcoming invoices for customer", code="invoice_upcoming_none", param="subscription"
    )


def _preview(
    mode: Mode,
    subscription: Json,
    once: list[Json],
    reason: str,
    periods: list[Json] | None = None,
    free: bool = False,
) -> Json:
    customer = mode.find("customer", subscription["customer"])
    items = subscription["items"]["data"] if periods is None else periods
    lines = once + [invoice_lines.of_item(item, subscription, free) for item in items]
    lines = discounts.on_lines(mode, subscription, lines)
    invoice = invoices.draft(subscription, customer, reason)
    invoice |= {"id": f"upcoming_{new_id('invoice')}", "livemode": mode.livemode, "attempted": False}
    invoice |= invoices.totals(lines, customer["balance"])
    at = max([now(), *(line["period"]["start"] for line in lines)])
    tries = at + 3600 if subscription["collection_method"] == "charge_automatically" else None
    invoice |= {"created": at, "period_end": at, "next_payment_attempt": tries}
    invoice["ending_balance"] = invoice["starting_balance"] + invoice["total"] - invoice["amount_due"]
    return invoice | {"lines": invoice_lines.placed(lines, invoice)}
