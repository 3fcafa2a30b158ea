"""The check of Stripe's objects against their types, once, when an object arrives and before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeGuard

from umstripe.stripe_api import types
from umstripe.stripe_api.field_rules import InvalidField, Shape, check, fits, shape_of

IN_EVENTS: Mapping[str, Shape] = {
    "charge": shape_of(types.Charge),
    "charge.dispute": shape_of(types.Dispute),
    "checkout.session": shape_of(types.Session),
    "customer": shape_of(types.Customer),
    "customer.subscription": shape_of(types.Subscription),
    "invoice": shape_of(types.Invoice),
    "payment_intent": shape_of(types.PaymentIntent),
    "price": shape_of(types.Price),
    "product": shape_of(types.Product),
}
"""The object's schema by the event's type without its last part."""
FETCHED: Mapping[str, Shape] = {
    "checkout.session": shape_of(types.FetchedSession),
    "customer": shape_of(types.Customer),
    "event": shape_of(types.Event),
    "payment_intent": shape_of(types.PaymentIntent),
    "price": shape_of(types.Price),
    "product": shape_of(types.Product),
    "subscription": shape_of(types.Subscription),
}
"""The schema by the kind under which an object is fetched or listed."""


def is_event(value: object) -> TypeGuard[types.Event]:
    """Return whether a value has the fields of an event."""
    try:
        fits(FETCHED["event"], value)
    except InvalidField:
        return False
    return True


def check_event(event: types.Event) -> None:
    """Raise MalformedObject if the object of an event of a handled type has an unusable field."""
    kind = event["type"].rpartition(".")[0]
    if kind in IN_EVENTS:
        check(IN_EVENTS[kind], event["data"]["object"], kind.replace("_", " ").replace(".", " "))


def check_fetched(kind: str, value: object) -> None:
    """Raise MalformedObject if a fetched object has an unusable field."""
    if kind in FETCHED:
        check(FETCHED[kind], value, kind.replace("_", " ").replace(".", " "))
