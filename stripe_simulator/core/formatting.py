"""Amounts and times as people read them."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

Json = dict[str, Any]
NO_DECIMALS = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"
THREE_DECIMALS = "bhd jod kwd omr tnd"


def cost(price: Json) -> str:
    """Return what a price costs, for people."""
    if price["unit_amount_decimal"] is None:
        amount = price["billing_scheme"] if price["billing_scheme"] == "tiered" else "any amount"
    else:
        amount = money(price["unit_amount_decimal"], price["currency"])
    cycle = price["recurring"]
    if not cycle:
        return amount
    count = (
        f"{cycle['interval_count']} {cycle['interval']}s"
        if cycle["interval_count"] > 1
        else cycle["interval"]
    )
    return f"{amount} every {count}" + (", metered" if cycle["usage_type"] == "metered" else "")


def money(amount: int | str, currency: str) -> str:
    """Return an amount in the currency's smallest unit, for people."""
    places = 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2
    value = Decimal(amount).scaleb(-places)
    shown = f"{value:,.{places}f}" if value == round(value, places) else f"{value.normalize():,f}"
    return f"{shown} {currency.upper()}"


def minute(at: int) -> str:
    """Return a time as date and time of day, UTC."""
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%d %H:%M")


def day(at: int) -> str:
    """Return a time as a date, UTC."""
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%d")
