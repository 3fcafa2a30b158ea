"""https://docs.stripe.com/api/customers."""

from __future__ import annotations

from typing import Any

from stripe_simulator.api.calls import Call, answers
from stripe_simulator.api.lists import page
from stripe_simulator.billing import customers
from stripe_simulator.core.fields import merged_metadata, pick
from stripe_simulator.core.objects import deleted

Json = dict[str, Any]


@answers("POST /v1/customers")
def create(call: Call) -> Json:
    """Make a customer."""
    return customers.make(call.mode, call.params)


@answers("GET /v1/customers/{customer}")
def retrieve(call: Call) -> Json:
    """Return a customer, or what is left of one."""
    gone = call.mode.get("customer", call.id)
    return gone if gone and gone.get("deleted") else call.mode.find("customer", call.id)


@answers("POST /v1/customers/{customer}")
def update(call: Call) -> Json:
    """Change a customer."""
    customer = call.mode.find("customer", call.id)
    fields = customers.fields_from(call.params)
    if "metadata" in call.params:
        fields["metadata"] = merged_metadata(customer["metadata"], call.params)
    customer = call.mode.change(customer, "customer.updated", **fields)
    return customers.with_default_method(call.mode, customer, call.params)


@answers("DELETE /v1/customers/{customer}")
def delete(call: Call) -> Json:
    """Delete a customer; its subscriptions end at once."""
    customers.remove(call.mode, call.mode.find("customer", call.id))
    return deleted("customer", call.id)


@answers("GET /v1/customers")
def every(call: Call) -> Json:
    """Return customers, newest first."""
    where = pick(call.params, "email", "test_clock")
    return page(call.mode, "customer", call.path, call.params, where)
