"""What a change in the middle of a period costs: https://docs.stripe.com/billing/subscriptions/prorations.

Every changed item gives two lines: the unused time of what was there is credited, the remaining time of
what is there now is charged. Both are counted by the second, and each is rounded by itself to the
currency's smallest unit, halves away from zero.
"""

from __future__ import annotations

import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from stripe_simulator.billing import pricing

Json = dict[str, Any]


class Proration(NamedTuple):
    """One line: a credit (negative) or a charge for a part of an item's period. Times in seconds, UTC."""

    item: Json
    amount: int
    start: int
    end: int
    text: str


def of_change(before: list[Json], after: list[Json], at: int, restart: bool = False) -> list[Proration]:
    """Return the lines for items that were changed, added or removed at a time.

    `restart`: a new period begins, so everything unused is credited, and nothing of the old period charged.
    """
    kept = {item["id"]: item for item in after}
    known = {item["id"]: item for item in before}
    credited = [item for item in before if restart or not _same(item, kept.get(item["id"]))]
    charged = [] if restart else [item for item in after if not _same(item, known.get(item["id"]))]
    lines = [_line(item, at, "Unused", -1) for item in credited]
    lines += [_line(item, at, "Remaining", 1) for item in charged]
    return [line for line in lines if line.amount]


def _same(item: Json, other: Json | None) -> bool:
    return other is not None and (item["price"]["id"], _quantity(item)) == (
        other["price"]["id"],
        _quantity(other),
    )


def _quantity(item: Json) -> int:
    return int(item.get("quantity", 1))


def share(amount: int, start: int, end: int, at: int) -> int:
    """Return the part of an amount that falls to the time after `at`. All of it before the start, none after the end."""
    if end <= start:
        return 0
    left = min(max(end - at, 0), end - start)
    part = Decimal(amount) * left / (end - start)
    return int(part.to_integral_value(ROUND_HALF_UP))


def _line(item: Json, at: int, word: str, sign: int) -> Proration:
    start, end = item["current_period_start"], item["current_period_end"]
    amount = sign * share(pricing.total(item["price"], _quantity(item)), start, end, at)
    count = _quantity(item)
    description = f"{count} × {title(item['price'])}" if count > 1 else title(item["price"])
    day = datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%d %b %Y")
    return Proration(item, amount, at, end, f"{word} time on {description} after {day}")


def title(price: Json) -> str:
    """Return what a price is called on an invoice."""
    return price["nickname"] or price["id"]
