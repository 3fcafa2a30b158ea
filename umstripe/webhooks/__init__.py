"""Deliveries: from a verified event to the rows that it changes.

`receive` is the way in; each of Stripe's objects has a module whose handlers register themselves (see registry).
"""

from umstripe.webhooks import (  # noqa: F401 (each registers its handlers)
    catalogue,
    charge,
    checkout_session,
    customer,
    dispute,
    invoice,
    payment_intent,
    subscription,
)
from umstripe.webhooks.receive import (
    event_for_session,
    process_again,
    process_failed,
    receive,
    sync_checkout_session,
)
from umstripe.webhooks.registry import HANDLERS

__all__ = [
    "HANDLERS",
    "event_for_session",
    "process_again",
    "process_failed",
    "receive",
    "sync_checkout_session",
]
