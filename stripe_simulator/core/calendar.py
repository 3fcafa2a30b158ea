"""Billing periods. Times are seconds since 1970, UTC."""

from __future__ import annotations

import calendar
import datetime

DAY = 86_400


def after(at: int, interval: str, count: int) -> int:
    """Return the end of a period that begins at `at`. Months end on their last day, as with Stripe."""
    if interval in ("day", "week"):
        return at + DAY * count * (7 if interval == "week" else 1)
    start = datetime.datetime.fromtimestamp(at, datetime.UTC)
    months = start.month - 1 + count * (12 if interval == "year" else 1)
    year, month = start.year + months // 12, months % 12 + 1
    day = min(start.day, calendar.monthrange(year, month)[1])
    return int(start.replace(year=year, month=month, day=day).timestamp())


def following(begin: int, anchor: int, interval: str, count: int) -> int:
    """Return the end of a period that begins at `begin` in a cycle that is anchored: the 31st stays the 31st where it can."""
    if interval in ("day", "week") or anchor > begin:
        return after(begin, interval, count)
    months = count * (12 if interval == "year" else 1)
    first, last = (datetime.datetime.fromtimestamp(at, datetime.UTC) for at in (anchor, begin))
    passed = max(0, (last.year - first.year) * 12 + last.month - first.month) // months
    ends = (after(anchor, "month", step * months) for step in (passed, passed + 1, passed + 2))
    return next(end for end in ends if end > begin)
