"""Events as they are read again from the bodies that are kept of them."""

from __future__ import annotations

import json

from umstripe.errors import MalformedObject
from umstripe.stripe_api.shapes import check_event, is_event
from umstripe.stripe_api.types import Event


def event_in(body: str) -> Event:
    """Return the event that a kept body holds. Raise MalformedObject when there is none that can be read."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        event = None
    if not is_event(event):
        raise MalformedObject("What is kept of this event is no event of Stripe’s.")
    check_event(event)
    return event
