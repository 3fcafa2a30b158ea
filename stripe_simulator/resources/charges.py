"""https://docs.stripe.com/api/charges."""

from __future__ import annotations

from typing import Any

from stripe_simulator.api.calls import Call, answers
from stripe_simulator.api.lists import page
from stripe_simulator.core.fields import pick

Json = dict[str, Any]


@answers("GET /v1/charges/{charge}")
def retrieve(call: Call) -> Json:
    """Return a charge."""
    return call.mode.find("charge", call.id)


@answers("GET /v1/charges")
def every(call: Call) -> Json:
    """Return charges, newest first."""
    names = ("customer", "payment_intent", "transfer_group")
    where = pick(call.params, *names)
    return page(call.mode, "charge", call.path, call.params, where)
