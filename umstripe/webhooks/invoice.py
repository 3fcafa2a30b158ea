from __future__ import annotations

from umstripe.emails import triggers
from umstripe.formatting import amount_words
from umstripe.models import Customer
from umstripe.stripe_api import types
from umstripe.webhooks.context import EventContext, log_only
from umstripe.webhooks.registry import handles

WORDS = {
    "invoice.paid": "paid",
    "invoice.payment_failed": "the payment failed",
    "invoice.payment_action_required": "the member must confirm the payment",
}


@handles(*WORDS)
def invoice_changed(context: EventContext[types.Invoice]) -> str:
    """An invoice's fate; the subscription's own event says what follows from it."""
    invoice = context.object
    customer = Customer.get_or_reserve(context.tx, context.mode, invoice.get("customer"))
    if customer is not None:
        triggers.notify_payment_failure(context.tx, context.mode, context.event, customer.user_id)
    amount = amount_words(invoice.get("amount_due"), invoice.get("currency") or "")
    return log_only(context, f"Invoice of {amount}: {WORDS[context.event['type']]}")
