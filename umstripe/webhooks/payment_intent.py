from __future__ import annotations

from umstripe.stripe_api import types
from umstripe.webhooks.context import EventContext, log_only
from umstripe.webhooks.registry import handles

LONGEST_REASON = 1000


@handles("payment_intent.payment_failed")
def payment_failed(context: EventContext[types.PaymentIntent]) -> str:
    error = context.object.get("last_payment_error")
    reason = (error.get("message") if error else "") or "Stripe gave no reason."
    return log_only(context, f"A payment failed: {reason[:LONGEST_REASON]}")
