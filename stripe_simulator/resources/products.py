"""https://docs.stripe.com/api/products."""

from __future__ import annotations

from typing import Any

from stripe_simulator.api.calls import Call, answers
from stripe_simulator.api.lists import page
from stripe_simulator.billing import products
from stripe_simulator.core.errors import bad_request, empty, no_such
from stripe_simulator.core.fields import merged_metadata, pick, updates
from stripe_simulator.core.objects import deleted, now

Json = dict[str, Any]


@answers("POST /v1/products")
def create(call: Call) -> Json:
    """Make a product."""
    return products.make(call.mode, call.params)


@answers("GET /v1/products/{id}")
def retrieve(call: Call) -> Json:
    """Return a product."""
    return call.mode.find("product", call.id)


@answers("POST /v1/products/{id}")
def update(call: Call) -> Json:
    """Change a product."""
    product = call.mode.find("product", call.id)
    if call.params.get("name") == "":
        raise empty("name")
    fields = products.with_lists(updates(call.params, *products.PLAIN)) | updates(
        call.params, "default_price"
    )
    price = fields.get("default_price")
    if price and call.mode.find("price", price, "default_price", 400)["product"] != product["id"]:
        raise bad_request("The default price must belong to the product.", "default_price")
    if "metadata" in call.params:
        fields["metadata"] = merged_metadata(product["metadata"], call.params)
    if all(product.get(name) == value for name, value in fields.items()):
        return product
    return call.mode.change(product, "product.updated", updated=now(), **fields)


@answers("DELETE /v1/products/{id}")
def delete(call: Call) -> Json:
    """Delete a product that has no prices."""
    product = call.mode.find("product", call.id)
    if call.mode.newest("price", product=call.id):
        raise bad_request(
            "This product cannot be deleted because it has one or more user-created prices.", "id"
        )
    call.mode.drop(product)
    call.mode.record("product.deleted", product | {"active": False})
    return deleted("product", call.id)


@answers("GET /v1/products")
def every(call: Call) -> Json:
    """Return products, newest first."""
    params = call.params
    where = pick(params, "active", "shippable", "url")
    ids = params.get("ids")
    for each in ids or []:
        if not call.mode.get("product", each):
            raise no_such("product", each, "ids", 400)
    return page(call.mode, "product", call.path, params, where, lambda thing: not ids or thing["id"] in ids)
