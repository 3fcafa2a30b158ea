"""Decoded parameters held against Stripe's document, and turned into the types that it names."""

from __future__ import annotations

import re
from typing import Any

from stripe_simulator.core.encoding import as_list
from stripe_simulator.core.errors import StripeError, bad_request, empty, missing, unknown_parameter

Json = dict[str, Any]


def read(schema: Json, tree: Json) -> Json:
    """Return the parameters as typed values. Raise StripeError (400) at the first that the document refuses."""
    return _hash(schema, tree, "")


def _hash(schema: Json, tree: Any, at: str) -> Json:
    if not isinstance(tree, dict):
        raise bad_request("Invalid object", at, None)
    properties, extra = schema["properties"], schema["extra"]
    values = {}
    for name, raw in tree.items():
        here = f"{at}[{name}]" if at else name
        if name not in properties and not extra:
            raise unknown_parameter(here)
        values[name] = _value(properties.get(name, extra), raw, here)
    for name in schema["required"]:
        if name not in tree:
            raise missing(f"{at}[{name}]" if at else name)
        if values[name] == "":
            raise empty(f"{at}[{name}]" if at else name)
    return values


def _value(schema: Any, raw: Any, at: str) -> Any:
    if schema is True or not isinstance(schema, dict) or not schema:
        return raw
    if "any" in schema:
        return _any(schema["any"], raw, at)
    kind = schema.get("type")
    if kind == "object":
        return _hash(schema, raw, at)
    if kind == "array":
        return _array(schema, raw, at)
    if not isinstance(raw, str):
        raise bad_request(f"Invalid {kind}", at)
    return SCALARS[kind](schema, raw, at) if kind in SCALARS else raw


def _any(alternatives: list[Json], raw: Any, at: str) -> Any:
    """Return the first alternative that takes the value; else the refusal of the one that fits its form best."""
    refusals: list[tuple[bool, StripeError]] = []
    for schema in alternatives:
        try:
            return _value(schema, raw, at)
        except StripeError as refusal:
            is_tree = schema.get("type") in ("object", "array")
            refusals.append((is_tree != isinstance(raw, dict), refusal))
    raise min(refusals, key=lambda each: each[0])[1]


def _array(schema: Json, raw: Any, at: str) -> list[Any]:
    items = as_list(raw)
    if items is None:
        raise bad_request("Invalid array", at)
    if len(items) > schema.get("maxItems", len(items)):
        raise bad_request(f"Array {at} exceeded maximum {schema['maxItems']} allowed elements.", at)
    return [_value(schema["items"], each, f"{at}[{i}]") for i, each in enumerate(items)]


def _string(schema: Json, raw: str, at: str) -> str:
    if "enum" in schema and raw not in schema["enum"]:
        raise bad_request(f"Invalid {at}: must be one of {_or(schema['enum'])}", at)
    if len(raw) > schema.get("maxLength", len(raw)):
        raise bad_request(
            f"Invalid string: {raw[:10]}...{raw[-10:]}; must be at most {schema['maxLength']} characters",
            at,
            "parameter_invalid_string_blank" if not raw else None,
        )
    if schema.get("format") == "decimal" and not re.fullmatch(r"-?\d+(\.\d{1,12})?", raw):
        raise bad_request(f"Invalid decimal: {raw[:40]}", at)
    if schema.get("format") == "currency" and not re.fullmatch(r"[A-Za-z]{3}", raw):
        raise bad_request(f"Invalid currency: {raw[:40]}", at)
    return raw


def _or(words: list[str]) -> str:
    shown = [word for word in words if word]
    return (
        ", ".join(shown[:-1]) + (" or " if len(shown) > 1 else "") + shown[-1] if shown else "an empty string"
    )


def _integer(_schema: Json, raw: str, at: str) -> int:
    if not re.fullmatch(r"-?\d{1,18}", raw):
        raise bad_request(f"Invalid integer: {raw[:40]}", at, "parameter_invalid_integer")
    return int(raw)


def _number(_schema: Json, raw: str, at: str) -> float:
    if not re.fullmatch(r"-?\d{1,18}(\.\d{1,12})?", raw):
        raise bad_request(f"Invalid decimal: {raw[:40]}", at)
    return float(raw)


def _boolean(_schema: Json, raw: str, at: str) -> bool:
    if raw not in ("true", "false"):
        raise bad_request(f"Invalid boolean: {raw[:40]}", at)
    return raw == "true"


SCALARS = {"string": _string, "integer": _integer, "number": _number, "boolean": _boolean}
