"""Stripe's words, amounts and times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from babel.dates import format_datetime
from babel.numbers import format_currency

from umstripe.statuses import LABELS

ZERO_DECIMAL = frozenset(
    [
        "bif",
        "clp",
        "djf",
        "gnf",
        "jpy",
        "kmf",
        "krw",
        "mga",
        "pyg",
        "rwf",
        "vnd",
        "vuv",
        "xaf",
        "xof",
        "xpf",
    ]
)
"""https://docs.stripe.com/currencies#zero-decimal. But of its special cases UGX and ISK are told with two decimals
that are always 00 (5 UGX is 500), and HUF and TWD are without decimals in payouts alone."""
THREE_DECIMAL = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])


LAST_MOMENT = 253_370_764_800
"""The year 9999 in seconds, UTC: a calendar holds nothing later."""


def status_words(status: str) -> str:
    return LABELS.get(status, status.replace("_", " ").title())


DISPUTE_STATUSES = {
    "needs_response": "Dispute open: answer it",
    "under_review": "Dispute open: the bank looks at your answer",
    "won": "Dispute won",
    "lost": "Dispute lost",
    "prevented": "Dispute prevented",
    "warning_needs_response": "Inquiry: answer it",
    "warning_under_review": "Inquiry: the bank looks at your answer",
    "warning_closed": "Inquiry closed",
}
"""A dispute takes the money back until it is decided; an inquiry only asks: https://docs.stripe.com/disputes."""


def dispute_words(status: str) -> str:
    """Return a dispute's status in words; "" for none."""
    return DISPUTE_STATUSES.get(status, f"Dispute: {status_words(status)}") if status else ""


INVOICE_STATUSES = {
    "draft": "Being made",
    "open": "Open",
    "paid": "Paid",
    "uncollectible": "Not collected",
    "void": "Void",
}


def invoice_status_words(status: str) -> str:
    return INVOICE_STATUSES.get(status, status_words(status))


def amount_words(amount: int | None, currency: str) -> str:
    """Return an amount in Stripe's minor unit as money: 1999, `usd` is $19.99."""
    if amount is None or not currency:
        return ""
    code = currency.lower()
    places = 0 if code in ZERO_DECIMAL else 3 if code in THREE_DECIMAL else 2
    money = Decimal(amount).scaleb(-places)
    return format_currency(
        money, currency.upper(), locale="en_US", decimal_quantization=False, format=_format(places)
    )


def interval_words(interval: str, count: int) -> str:
    """Return how often a price is paid: `month`, `every 3 months`, or `one-time`."""
    if not interval:
        return "one-time"
    return interval if count == 1 else f"every {count} {interval}s"


def price_words(price: Any) -> str:
    """Return a price in one line: `$49.99 / every 3 months`."""
    amount = amount_words(price.unit_amount, price.currency) or "no fixed amount"
    return f"{amount} / {interval_words(price.interval, price.interval_count)}" if price.interval else amount


def term_words(name: str, before: Any, after: Any) -> str:
    """Return a change of what a plan says: `trial days: none → 14`."""
    return f"{name.replace('_', ' ')}: {_value_words(before)} → {_value_words(after)}"


def _value_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return moment_words(value) if isinstance(value, datetime) else str(value or "none")


def type_words(type_: str) -> str:
    return "Recurring" if type_ == "recurring" else "One-time"


def mode_words(mode: str) -> str:
    return "Sandbox" if mode == "test" else "Live"


def moment_words(moment: datetime | int | None, exact: bool = False) -> str:
    """Return a moment (or seconds, UTC) as `Nov 24, 2026, 2:05 PM UTC`; `exact`: with its seconds."""
    if moment is None:
        return ""
    aware = _in_calendar(moment) if isinstance(moment, int) else moment
    format_ = "MMM d, y, h:mm:ss a" if exact else "MMM d, y, h:mm a"
    return f"{format_datetime(aware, format_, locale='en_US')} UTC"


def day_words(moment: int) -> str:
    """Return the day of a moment (seconds, UTC) as `Nov 24, 2026`."""
    return format_datetime(_in_calendar(moment), "MMM d, y", locale="en_US")


def date_words(moment: int) -> str:
    """Return the day of a moment (seconds, UTC) in full: `November 24, 2026`."""
    return format_datetime(_in_calendar(moment), "MMMM d, y", locale="en_US")


def _in_calendar(moment: int) -> datetime:
    """Return a moment (seconds, UTC), or the first or last one that a calendar holds."""
    return datetime.fromtimestamp(min(max(moment, 0), LAST_MOMENT), UTC)


def _format(places: int) -> str:
    return "¤#,##0" + ("." + "0" * places if places else "")
