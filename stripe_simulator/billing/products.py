"""Products: made by the API, by Checkout and with the demo data."""

from __future__ import annotations

from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.billing import pricing
from stripe_simulator.core.errors import StripeError
from stripe_simulator.core.fields import merged_metadata, updates
from stripe_simulator.core.objects import new_object

Json = dict[str, Any]
PLAIN = (
    "active",
    "description",
    "images",
    "marketing_features",
    "name",
    "package_dimensions",
    "shippable",
    "statement_descriptor",
    "tax_code",
    "unit_label",
    "url",
)


def make(mode: Mode, params: Json) -> Json:
    """Return a new product, with its default price if data for one came along."""
    if params.get("id") and mode.get("product", params["id"]):
        raise StripeError(400, "Product already exists.", code="resource_already_exists", param="id")
    fields = {"active": True} | with_lists(updates(params, *PLAIN))
    product = new_object("product", id=params.get("id"), metadata=merged_metadata({}, params), **fields)
    product = mode.add(product | {"updated": product["created"]}, "product.created")
    if data := params.get("default_price_data"):
        price = pricing.make(mode, data | {"product": product["id"]})
        product = mode.change(product, "product.updated", default_price=price["id"])
    return product


def with_lists(fields: Json) -> Json:
    """Return the fields with an empty list where a list was unset."""
    lists = ("images", "marketing_features")
    return {name: (value or [] if name in lists else value) for name, value in fields.items()}
