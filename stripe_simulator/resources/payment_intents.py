"""https://docs.stripe.com/api/payment_intents."""

from __future__ import annotations

from typing import Any

from stripe_simulator.api.calls import Call, answers
from stripe_simulator.api.lists import page
from stripe_simulator.billing import payments
from stripe_simulator.core.errors import StripeError
from stripe_simulator.core.fields import pick

Json = dict[str, Any]
OPEN = ("requires_capture", "requires_payment_method", "requires_action", "requires_confirmation")


@answers("GET /v1/payment_intents/{intent}")
def retrieve(call: Call) -> Json:
    """Return a payment intent."""
    return call.mode.find("payment_intent", call.id)


@answers("POST /v1/payment_intents/{intent}/capture")
def capture(call: Call) -> Json:
    """Take the amount that was set aside, or a part of it; the rest is given back."""
    intent = call.mode.find("payment_intent", call.id)
    if intent["status"] != "requires_capture":
        raise _unexpected(intent, "captured")
    params = call.params
    amount: int = params["amount_to_capture"] if "amount_to_capture" in params else intent["amount"]
    if not 0 < amount <= intent["amount"]:
        raise StripeError(
            400,
            "The requested capture amount is greater than the amount you can capture.",
            code="amount_too_large",
            param="amount_to_capture",
        )
    payments.capture(call.mode, call.mode.find("charge", intent["latest_charge"]), amount)
    return call.mode.find("payment_intent", call.id)


@answers("POST /v1/payment_intents/{intent}/cancel")
def cancel(call: Call) -> Json:
    """Give back the amount that was set aside, or give up a payment that was not made."""
    intent = call.mode.find("payment_intent", call.id)
    if intent["status"] not in OPEN:
        raise _unexpected(intent, "canceled")
    reason = call.params.get("cancellation_reason")
    return payments.cancel(call.mode, intent, reason)


def _unexpected(intent: Json, verb: str) -> StripeError:
    return StripeError(
        400,
        f"This PaymentIntent could not be {verb} because it has a status of {intent['status']}.",
        code="payment_intent_unexpected_state",
        payment_intent=intent,
    )


@answers("GET /v1/payment_intents")
def every(call: Call) -> Json:
    """Return payment intents, newest first."""
    where = pick(call.params, "customer")
    return page(call.mode, "payment_intent", call.path, call.params, where)
