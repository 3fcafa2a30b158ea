"""What becomes due when time passes, done in the order of time.

A module that knows of things that become due registers a source, `@due.source`: of a customer, or of the mode's
things that belong to nobody (customer None), it yields `Due(at, action)`. `action` is called when its time has come, with
`now()` frozen at that time, and changes the thing so that it is due no more.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from stripe_simulator.account.account import Mode
from stripe_simulator.core.errors import StripeError
from stripe_simulator.core.objects import frozen_at

Json = dict[str, Any]
MOST_STEPS = 50_000
NOBODY = ""


class Due(NamedTuple):
    """Something that happens at a time, in seconds, UTC."""

    at: int
    action: Callable[[], object]


Source = Callable[[Mode, Json | None], Iterator[Due]]
SOURCES: list[Source] = []


def source(function: Source) -> Source:
    """Make a function one that knows of things that become due."""
    SOURCES.append(function)
    return function


def walk(mode: Mode, begin: int, end: int, clock: str | None = None) -> int:
    """Let everything happen that is due until `end`: for the customers of a test clock, or for all that have none.

    What should have happened before `begin` happens at `begin`. Return how many things happened.
    """
    owners = [each["id"] for each in mode.every("customer", test_clock=clock)]
    owners += [NOBODY] if clock is None else []
    heap = [(first.at, owner) for owner in owners if (first := _first(mode, owner, end))]
    heapq.heapify(heap)
    steps = 0
    while heap:
        at, owner = heapq.heappop(heap)
        present = _first(mode, owner, end)
        if present is None:
            continue
        if present.at <= at:
            steps += 1
            if steps > MOST_STEPS:
                raise StripeError(500, "Time does not come to its end.", type="api_error")
            with frozen_at(max(present.at, begin), of_clock=clock is not None):
                present.action()
            present = _first(mode, owner, end)
        if present:
            heapq.heappush(heap, (present.at, owner))
    return steps


def _first(mode: Mode, owner: str, end: int) -> Due | None:
    """Return what is due next for a customer, or for nobody, if it is due by then."""
    customer = mode.get("customer", owner) if owner else None
    if owner and (customer is None or customer.get("deleted")):
        return None
    due = (each for know in SOURCES for each in know(mode, customer) if each.at <= end)
    return min(due, key=lambda each: each.at, default=None)
