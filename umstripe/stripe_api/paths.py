"""Paths of Stripe's API with an id in them."""

from __future__ import annotations

from urllib.parse import quote

from umstripe.errors import StripeRefused

NOT_IDS = ("", ".", "..")
COLLECTIONS = {
    "subscription": "/v1/subscriptions",
    "customer": "/v1/customers",
    "price": "/v1/prices",
    "product": "/v1/products",
    "webhook_endpoint": "/v1/webhook_endpoints",
    "checkout.session": "/v1/checkout/sessions",
    "invoice": "/v1/invoices",
    "payment_intent": "/v1/payment_intents",
    "charge": "/v1/charges",
}
"""The collections of the objects that are fetched one by one, by their kind."""


def object_path(collection: str, stripe_id: str, action: str = "") -> str:
    """Return the path of an object, or of an action on it. `collection` is like `/v1/customers`.

    Raise StripeRefused as `quoted_id` does.
    """
    return f"{collection}/{quoted_id(stripe_id)}{f'/{action}' if action else ''}"


def quoted_id(stripe_id: str) -> str:
    """Return an id for a path or a header. It may come from a link or a delivery, and stays one part of the path.

    Raise StripeRefused, as for an id that Stripe does not know, for what would be no part of a path at all.
    """
    try:
        quoted = quote(stripe_id, safe="")
    except UnicodeEncodeError:  # half a character
        quoted = ""
    if quoted in NOT_IDS:
        raise StripeRefused(f"There is no such object: “{stripe_id!a}”", 404, "resource_missing")
    return quoted
