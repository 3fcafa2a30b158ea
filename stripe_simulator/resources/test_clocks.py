"""https://docs.stripe.com/api/test_clocks."""

from __future__ import annotations

from typing import Any

from stripe_simulator.account import test_clocks
from stripe_simulator.api.calls import Call, answers
from stripe_simulator.api.lists import page
from stripe_simulator.billing import customers
from stripe_simulator.core.objects import deleted

Json = dict[str, Any]


@answers("POST /v1/test_helpers/test_clocks")
def create(call: Call) -> Json:
    """Make a clock that stands at a time."""
    return test_clocks.make(call.mode, call.params["frozen_time"], call.params.get("name"))


@answers("GET /v1/test_helpers/test_clocks/{test_clock}")
def retrieve(call: Call) -> Json:
    """Return a clock."""
    return call.mode.find(test_clocks.CLOCK, call.id, "test_clock")


@answers("POST /v1/test_helpers/test_clocks/{test_clock}/advance")
def advance(call: Call) -> Json:
    """Move a clock ahead. Everything has happened when its status is `ready` again."""
    return test_clocks.advance(
        call.mode, call.mode.find(test_clocks.CLOCK, call.id, "test_clock"), call.params["frozen_time"]
    )


@answers("DELETE /v1/test_helpers/test_clocks/{test_clock}")
def delete(call: Call) -> Json:
    """Delete a test clock and its customers."""
    clock = call.mode.find(test_clocks.CLOCK, call.id, "test_clock")
    for customer in call.mode.every("customer", test_clock=clock["id"]):
        customers.remove(call.mode, customer)
    call.mode.drop(clock)
    call.mode.record(f"{test_clocks.CLOCK}.deleted", clock)
    return deleted(test_clocks.CLOCK, call.id)


@answers("GET /v1/test_helpers/test_clocks")
def every(call: Call) -> Json:
    """Return clocks, newest first."""
    return page(call.mode, test_clocks.CLOCK, call.path, call.params, {})
