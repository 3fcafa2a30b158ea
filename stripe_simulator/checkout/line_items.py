"""What a session sells, and what it costs now. Amounts are in the currency's smallest unit."""

from __future__ import annotations

from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.billing import discounts, pricing, products
from stripe_simulator.core.errors import bad_request, missing
from stripe_simulator.core.objects import list_of, new_object
from stripe_simulator.core.rendering import plain

Json = dict[str, Any]
MOST = {"payment": 100, "subscription": 20}
# the least that a card can be charged: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
LEAST = {"usd": 50, "eur": 50, "gbp": 30, "jpy": 50}


def from_params(mode: Mode, item_params: list[Json], session_mode: str) -> list[Json]:
    """Return the line items of the parameters, held against the session's mode. Raise StripeError (400)."""
    items = [_item(mode, each, f"line_items[{i}]") for i, each in enumerate(item_params)]
    prices = [mode.find("price", each["price"]) for each in items]
    recurring = [each["recurring"] for each in prices if each["recurring"]]
    if session_mode == "payment" and recurring:
        raise bad_request(
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use "
            "only one-time prices.",
            "mode",
        )
    if session_mode == "subscription" and not recurring:
        raise bad_request(
            "You must provide at least one recurring price in `subscription` mode when using prices.",
            "line_items",
        )
    if session_mode == "subscription" and len(recurring) < len(prices):
        raise bad_request("The simulator sells no one-time prices beside recurring ones.", "line_items")
    if len({(each["interval"], each["interval_count"]) for each in recurring}) > 1:
        raise bad_request(
            "Checkout does not support multiple prices with different billing intervals.", "line_items"
        )
    if len({each["currency"] for each in prices}) > 1:
        raise bad_request("All line items must have the same currency.", "line_items")
    if len(items) > MOST[session_mode]:
        raise bad_request(f"A session can have at most {MOST[session_mode]} line items.", "line_items")
    return items


def _item(mode: Mode, item_params: Json, param: str) -> Json:
    if ("price" in item_params) == ("price_data" in item_params):
        raise bad_request("You must specify either `price` or `price_data`.", param)
    price = _price(mode, item_params, param)
    metered = (price["recurring"] or {}).get("usage_type") == "metered"
    if metered and "quantity" in item_params:
        raise bad_request(
            f"Quantity should not be specified where usage_type is `metered`. Remove `quantity` from `{param}`",
            f"{param}[quantity]",
        )
    if not metered and "quantity" not in item_params:
        raise bad_request(f"Quantity is required. Add `quantity` to `{param}`", f"{param}[quantity]")
    if not 1 <= item_params.get("quantity", 1) <= 999_999:
        raise bad_request("Invalid positive integer", f"{param}[quantity]", "parameter_invalid_integer")
    return {
        "price": price["id"],
        "quantity": None if metered else item_params["quantity"],
        "metadata": item_params.get("metadata", {}),
    }


def _price(mode: Mode, item_params: Json, param: str) -> Json:
    if "price_data" in item_params:
        return _new_price(mode, item_params["price_data"], f"{param}[price_data]")
    price = mode.find("price", item_params["price"], f"{param}[price]", 400)
    product = mode.get("product", price["product"]) or {}
    if not price["active"] or not product.get("active", True):
        raise bad_request(
            "The price specified is inactive. This field only accepts active prices.", f"{param}[price]"
        )
    return price


def _new_price(mode: Mode, data: Json, param: str) -> Json:
    """Return a price for this session alone: it is archived from the start, as with Stripe."""
    product = data.get("product")
    if product is None:
        if "product_data" not in data:
            raise missing(f"{param}[product]")
        kept = {name: value for name, value in data["product_data"].items() if name in products.PLAIN}
        product = products.make(mode, kept | {"active": False})["id"]
    names = ("currency", "recurring", "tax_behavior", "unit_amount", "unit_amount_decimal")
    price_params = {name: data[name] for name in names if name in data}
    return pricing.make(mode, price_params | {"product": product, "active": False})


def currency_of(mode: Mode, items: list[Json]) -> str:
    """Return the currency of a session's items."""
    return str(mode.find("price", items[0]["price"])["currency"])


def whole(mode: Mode, items: list[Json], url: str, coupon: Json | None, trial: bool) -> Json:
    """Return the session's amounts and its `line_items`. On trial what recurs costs nothing today."""
    shown = [_shown(mode, each, trial) for each in items]
    discount_amounts = discounts.off(
        coupon, [(each["price"]["product"], each["amount_subtotal"]) for each in shown]
    )
    for each, amount in zip(shown, discount_amounts, strict=True):
        each |= {"amount_discount": amount, "amount_total": each["amount_subtotal"] - amount}
    subtotal = sum(each["amount_subtotal"] for each in shown)
    discount_total = sum(discount_amounts)
    return {
        "line_items": list_of(shown, f"{url}/line_items"),
        "amount_subtotal": subtotal,
        "amount_total": subtotal - discount_total,
        "total_details": {"amount_discount": discount_total, "amount_shipping": 0, "amount_tax": 0},
    }


def _shown(mode: Mode, item: Json, trial: bool) -> Json:
    price = mode.find("price", item["price"])
    product = mode.get("product", price["product"]) or {}
    free = trial and price["recurring"]
    amount = 0 if free else pricing.total(price, item["quantity"] or 1)
    return new_object(
        "item",
        id=item.setdefault("id", new_object("item")["id"]),
        amount_subtotal=amount,
        amount_total=amount,
        currency=price["currency"],
        description=product.get("name", ""),
        metadata=item["metadata"],
        price=plain(price),
        quantity=item["quantity"],
    )
