"""Test clocks: for a customer on one, the present is the clock's frozen time.

https://docs.stripe.com/billing/testing/test-clocks
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from stripe_simulator.account import due
from stripe_simulator.account.account import Mode
from stripe_simulator.core.calendar import DAY, after
from stripe_simulator.core.errors import bad_request
from stripe_simulator.core.objects import frozen_at, new_object, outside_test_clocks, real_now

Json = dict[str, Any]
CLOCK = "test_helpers.test_clock"
MOST_CUSTOMERS = 3
KEPT_SECONDS = 30 * DAY
ENDED = ("canceled", "incomplete_expired")
OWNED = ("subscription", "invoice", "payment_intent", "charge", "payment_method", "checkout.session")


def of(mode: Mode, *ids: str) -> Json | None:
    """Return the test clock of a customer, or of something that is a customer's. None for real time."""
    for each in ids:
        if clock := mode.get(CLOCK, each):
            return clock
        customer = mode.get("customer", each) or mode.get("customer", _owner(mode, each))
        if customer and (clock := customer.get("test_clock")):
            return mode.get(CLOCK, clock)
    return None


def _owner(mode: Mode, object_id: str) -> str:
    objects = (mode.get(kind, object_id) for kind in OWNED)
    return next((str(each["customer"]) for each in objects if each and each.get("customer")), "")


@contextlib.contextmanager
def time_of(mode: Mode, *ids: str) -> Iterator[None]:
    """Inside, it is the time of the clock that one of these belongs to, if one does."""
    clock = of(mode, *ids)
    with frozen_at(clock["frozen_time"]) if clock and "frozen_time" in clock else outside_test_clocks():
        yield


def make(mode: Mode, frozen_time: int, name: str | None) -> Json:
    """Return a new clock that stands still. Raise StripeError (400) in live mode."""
    if mode.livemode:
        raise bad_request("Test clocks exist in test mode only.", None)
    clock = new_object(
        CLOCK,
        created=real_now(),
        deletes_after=real_now() + KEPT_SECONDS,
        frozen_time=frozen_time,
        name=name,
        status="ready",
        status_details={},
    )
    return mode.add(clock, f"{CLOCK}.created")


def join(mode: Mode, clock_id: str) -> Json:
    """Return the clock that a new customer is put on. Raise StripeError (400)."""
    clock = mode.find(CLOCK, clock_id, "test_clock", 400)
    if len(mode.every("customer", test_clock=clock_id)) >= MOST_CUSTOMERS:
        raise bad_request(
            f"A test clock can have at most {MOST_CUSTOMERS} customers. Delete some, or use another test clock.",
            "test_clock",
            "test_clock_limit_exceeded",
        )
    return clock


def advance(mode: Mode, clock: Json, to: int) -> Json:
    """Move a clock ahead, and let everything happen that is due. Return the clock as it sets out.

    Raise StripeError (400) for a time that is not ahead, or too far.
    """
    _check(mode, clock, to)
    details = {"advancing": {"target_frozen_time": to}}
    moving = mode.change(clock, f"{CLOCK}.advancing", status="advancing", status_details=details)
    due.walk(mode, clock["frozen_time"], to, clock["id"])
    mode.change(moving, f"{CLOCK}.ready", status="ready", frozen_time=to, status_details={})
    return moving


def _check(mode: Mode, clock: Json, to: int) -> None:
    if to <= clock["frozen_time"]:
        raise bad_request(
            "The frozen time must be after the present frozen time of the clock.", "frozen_time"
        )
    latest = _furthest(mode, clock)
    if to > latest:
        raise bad_request(
            "Cannot advance a test clock by more than two intervals of its shortest subscription at once; "
            f"the latest time is {latest}.",
            "frozen_time",
        )


def _furthest(mode: Mode, clock: Json) -> int:
    """Return the latest time that `advance` takes: two intervals of the shortest subscription, else two years ahead."""
    subscriptions = mode.every("subscription", test_clock=clock["id"])
    items = [item for each in subscriptions if each["status"] not in ENDED for item in each["items"]["data"]]
    cycles = [
        (each["price"]["recurring"]["interval"], each["price"]["recurring"]["interval_count"])
        for each in items
    ]
    start = clock["frozen_time"]
    return min(
        (after(start, interval, 2 * count) for interval, count in cycles), default=after(start, "year", 2)
    )
