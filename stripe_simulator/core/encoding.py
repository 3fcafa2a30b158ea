"""Stripe's form encoding: `a[b][0][c]=1&list[]=x` to nested dicts and lists of strings."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from stripe_simulator.core.errors import StripeError, bad_request

KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
MAX_DEPTH = 12


def decode(text: str) -> dict[str, Any]:
    """Return a tree of strings. Lists stay dicts of positions until a schema says that they are lists.

    Raise StripeError (400) when the text does not follow the notation.
    """
    tree: dict[str, Any] = {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict")
    except ValueError:
        raise bad_request("Invalid request: the parameters are not valid UTF-8.") from None
    for key, value in pairs:
        _insert(tree, _path(key), value, key)
    return tree


def _path(key: str) -> list[str]:
    match = KEY.fullmatch(key)
    path = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])] if match else []
    if not path or len(path) > MAX_DEPTH:
        raise _conflict(key)
    return path


def _conflict(key: str) -> StripeError:
    return bad_request(f"Invalid request: the parameter name {key[:80]!r} cannot be read.", key[:80])


def _insert(node: dict[str, Any], path: list[str], value: str, key: str) -> None:
    for i, name in enumerate(path[:-1]):
        name = name or _position(node, path[i + 1], last=i + 2 == len(path))
        child = node.setdefault(name, {})
        if not isinstance(child, dict):
            raise _conflict(key)
        node = child
    node[path[-1] or str(len(node))] = value


def _position(node: dict[str, Any], following: str, last: bool) -> str:
    """Return where `[]` before a further key points: at the newest entry until that has the key already."""
    newest = node.get(str(len(node) - 1))
    open_still = isinstance(newest, dict) and not (last and following in newest)
    return str(len(node) - 1 if open_still else len(node))


def as_list(tree: Any) -> list[Any] | None:
    """Return the list behind a dict of positions, or None when it is none."""
    if not isinstance(tree, dict) or not all(name.isascii() and name.isdecimal() for name in tree):
        return None
    return [tree[name] for name in sorted(tree, key=int)]
