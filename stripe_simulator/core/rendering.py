"""Objects as they are shown when nobody asks for more."""

from __future__ import annotations

from typing import Any

# Shown only when `expand` names it: https://docs.stripe.com/api/expanding_objects
INCLUDABLE: dict[str, tuple[str, ...]] = {
    "price": ("tiers", "currency_options"),
    "customer": ("subscriptions", "tax_ids", "sources"),
    "charge": ("refunds",),
    "invoice": ("payments",),
    "checkout.session": ("line_items",),
    "payment_link": ("line_items",),
    "coupon": ("applies_to", "currency_options"),
}
HIDDEN: dict[str, tuple[str, ...]] = {
    "webhook_endpoint": ("secret",),
    "checkout.session": ("asked",),
    "payment_link": ("asked",),
    "billing_portal.session": ("secret", "used_at", "done"),
    "invoiceitem": ("_line",),
    "subscription": ("_told", "_resuming"),
    "invoice": ("_overdue", "_once"),
}


def plain(thing: Any) -> Any:
    """Return an object without what has to be asked for, all the way down."""
    if isinstance(thing, list):
        return [plain(each) for each in thing]
    if not isinstance(thing, dict):
        return thing
    kind = str(thing.get("object", ""))
    away = INCLUDABLE.get(kind, ()) + HIDDEN.get(kind, ())
    return {name: plain(value) for name, value in thing.items() if name not in away}
