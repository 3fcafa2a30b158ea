"""Boil Stripe's OpenAPI document down to what the simulator needs of it.

    python -m stripe_simulator.compile_document spec3-with-overlay.json

takes the document with its overlay applied and writes `tables/`: the parameters of every operation
that the simulator answers, the fields that `expand` may name, the event types, and an empty object of
every resource. A test compares the files with the document.
"""

from __future__ import annotations

import json
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

from stripe_simulator.core.operations import RESOURCES, every_operation

Json = dict[str, Any]
MAX_DEPTH = 3
TABLES = pathlib.Path(__file__).parent / "tables"
SHAPES = [
    *RESOURCES,
    "subscription_item",
    "line_item",
    "invoice_payment",
    "invoiceitem",
    "dispute",
    "item",
    "discount",
]


def deref(spec: Json, schema: Json) -> Json:
    """Return the schema behind a chain of references."""
    while "$ref" in schema:
        schema = spec["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def parameter(spec: Json, schema: Json) -> Json:
    """Return one parameter's schema without prose: what decides whether a value is taken."""
    schema = deref(spec, schema)
    if alternatives := schema.get("anyOf") or schema.get("oneOf"):
        return {"any": [parameter(spec, each) for each in alternatives]}
    kept: Json = {key: schema[key] for key in ("type", "enum", "maxLength", "format") if key in schema}
    if schema.get("type") == "array":
        kept["items"] = parameter(spec, schema["items"])
        kept |= {"maxItems": schema["maxItems"]} if "maxItems" in schema else {}
    if schema.get("type") == "object":
        kept |= hash_parameter(spec, schema)
    return kept


def hash_parameter(spec: Json, schema: Json) -> Json:
    """Return what a hash may hold: named members, required ones, and whether others are taken."""
    kept: Json = {
        "properties": {k: parameter(spec, v) for k, v in schema.get("properties", {}).items()},
        "required": schema.get("required", []),
    }
    extra = schema.get("additionalProperties", "properties" not in schema)
    kept["extra"] = parameter(spec, extra) if isinstance(extra, dict) else bool(extra)
    return kept


def parameters_of(spec: Json, operation: str) -> Json:
    """Return the parameters of one operation, from its query or its form body, as one hash."""
    method, template = operation.split()
    definition = spec["paths"][template][method.lower()]
    content = definition.get("requestBody", {}).get("content", {})
    body = next(iter(content.values()))["schema"] if content else {"type": "object", "properties": {}}
    compiled = parameter(spec, body)
    for each in definition.get("parameters", []):
        if each["in"] == "query":
            compiled["properties"][each["name"]] = parameter(spec, each["schema"])
            compiled["required"] += [each["name"]] if each.get("required") else []
    return compiled


def named_resources(spec: Json, schema: Json) -> list[str]:
    """Return the kinds of object that an expandable field may become."""
    inner = schema.get("items", schema)
    refs = inner.get("x-expansionResources", {}).get("oneOf", [])
    kinds = [deref(spec, ref).get("properties", {}).get("object", {}).get("enum", [""])[0] for ref in refs]
    return sorted({kind for kind in kinds if kind})


def expandable(spec: Json, kind: str) -> Json:
    """Return field to kinds, for the fields of a resource that hold an id until they are expanded.

    A field inside a hash of the resource goes by its path, like `invoice_settings.default_payment_method`.
    """
    return dict(_expandable(spec, shape_schema(spec, kind), ""))


def _expandable(spec: Json, schema: Json, prefix: str) -> Iterator[tuple[str, list[str]]]:
    for name, field in schema.get("properties", {}).items():
        if kinds := named_resources(spec, field):
            yield prefix + name, kinds
            continue
        for inner in alternatives(spec, field):
            is_hash = "properties" in inner and "object" not in inner["properties"]
            if is_hash and prefix.count(".") < MAX_DEPTH:
                yield from _expandable(spec, inner, f"{prefix}{name}.")


def alternatives(spec: Json, schema: Json) -> list[Json]:
    """Return what a field may hold, lists by their items."""
    schema = deref(spec, schema)
    schemas = [deref(spec, schema_part) for schema_part in schema.get("anyOf", [schema])]
    return [
        deref(spec, schema_part["items"]) if schema_part.get("type") == "array" else schema_part
        for schema_part in schemas
    ]


def shape_schema(spec: Json, kind: str) -> Json:
    """Return the schema of a resource, by the name that its objects carry."""
    return spec["components"]["schemas"].get(kind, {})


def empty_object(spec: Json, schema: Json, depth: int = 0) -> Json:
    """Return an object with every required and every nullable field of a schema, all of them empty."""
    shape: Json = {}
    for name, field in schema.get("properties", {}).items():
        required = name in schema.get("required", [])
        if field.get("nullable") or required or name == "metadata":
            shape[name] = empty_value(spec, field, depth)
    return shape


def empty_value(spec: Json, field: Json, depth: int) -> Any:
    """Return nothing, in the type that the field wants."""
    if field.get("nullable"):
        return None
    field = deref(spec, field)
    field = deref(spec, field["anyOf"][0]) if "anyOf" in field else field
    if "enum" in field:
        return field["enum"][0]
    if field.get("type") == "object":
        return empty_object(spec, field, depth + 1) if depth < 6 else {}
    return {"array": [], "boolean": False, "integer": 0, "number": 0, "string": ""}.get(field.get("type", ""))


def event_types(spec: Json) -> list[str]:
    """Return the event types that an endpoint may subscribe to, `*` left out."""
    enabled = parameters_of(spec, "POST /v1/webhook_endpoints")["properties"]["enabled_events"]
    return sorted(set(enabled["items"]["enum"]) - {"*"})


def compiled(spec: Json) -> Json:
    """Return every file of `tables/`, as file name to content."""
    return {
        "parameters.json": {each: parameters_of(spec, each) for each in every_operation()},
        "expandable.json": {kind: expandable(spec, kind) for kind in SHAPES if kind != "token"},
        "event_types.json": event_types(spec),
        "shapes.json": {
            kind: empty_object(spec, shape_schema(spec, kind)) for kind in SHAPES if kind != "token"
        },
    }


def main(path: str) -> None:
    """Write `tables/` from the OpenAPI document at `path`."""
    spec = json.loads(pathlib.Path(path).read_text())
    for name, content in compiled(spec).items():
        (TABLES / name).write_text(
            json.dumps(content, indent=None, separators=(",", ":"), sort_keys=True) + "\n"
        )


if __name__ == "__main__":
    main(sys.argv[1])
