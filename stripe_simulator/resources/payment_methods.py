"""https://docs.stripe.com/api/payment_methods: read only, cards are attached with test tokens."""

from __future__ import annotations

from typing import Any

from stripe_simulator.api.calls import Call, answers
from stripe_simulator.api.lists import page

Json = dict[str, Any]


@answers("GET /v1/payment_methods/{payment_method}")
def retrieve(call: Call) -> Json:
    """Return a payment method."""
    return call.mode.find("payment_method", call.id, "payment_method")


@answers("GET /v1/customers/{customer}/payment_methods")
def of_customer(call: Call) -> Json:
    """Return a customer's payment methods, newest first."""
    customer = call.mode.find("customer", call.id, "customer")
    where = {"customer": customer["id"]} | {
        name: call.params[name] for name in ("type",) if name in call.params
    }
    return page(call.mode, "payment_method", call.path, call.params, where)
