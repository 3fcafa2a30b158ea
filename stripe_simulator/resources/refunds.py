"""https://docs.stripe.com/api/refunds."""

from __future__ import annotations

from typing import Any

from stripe_simulator.api.calls import Call, answers
from stripe_simulator.api.lists import page
from stripe_simulator.billing import payments
from stripe_simulator.core.errors import bad_request
from stripe_simulator.core.fields import merged_metadata, pick

Json = dict[str, Any]


@answers("POST /v1/refunds")
def create(call: Call) -> Json:
    """Give back a charge, or a part of it."""
    params = call.params
    fields = {"reason": params.get("reason"), "metadata": merged_metadata({}, params)}
    return payments.refund(call.mode, _charge(call), params.get("amount"), **fields)


def _charge(call: Call) -> Json:
    params = call.params
    if "charge" in params:
        return call.mode.find("charge", params["charge"], "charge", 400)
    if "payment_intent" not in params:
        raise bad_request(
            "One of the following params should be provided for this request: payment_intent or charge."
        )
    intent = call.mode.find("payment_intent", params["payment_intent"], "payment_intent", 400)
    if not intent["latest_charge"]:
        raise bad_request("This PaymentIntent does not have a successful charge to refund.", "payment_intent")
    return call.mode.find("charge", intent["latest_charge"], "charge", 400)


@answers("GET /v1/refunds/{refund}")
def retrieve(call: Call) -> Json:
    """Return a refund."""
    return call.mode.find("refund", call.id)


@answers("GET /v1/refunds")
def every(call: Call) -> Json:
    """Return refunds, newest first."""
    where = pick(call.params, "charge", "payment_intent")
    return page(call.mode, "refund", call.path, call.params, where)
