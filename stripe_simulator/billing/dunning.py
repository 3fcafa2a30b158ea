"""How often a payment is tried again, and what becomes of the subscription when none comes.

Stripe's dashboard has this under Billing, Revenue recovery, Retries:
https://docs.stripe.com/billing/revenue-recovery/smart-retries. Here it is a setting of the simulator.
"""

from __future__ import annotations

from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.core.calendar import DAY
from stripe_simulator.core.errors import bad_request
from stripe_simulator.core.objects import now

Json = dict[str, Any]
SHELF, KEY = "_settings", "dunning"
ENDS = ("canceled", "unpaid", "past_due")
USUAL: Json = {"retries": [3, 5, 7], "end": "canceled"}


def settings(mode: Mode) -> Json:
    """Return the settings. `retries`: days from one try to the next; `end`: the status after the last one."""
    return mode.get(SHELF, KEY) or USUAL


def choose(mode: Mode, retries: Any, end: str) -> Json:
    """Change the settings. Raise StripeError (400)."""
    days = [int(each) for each in retries if str(each).isdecimal()] if isinstance(retries, list) else []
    if not isinstance(retries, list) or len(days) != len(retries) or len(days) > 8 or not all(days):
        raise bad_request("retries must be a list of at most 8 numbers of days.", "retries")
    if end not in ENDS:
        raise bad_request(f"end must be one of {', '.join(ENDS)}.", "end")
    chosen: Json = {"retries": days, "end": end}
    mode.store.put(SHELF, mode.name, KEY, chosen)
    return chosen


def next_try(mode: Mode, invoice: Json) -> int | None:
    """Return when an invoice whose payment just failed is tried again, in seconds, UTC; None for never.

    The first invoice of a subscription is not tried again: it has 23 hours, and somebody at the page. Nor is one
    that resumes a subscription with an attempt.
    """
    if invoice["billing_reason"] == "subscription_create" or invoice.get("_once"):
        return None
    if invoice["collection_method"] == "send_invoice":
        return None
    days = settings(mode)["retries"]
    tries = invoice["attempt_count"]
    return now() + days[tries - 1] * DAY if 0 < tries <= len(days) else None
