"""Events as endpoints made under an older API version get them.

Before 2025-03-31.basil the period stood on the subscription and not on its items:
https://docs.stripe.com/changelog/basil/2025-03-31/deprecate-subscription-current-period-start-and-end
and an invoice named its subscription at the top:
https://docs.stripe.com/changelog/basil/2025-03-31/adds-new-parent-field-to-invoicing-objects
A plan stood beside each price, as Stripe's older documents have it. What came later than that version and stands
in the simulator's shapes is left out. Other changes between the versions are not followed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stripe_simulator.core import document

Json = dict[str, Any]
BASIL = "2025-03-31.basil"
KNOWN = frozenset(document.parameters("POST /v1/webhook_endpoints")["properties"]["api_version"]["enum"])
PERIOD = ("current_period_start", "current_period_end")
LATER = ("billing_mode", "billing_schedules", "customer_account", "managed_payments", "status_details")


def rendered(event: Json, version: str) -> Json:
    """Return an event of the simulator's in the shape of an API version, which it names."""
    if version >= BASIL:
        return event | {"api_version": version}
    data = event["data"]
    older = OLDER.get(data["object"].get("object", ""), dict)
    shown = {"object": older(data["object"])}
    if "previous_attributes" in data:
        shown["previous_attributes"] = older(data["previous_attributes"])
    return event | {"api_version": version, "data": shown}


def _subscription(thing: Json) -> Json:
    """Return a subscription, or those of its attributes that were different before."""
    older = {name: value for name, value in thing.items() if name not in LATER}
    items = (thing.get("items") or {}).get("data") or []
    if not items:
        return older
    older["items"] = thing["items"] | {"data": [_item(item) for item in items]}
    single = items[0] if len(items) == 1 else {}
    period = {name: items[0][name] for name in PERIOD}
    return older | period | {"plan": _plan(single.get("price")), "quantity": single.get("quantity")}


def _item(item: Json) -> Json:
    kept = {name: value for name, value in item.items() if name not in (*PERIOD, "current_trial")}
    return kept | {"plan": _plan(item["price"])}


def _plan(price: Json | None) -> Json | None:
    """Return a price in the words of a plan: https://docs.stripe.com/api/plans/object."""
    if price is None:
        return None
    same = ("id", "active", "billing_scheme", "created", "currency", "livemode", "metadata", "nickname")
    cycle = price["recurring"] or {}
    return {
        **{name: price[name] for name in (*same, "product", "tiers_mode")},
        **{name: cycle.get(name) for name in ("interval", "interval_count", "meter", "usage_type")},
        "object": "plan",
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "transform_usage": price["transform_quantity"],
        "trial_period_days": cycle.get("trial_period_days"),
    }


def _invoice(thing: Json) -> Json:
    parent = thing.get("parent") or {}
    older = {name: value for name, value in thing.items() if name not in (*LATER, "parent")}
    if "parent" not in thing:
        return older
    return older | {"subscription": (parent.get("subscription_details") or {}).get("subscription")}


OLDER: dict[str, Callable[[Json], Json]] = {"subscription": _subscription, "invoice": _invoice}
