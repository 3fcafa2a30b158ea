"""The handlers of Stripe's events. A handler registers itself: `@handles("invoice.paid")`.

The endpoint at Stripe is registered for the types in HANDLERS. The package imports every module that has a handler.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from umstripe.webhooks.context import AnyContext
from umstripe.webhooks.unusable import is_of_another_account

Handler = Callable[[AnyContext], str]
HandlerT = TypeVar("HandlerT", bound=Handler)

HANDLERS: dict[str, Handler] = {}
"""The handler of each type of event. It returns the result (see Delivery)."""


def handles(*types: str) -> Callable[[HandlerT], HandlerT]:
    """Return a decorator that registers a function as the handler of these types of events."""

    def register(handler: HandlerT) -> HandlerT:
        HANDLERS.update(dict.fromkeys(types, handler))
        return handler

    return register


def dispatch(context: AnyContext) -> str:
    """Apply an event in its transaction. Return its result (see Delivery). Raise NeedsFetch as Subscription.sync_from_stripe."""
    handler = HANDLERS.get(context.event["type"])
    if handler is None:
        return "ignored"
    if is_of_another_account(context.tx, context.mode, context.event):
        return "foreign"
    return handler(context)
