"""An event in its transaction, as its handler gets it, and the two ways in which a handler ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from umstripe.database import Transaction
from umstripe.formatting import status_words
from umstripe.models import Activity, Customer
from umstripe.models.snapshot import Snapshot
from umstripe.models.subscription import Change


@dataclass
class EventContext:
    """An event in its transaction: what a handler gets. `note` leaves the activity line (rule 10).

    `trigger` is `member` when no delivery brought it but the success page, which may be loaded again and again.
    """

    tx: Transaction
    mode: str
    event: Mapping[str, Any]
    fetched: dict[str, Snapshot] = field(default_factory=dict)
    trigger: str = "stripe"

    @property
    def object(self) -> Mapping[str, Any]:
        return self.event["data"]["object"]

    @property
    def created(self) -> int:
        return self.event["created"]

    @property
    def state(self) -> Snapshot:
        """The event's object as it is in the event, or as it was fetched since the event came."""
        told = self.fetched.get(self.object["id"])
        if told is not None and (told.covers is None or self.event["id"] in told.covers):
            return told
        return Snapshot(self.mode, self.object, self.created)

    def note(self, description: str, user_id: int | None = None) -> None:
        details = {"event": self.event["id"], "object": self.object.get("id", "")}
        line = {"trigger": self.trigger, "mode": self.mode, "user_id": user_id, "details": details}
        Activity.write(self.tx, self.event["type"], description, **line)


def said(arrival: EventContext, change: Change | None, what: str) -> str:
    """The result of a state that was applied or overtaken, and its activity line (rule 10)."""
    if change is None:
        return "foreign"
    if not change.applied:
        return "stale"
    if arrival.trigger == "member" and change.before == change.after:
        return "processed"
    was = f" (was {status_words(change.before)})" if change.before not in ("", change.after) else ""
    arrival.note(f"{what} is {status_words(change.after)}{was}", change.user_id)
    return "processed"


def noted(arrival: EventContext, description: str, customer_id: str | None = None) -> str:
    """An event that changes nothing of ours: a line in the log when it is about one of our customers."""
    customer = Customer.get_or_reserve(
        arrival.tx, arrival.mode, customer_id or arrival.object.get("customer")
    )
    if customer is None:
        return "foreign"
    arrival.note(description, customer.user_id)
    return "processed"
