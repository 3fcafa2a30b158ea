"""One call of the API, and the table of what answers it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.core.operations import every_operation

Json = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Call:
    """A call that is authenticated, allowed and well-formed. `ids` are the variable parts of its path."""

    operation: str
    path: str
    mode: Mode
    key: Json
    params: Json
    ids: list[str]

    @property
    def id(self) -> str:
        """The id in the path."""
        return self.ids[0]


Answer = Callable[[Call], Json]
ANSWERS: dict[str, Answer] = {}


def answers(operation: str) -> Callable[[Answer], Answer]:
    """Make a function the answer to an operation, `METHOD template`."""

    def register(function: Answer) -> Answer:
        ANSWERS[operation] = function
        return function

    return register


def _routes() -> list[tuple[str, str, list[str]]]:
    split = [(each, *each.split()) for each in every_operation()]
    literal_first = sorted(split, key=lambda route: route[2].count("{"))
    return [
        (operation, method, template.strip("/").split("/")) for operation, method, template in literal_first
    ]


ROUTES = _routes()


def match(method: str, path: str) -> tuple[str, list[str]] | None:
    """Return the operation that a request is meant for, and the variable parts of its path."""
    parts = path.strip("/").split("/")
    for operation, verb, template in ROUTES:
        if verb == method and len(template) == len(parts):
            pairs = list(zip(template, parts, strict=True))
            if all(name == part or (name.startswith("{") and part) for name, part in pairs):
                return operation, [part for name, part in pairs if name.startswith("{")]
    return None
