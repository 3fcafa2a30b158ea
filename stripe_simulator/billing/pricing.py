"""What things cost. Amounts are in the smallest unit of the currency."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.core.errors import bad_request, missing
from stripe_simulator.core.fields import merged_metadata, updates
from stripe_simulator.core.formatting import cost
from stripe_simulator.core.objects import new_object

Json = dict[str, Any]
MAX_AMOUNT = 999_999_999_999
WAYS = ("unit_amount", "unit_amount_decimal", "custom_unit_amount", "tiers")


def check(params: Json) -> None:
    """Raise StripeError (400) when the parameters make no price."""
    tiered = params.get("billing_scheme") == "tiered"
    amounts = [way for way in WAYS if params.get(way) not in (None, "")]
    if tiered and "tiers" not in amounts:
        raise missing("tiers")
    if tiered and not params.get("tiers_mode"):
        raise missing("tiers_mode")
    if "tiers" in amounts and not tiered:
        raise bad_request("You cannot pass `tiers` unless `billing_scheme=tiered`.", "tiers")
    if not amounts:
        raise missing("unit_amount")
    if len(amounts) > 1:
        raise bad_request(f"You may only specify one of these parameters: {', '.join(amounts)}.", amounts[-1])
    if not 0 <= Decimal(params.get("unit_amount") or params.get("unit_amount_decimal") or 0) <= MAX_AMOUNT:
        raise bad_request("Invalid non-negative integer", "unit_amount", "parameter_invalid_integer")


def make(mode: Mode, params: Json) -> Json:
    """Return a new price. Raise StripeError (400)."""
    check(params)
    if "product" not in params:
        raise missing("product")
    mode.find("product", params["product"], "product", 400)
    if (key := params.get("lookup_key")) and any(each["lookup_key"] == key for each in mode.every("price")):
        raise bad_request(f"A price (`{key}`) already uses that lookup key.", "lookup_key")
    return mode.add(new_object("price", **_fields(params)), "price.created")


def _fields(params: Json) -> Json:
    recurring = params.get("recurring")
    return {
        "active": params.get("active", True),
        "billing_scheme": params.get("billing_scheme", "per_unit"),
        "currency": params["currency"].lower(),
        "custom_unit_amount": _custom(params.get("custom_unit_amount")),
        "metadata": merged_metadata({}, params),
        "product": params["product"],
        "recurring": _recurring(recurring) if recurring else None,
        "tax_behavior": params.get("tax_behavior", "unspecified"),
        "transform_quantity": params.get("transform_quantity"),
        "type": "recurring" if recurring else "one_time",
        **updates(params, "lookup_key", "nickname", "tiers_mode"),
        **_amount(params),
        **_tiers(params),
    }


def _recurring(recurring: Json) -> Json:
    count = recurring.get("interval_count", 1)
    longest = {"day": 1095, "week": 156, "month": 36, "year": 3}[recurring["interval"]]
    if not 1 <= count <= longest:
        raise bad_request(
            f"Invalid interval_count: must be between 1 and {longest}.", "recurring[interval_count]"
        )
    return {
        "interval": recurring["interval"],
        "interval_count": count,
        "meter": recurring.get("meter"),
        "usage_type": recurring.get("usage_type", "licensed"),
    }


def _custom(custom: Any) -> Json | None:
    if not custom or not custom.get("enabled"):
        return None
    return {name: custom.get(name) for name in ("maximum", "minimum", "preset")}


def _amount(params: Json) -> Json:
    amount = params.get("unit_amount_decimal", params.get("unit_amount"))
    if amount in (None, "") or params.get("billing_scheme") == "tiered":
        return {"unit_amount": None, "unit_amount_decimal": None}
    return _both("unit_amount", Decimal(amount))


def _both(name: str, amount: Decimal) -> Json:
    """Return a whole amount as integer and as decimal, a fraction as decimal only."""
    whole = amount == amount.to_integral_value()
    text = str(int(amount)) if whole else format(amount.normalize(), "f")
    return {name: int(amount) if whole else None, f"{name}_decimal": text}


def _tiers(params: Json) -> Json:
    return {"tiers": [_tier(each) for each in params["tiers"]]} if params.get("tiers") else {}


def _tier(tier_params: Json) -> Json:
    tier: Json = {
        "flat_amount": None,
        "flat_amount_decimal": None,
        "unit_amount": None,
        "unit_amount_decimal": None,
    }
    for name in ("flat_amount", "unit_amount"):
        amount = tier_params.get(f"{name}_decimal", tier_params.get(name))
        tier |= _both(name, Decimal(amount)) if amount is not None else {}
    return tier | {"up_to": None if tier_params["up_to"] == "inf" else int(tier_params["up_to"])}


def total(price: Json, quantity: int) -> int:
    """Return what a quantity costs for one period. Metered usage costs nothing: the simulator counts none."""
    if (price["recurring"] or {}).get("usage_type") == "metered":
        return 0
    if price["billing_scheme"] == "tiered":
        return _rounded(_tiered(price, quantity))
    if custom := price["custom_unit_amount"]:
        return int(custom["preset"] or custom["minimum"] or 0) * quantity
    return _rounded(Decimal(price["unit_amount_decimal"] or 0) * quantity)


def _rounded(amount: Decimal) -> int:
    return int(amount.to_integral_value(ROUND_HALF_UP))


def _tiered(price: Json, quantity: int) -> Decimal:
    cost, below = Decimal(0), 0
    for tier in price.get("tiers", []):
        top = quantity if tier["up_to"] is None else min(quantity, tier["up_to"])
        inside = quantity if price["tiers_mode"] == "volume" else top - below
        each = Decimal(tier["unit_amount_decimal"] or 0) * inside + Decimal(tier["flat_amount_decimal"] or 0)
        last = tier["up_to"] is None or quantity <= tier["up_to"]
        cost = each if price["tiers_mode"] == "volume" else cost + each
        below = top
        if last:
            break
    return cost


def labelled(mode: Mode, price: Json) -> Json:
    """Return a price's id, its type, and what it costs as text for people."""
    product = mode.get("product", price["product"]) or {}
    return {"id": price["id"], "type": price["type"], "text": f"{product.get('name', '?')} – {cost(price)}"}
