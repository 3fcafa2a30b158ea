"""https://docs.stripe.com/api/prices."""

from __future__ import annotations

from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.api.calls import Call, answers
from stripe_simulator.api.lists import page
from stripe_simulator.billing import pricing, products
from stripe_simulator.core.fields import merged_metadata, pick, updates

Json = dict[str, Any]


@answers("POST /v1/prices")
def create(call: Call) -> Json:
    """Make a price, and its product if data for one came along."""
    params = call.params
    if (data := params.get("product_data")) and "product" not in params:
        pricing.check(params)
        product = products.make(
            call.mode, {name: data[name] for name in data if name in (*products.PLAIN, "id")}
        )
        params = params | {"product": product["id"]}
    return pricing.make(call.mode, params)


@answers("GET /v1/prices/{price}")
def retrieve(call: Call) -> Json:
    """Return a price."""
    return call.mode.find("price", call.id)


@answers("POST /v1/prices/{price}")
def update(call: Call) -> Json:
    """Change what may be changed of a price: never its amount."""
    return change(call.mode, call.mode.find("price", call.id), call.params)


def change(mode: Mode, price: Json, params: Json) -> Json:
    """Change a price, also where it lies inside subscriptions."""
    fields = updates(params, "active", "lookup_key", "nickname", "tax_behavior")
    if "metadata" in params:
        fields["metadata"] = merged_metadata(price["metadata"], params)
    price = mode.change(price, "price.updated", **fields)
    for subscription in mode.every("subscription"):
        items = subscription["items"]
        if any(item["price"]["id"] == price["id"] for item in items["data"]):
            data = [item | {"price": price} if _has(item, price) else item for item in items["data"]]
            mode.keep(subscription | {"items": items | {"data": data}})
    return price


def _has(item: Json, price: Json) -> bool:
    return item["price"]["id"] == price["id"]


@answers("GET /v1/prices")
def every(call: Call) -> Json:
    """Return prices, newest first."""
    params = call.params
    where = pick(params, "active", "currency", "product", "type")
    recurring, keys = params.get("recurring", {}), params.get("lookup_keys")

    def keep(price: Json) -> bool:
        cycle = price["recurring"] or {}
        fits = all(cycle.get(name) == value for name, value in recurring.items())
        return fits and (not keys or price["lookup_key"] in keys)

    return page(call.mode, "price", call.path, params, where, keep)
