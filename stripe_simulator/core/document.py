"""What Stripe's published document says, at the version that the simulator speaks.

Made by `compile_document.py` from https://github.com/stripe/openapi.
"""

from __future__ import annotations

import copy
import functools
import json
import pathlib
from typing import Any

VERSION = "2026-10-28.endive"
FOLDER = pathlib.Path(__file__).parents[1] / "tables"


@functools.cache
def _load(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text())


def parameters(operation: str) -> dict[str, Any]:
    """Return the schema of an operation's parameters. `operation` is `METHOD template`."""
    return _load("parameters")[operation]


def expandable(kind: str) -> dict[str, list[str]]:
    """Return fields of a kind of object that hold an id until they are expanded, with what they may become.

    Fields inside a hash go by their path.
    """
    return _load("expandable").get(kind, {})


@functools.cache
def event_types() -> frozenset[str]:
    """Return all event types that a webhook endpoint may ask for, `*` left out."""
    return frozenset(_load("event_types"))


def empty(kind: str) -> dict[str, Any]:
    """Return a new object of a kind in its full shape, with nothing in it."""
    return copy.deepcopy(_load("shapes")[kind])
