"""Deliveries: from a verified event to the rows it changes.

`receiving` is the way in, `handlers` has the table of event types, `payments` and `links` more handlers, `arrival` what
each of them gets, `news` the mails that they write down.
"""

from umstripe.webhooks.checkout_session import HANDLERS
from umstripe.webhooks.receive import event_of, process_again, process_failed, receive, settle_session

__all__ = [
    "HANDLERS",
    "event_of",
    "process_again",
    "process_failed",
    "receive",
    "settle_session",
]
