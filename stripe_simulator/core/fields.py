"""Fields of objects from parameters."""

from __future__ import annotations

from typing import Any

from stripe_simulator.core.errors import bad_request

Json = dict[str, Any]


def updates(params: Json, *names: str) -> Json:
    """Return the named parameters that were given. An empty string unsets, as everywhere with Stripe."""
    return {name: params[name] if params[name] != "" else None for name in names if name in params}


def pick(values: Json, *names: str) -> Json:
    """Return the named values that are there, as they are."""
    return {name: values[name] for name in names if name in values}


def merged_metadata(before: Json | None, params: Json) -> Json:
    """Return metadata after a call: given keys set, keys given empty removed. Raise StripeError (400)."""
    given = params.get("metadata", {})
    if given == "":
        return {}
    for name, value in given.items():
        _check(name, value)
    merged = {name: value for name, value in ((before or {}) | given).items() if value != ""}
    if len(merged) > 50:
        raise bad_request("Metadata can have at most 50 keys.", "metadata")
    return merged


def _check(name: str, value: str) -> None:
    if len(name) > 40:
        raise bad_request("Metadata keys must be at most 40 characters long.", f"metadata[{name[:40]}]")
    if len(value) > 500:
        raise bad_request("Metadata values must be at most 500 characters long.", f"metadata[{name}]")


def address(given: Any) -> Json | None:
    """Return a whole address from the parts that were given."""
    if not given:
        return None
    return {
        part: given.get(part) or None
        for part in ("city", "country", "line1", "line2", "postal_code", "state")
    }
