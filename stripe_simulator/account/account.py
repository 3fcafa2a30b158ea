"""The one account that the simulator plays, and its two modes."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

from stripe_simulator.account.faults import Faults
from stripe_simulator.core import keys
from stripe_simulator.core.document import VERSION
from stripe_simulator.core.errors import StripeError, no_such
from stripe_simulator.core.events import changed_attributes, new_event
from stripe_simulator.core.objects import reset_clock
from stripe_simulator.core.rendering import plain
from stripe_simulator.core.store import Store
from stripe_simulator.delivery.deliveries import Deliveries

Json = dict[str, Any]

# The API request that causes what happens now; nothing when Stripe or a person at the page does it.
cause: contextvars.ContextVar[Json | None] = contextvars.ContextVar("cause", default=None)

_without_events: contextvars.ContextVar[bool] = contextvars.ContextVar("quiet", default=False)


@contextlib.contextmanager
def without_events(silent: bool = True) -> Iterator[None]:
    """Record no events inside."""
    token = _without_events.set(silent)
    try:
        yield
    finally:
        _without_events.reset(token)


@contextlib.contextmanager
def all_or_nothing(store: Store) -> Iterator[None]:
    """A transaction that a lasting refusal does not undo."""
    refused: StripeError | None = None
    with store.transaction():
        try:
            yield
        except StripeError as error:
            if not error.lasts:
                raise
            refused = error
    if refused:
        raise refused


class Account:
    """Both modes of one Stripe account, with what they share."""

    def __init__(self, store: Store, deliveries: Deliveries, allow_local_endpoints: bool = False) -> None:
        self.store, self.deliveries = store, deliveries
        self.allow_local_endpoints = allow_local_endpoints
        self.faults = Faults()
        self.api_version = VERSION
        self.modes = {name: Mode(self, name) for name in keys.MODES}
        if not keys.every_key(store):
            keys.add_defaults(store)

    def mode_of(self, kind: str, object_id: str) -> Mode | None:
        """Return the mode that has an object with this id. Ids are never the same in both."""
        return next((m for m in self.modes.values() if self.store.get(kind, m.name, object_id)), None)

    def reset(self) -> None:
        """Forget everything but the default keys; the clock is right again."""
        with self.store.lock:
            self.deliveries.forget()
            self.faults.clear()
            self.api_version = VERSION
            self.store.clear()
            reset_clock()
            keys.add_defaults(self.store)


class Mode:
    """Everything of one mode. Nothing of the other one can be reached from here."""

    def __init__(self, account: Account, name: str) -> None:
        self.account, self.name = account, name
        self.store = account.store
        self.livemode = name == "live"

    def get(self, kind: str, object_id: str) -> Json | None:
        """Return an object, or None."""
        return self.store.get(kind, self.name, object_id)

    def find(self, kind: str, object_id: str, param: str = "id", status: int = 404) -> Json:
        """Return an object. Raise StripeError `resource_missing`."""
        thing = self.get(kind, object_id)
        if thing is None or thing.get("deleted"):
            raise no_such(kind, object_id, param, status)
        return thing

    def every(self, kind: str, **where: Any) -> list[Json]:
        """Return objects of a kind that are not deleted, newest first."""
        collection = self.store.collection(kind, self.name)
        return [thing for thing in collection.newest_first(where) if not thing.get("deleted")]

    def newest(self, kind: str, **where: Any) -> Json | None:
        """Return the newest object of a kind that is not deleted, or None."""
        newest_first = self.store.collection(kind, self.name).newest_first(where)
        return next((thing for thing in newest_first if not thing.get("deleted")), None)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes inside happen, or none; a refusal that lasts keeps what was done."""
        with all_or_nothing(self.store):
            yield

    def add(self, thing: Json, *events: str) -> Json:
        """Keep a new object, and make the events that tell of it."""
        if "livemode" in thing:
            thing["livemode"] = self.livemode
        self.keep(thing)
        for each in events:
            self.record(each, thing)
        return thing

    def change(self, thing: Json, *events: str, **changes: Any) -> Json:
        """Replace an object by a changed copy. The events carry the previous attributes; without a change there is no event."""
        after = thing | changes
        previous = changed_attributes(plain(thing), plain(after))
        if after == thing:
            return thing
        self.keep(after)
        for each in events:
            self.record(each, after, previous)
        return after

    def keep(self, thing: Json) -> None:
        """Keep an object without an event."""
        self.store.put(thing["object"], self.name, thing["id"], thing)

    def drop(self, thing: Json) -> None:
        """Leave only the mark that the object was there."""
        gone = {"id": thing["id"], "object": thing["object"], "deleted": True}
        self.store.put(thing["object"], self.name, thing["id"], gone)

    def record(self, event_type: str, thing: Json, previous: Json | None = None) -> None:
        """Make an event, keep it for 30 days and deliver it to the endpoints that asked for it."""
        if _without_events.get():
            return
        version = self.account.api_version
        event = new_event(event_type, plain(thing), previous, self.livemode, cause.get(), version)
        endpoints = self.listeners(event_type)
        event["pending_webhooks"] = len(endpoints)
        self.keep(event)
        for endpoint in endpoints:
            self.account.deliveries.plan(self.name, event, endpoint)

    def listeners(self, event_type: str) -> list[Json]:
        """Return the enabled endpoints that want events of this type, oldest first."""
        return [each for each in reversed(self.every("webhook_endpoint")) if asks_for(each, event_type)]


def asks_for(endpoint: Json, event_type: str) -> bool:
    """Return whether an endpoint is enabled and wants events of this type."""
    enabled_events = endpoint["enabled_events"]
    return endpoint["status"] == "enabled" and ("*" in enabled_events or event_type in enabled_events)
