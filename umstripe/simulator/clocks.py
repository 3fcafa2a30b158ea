"""Whose time it is: a customer on a test clock lives in the clock's frozen time.

https://docs.stripe.com/billing/testing/test-clocks
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from umstripe.simulator.account import Mode
from umstripe.simulator.objects import frozen_at

Json = dict[str, Any]
CLOCK = "test_helpers.test_clock"
OWNED = ("subscription", "invoice", "payment_intent", "charge", "payment_method")


def of(mode: Mode, *ids: str) -> Json | None:
    """The test clock of a customer, or of something that is a customer's. None for real time."""
    for each in ids:
        if found := mode.get(CLOCK, each):
            return found
        customer = mode.get("customer", each) or mode.get("customer", _owner(mode, each))
        if customer and (clock := customer.get("test_clock")):
            return mode.get(CLOCK, clock)
    return None


def _owner(mode: Mode, object_id: str) -> str:
    found = (mode.get(kind, object_id) for kind in OWNED)
    return next((str(each["customer"]) for each in found if each and each.get("customer")), "")


@contextlib.contextmanager
def time_of(mode: Mode, *ids: str) -> Iterator[None]:
    """Inside, it is the time of the clock that one of these belongs to, if one does."""
    clock = of(mode, *ids)
    if clock is None or clock.get("deleted"):
        yield
        return
    with frozen_at(clock["frozen_time"]):
        yield
