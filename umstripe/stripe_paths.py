"""Paths of Stripe's API with an id in them."""

from __future__ import annotations

from urllib.parse import quote

from umstripe.errors import StripeRefused

NO_IDS = ("", ".", "..")


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
    if quoted in NO_IDS:
        raise StripeRefused(f"There is no such object: “{stripe_id!a}”", 404, "resource_missing")
    return quoted
