"""Nonsense in, refusals out: nothing that a caller sends makes the simulator fail."""

from __future__ import annotations

import random

import pytest

from stripe_simulator.core import document
from stripe_simulator.core.operations import every_operation
from stripe_simulator.tests.events import sent

JUNK = [
    "",
    "x",
    "-1",
    "0",
    "1e9",
    "true",
    "null",
    "usd",
    "é☃",
    "9" * 30,
    "2026-01-01",
    "month",
    "all",
    "[]",
    "%",
]


def value(schema, rng: random.Random, known: dict, depth: int = 0):
    """Something that fits the schema, or nearly does."""
    if not isinstance(schema, dict) or rng.random() < 0.05:
        return rng.choice(JUNK)
    if "any" in schema:
        return value(rng.choice(schema["any"]), rng, known, depth)
    kind = schema.get("type")
    if kind == "object" and depth < 5:
        names = [name for name in schema["properties"] if name in schema["required"] or rng.random() < 0.15]
        return {
            name: known.get(name) or value(schema["properties"][name], rng, known, depth + 1)
            for name in names
        }
    if kind == "array":
        return [value(schema["items"], rng, known, depth + 1) for _ in range(rng.choice((1, 1, 2, 5)))]
    scalars = {"integer": ["1", "5", "-3", "2000000000"], "boolean": ["true", "false"], "number": ["0.5"]}
    return rng.choice(schema.get("enum") or scalars.get(kind, JUNK))


def steps(template: str) -> list[tuple[str, str]]:
    parts = template.split("/")
    return list(zip(["", *parts], parts, strict=False))


@pytest.mark.parametrize("seed", range(4))
def test_no_call_makes_it_fail(stripe, do, plan, seed, contract):
    rng = random.Random(seed)
    for each in range(150):
        if each % 50 == 0:
            customer = stripe.post("/v1/customers", {"payment_method": "pm_card_visa"})
            do(f"/prices/{plan['id']}/restore")
            subscription = do(f"/customers/{customer['id']}/subscribe", price=plan["id"])
            known = {"customer": customer["id"], "price": plan["id"], "product": plan["product"]}
            ids = {"customers": customer["id"], "subscriptions": subscription["id"], "prices": plan["id"]}
            ids |= {"products": plan["product"], "invoices": subscription["latest_invoice"]}
        operation = rng.choice(every_operation())
        method, template = operation.split()
        path = "/".join(ids.get(before, "x") if "{" in part else part for before, part in steps(template))
        params = value(document.parameters(operation), rng, known)
        answer = stripe.call(method, path, params if isinstance(params, dict) else {})
        assert answer.status_code < 500, f"{operation} {params} {answer.text}"
    sent(stripe, contract)
