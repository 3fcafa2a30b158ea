"""The rows and roles that a life at Stripe must end in, read off the simulator's own state."""

from __future__ import annotations

import itertools
from typing import Any

from tests.at_stripe import MAPPED
from tests.selling import PURCHASE_STATUSES, role_for, roles_of, rows

BASIC, OTHER, ONCE = "Basic Plan", "Standard Plan", "Lifetime Access"


def truth_of(turns: list[dict]) -> tuple[list[tuple], list[tuple]]:
    """The rows of subscriptions and purchases that the simulator's own state stands for."""
    from umstripe.models.subscription import price_of, status_of

    held, paid = [], []
    lost = lost_payments(turns)
    for one in turns[-1]["objects"].values():
        if one["object"] == "subscription":
            end = one["items"]["data"][0]["current_period_end"]
            ended = one["ended_at"] if status_of(one) in ENDED else None
            times = (end, one["cancel_at"], ended, one["trial_end"])
            held.append((one["id"], status_of(one), price_of(one), *times))
        elif one["object"] == "charge":
            price = one["metadata"]["umstripe_price"]
            paid.append(
                (one["payment_intent"], _fate(one, lost), price, one["amount"], one["amount_refunded"])
            )
    return sorted(held), sorted(paid)


ENDED = ("canceled", "incomplete_expired")


def lost_payments(turns: list[dict]) -> set[str]:
    """Return the payment intents whose money a lost dispute has taken back."""
    events = (event for turn in turns for event in turn["events"] if event["type"] == "charge.dispute.closed")
    disputes = (event["data"]["object"] for event in events)
    return {dispute["payment_intent"] for dispute in disputes if dispute["status"] == "lost"}


def _fate(charge: dict, lost: set[str]) -> str:
    """What a charge means for the member, from Stripe's own fields."""
    if charge["status"] != "succeeded":
        return charge["status"]
    if charge["captured"]:
        if charge["refunded"]:
            return "refunded"
        return "disputed" if charge["payment_intent"] in lost else "paid"
    return "failed" if charge["refunded"] else "pending"


def rows_of(place: Any) -> tuple[list[tuple], list[tuple]]:
    held = """SELECT stripe_subscription_id, status, stripe_price_id, current_period_end, cancel_at, ended_at,
        trial_end FROM subscription ORDER BY 1"""
    paid = """SELECT stripe_payment_intent_id, status, stripe_price_id, amount, amount_refunded
        FROM purchase ORDER BY 1"""
    return rows(place.app, held), rows(place.app, paid)


def roles_due(place: Any, turns: list[dict]) -> list[set[str]]:
    """The roles that Stripe's state gives; several sets where two ended within the same seconds."""
    held, paid = truth_of(turns)
    holdings = [(one[1], one[2], one[5] or 0) for one in held]
    holdings += [(status, price, _refunded_at(turns, intent)) for intent, status, price, *_ in paid]
    live = {_role(place, *one) for one in holdings if one[0] in LIVE} - {""}
    if any(one[0] in LIVE for one in holdings):
        return [live]
    over = [one for one in holdings if one[0] in ("canceled", "refunded", "disputed")]
    last = max((one[2] for one in over), default=0)
    return [{_role(place, *one)} - {""} for one in over if one[2] >= last - 1] or [set()]


LIVE = {"active", "trialing", "past_due", "unpaid", "paused", "paid", "pending"}


def _role(place: Any, status: str, price: str, _ended: int) -> str:
    mapped = {BASIC: MAPPED, OTHER: MAPPED[:3], ONCE: PURCHASE_STATUSES}
    named = {place.prices[name]: statuses for name, statuses in mapped.items()}
    if status == "disputed":  # the role is that of a refund
        status = "refunded"
    return role_for(status) if status in named[price] else ""


def _refunded_at(turns: list[dict], intent: str) -> int:
    told = itertools.chain.from_iterable(turn["events"] for turn in turns)
    about = [one for one in told if one["data"]["object"].get("payment_intent") == intent]
    return max((one["created"] for one in about), default=0)


def held_against_stripe(place: Any, turns: list[dict]) -> None:
    """Rows and roles are Stripe's, and nothing failed is left."""
    here, there = rows_of(place), truth_of(turns)
    assert here == there, f"here {here}, at Stripe {there}"
    given, due = set(roles_of(place.app, "jane")), roles_due(place, turns)
    assert given in due, f"{given} where Stripe's state gives {due}"
    assert rows(place.app, "SELECT type, error FROM delivery WHERE result = 'failed'") == []
