"""Which cases of a large product `make test` tries. `make test-thorough` tries all of them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"


def sample(cases: Iterable[T], number: int, every: int) -> list[T]:
    """Return every so-manieth case, a different part for each number: any `every` numbers in a row have all of them."""
    return list(cases) if THOROUGH else list(cases)[number % every :: every]
