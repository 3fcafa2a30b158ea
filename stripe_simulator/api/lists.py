"""Stripe's lists: newest first, 1 to 100 at a time: https://docs.stripe.com/api/pagination."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.core.errors import bad_request, no_such
from stripe_simulator.core.objects import list_of
from stripe_simulator.core.store import Collection

Json = dict[str, Any]
COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "gt": int.__gt__,
    "gte": int.__ge__,
    "lt": int.__lt__,
    "lte": int.__le__,
}


def page(
    mode: Mode, kind: str, url: str, params: Json, where: Json, keep: Callable[[Json], bool] = lambda _: True
) -> Json:
    """Return one page of the objects that have the values of `where` and pass `keep`. Raise StripeError (400)."""
    limit = params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise bad_request(
            f"Invalid integer: {limit}. This value must be "
            + ("at least 1." if limit < 1 else "at most 100."),
            "limit",
            "parameter_invalid_integer",
        )
    collection = mode.store.collection(kind, mode.name)
    matching = filter(_kept(params, keep), _from_cursor(collection, kind, params, where))
    objects = list(itertools.islice(matching, limit + 1))
    more, objects = len(objects) > limit, objects[:limit]
    return list_of(objects[::-1] if "ending_before" in params else objects, url, more)


def _kept(params: Json, keep: Callable[[Json], bool]) -> Callable[[Json], bool]:
    created = params.get("created")
    return lambda thing: not thing.get("deleted") and within(thing.get("created", 0), created) and keep(thing)


def _from_cursor(collection: Collection, kind: str, params: Json, where: Json) -> Iterator[Json]:
    before, after = params.get("ending_before"), params.get("starting_after")
    if before and after:
        raise bad_request(
            "You cannot parameterize `starting_after` and `ending_before` simultaneously.", "starting_after"
        )
    if before:
        return collection.oldest_first(where, _position(collection, kind, before, "ending_before"))
    return collection.newest_first(
        where, _position(collection, kind, after, "starting_after") if after else None
    )


def _position(collection: Collection, kind: str, object_id: str, param: str) -> int:
    if object_id not in collection.positions:
        raise no_such(kind, object_id, param, 400)
    return collection.positions[object_id]


def within(at: int, bounds: Any) -> bool:
    """Return whether a time (seconds, UTC) is the one given, or within `{gt, gte, lt, lte}`."""
    if bounds is None:
        return True
    if not isinstance(bounds, dict):
        return at == int(bounds)
    return all(COMPARISONS[name](at, int(bound)) for name, bound in bounds.items())


def slice_of(whole: Json, params: Json) -> Json:
    """Return one page of a list that is part of an object, in its own order. Raise StripeError (400)."""
    data, limit = whole["data"], params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise bad_request("Invalid integer: limit", "limit", "parameter_invalid_integer")
    ids = [each["id"] for each in data]
    for name in ("starting_after", "ending_before"):
        if name in params and params[name] not in ids:
            raise no_such("item", params[name], name, 400)
    start = ids.index(params["starting_after"]) + 1 if "starting_after" in params else 0
    end = ids.index(params["ending_before"]) if "ending_before" in params else len(data)
    if "ending_before" in params:
        start = max(start, end - limit)
    part = data[start : min(end, start + limit)]
    return list_of(part, whole["url"], len(data[start:end]) > limit)
