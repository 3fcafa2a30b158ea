"""An event in its transaction, as its handler gets it, and the two ways in which a handler ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from umstripe.database import Transaction
from umstripe.formatting import status_words
from umstripe.models import Activity, Customer
from umstripe.models.snapshot import Snapshot
from umstripe.models.subscription import Change
from umstripe.stripe_api.types import Event
from umstripe.transactions import FetchedStates

StripeObject = TypeVar("StripeObject")


@dataclass
class EventContext(Generic[StripeObject]):
    """An event in its transaction: what a handler gets. `log` writes the activity line (rule 10).

    `trigger` is `member` when no delivery brought the event but the success page, which may be loaded again and again.
    """

    tx: Transaction
    mode: str
    event: Event
    fetched: FetchedStates = field(default_factory=dict)
    trigger: str = "stripe"

    @property
    def object(self) -> StripeObject:
        stripe_object: StripeObject = self.event["data"]["object"]
        return stripe_object

    @property
    def object_id(self) -> str:
        return str(self.event["data"]["object"]["id"])

    @property
    def created(self) -> int:
        return self.event["created"]

    @property
    def snapshot(self) -> Snapshot:
        """The event's object as it is in the event, or as it was fetched since the event came."""
        fetched = self.fetched.get(self.object_id)
        if fetched is not None and (fetched.covers is None or self.event["id"] in fetched.covers):
            return fetched
        return Snapshot(self.mode, self.event["data"]["object"], self.created)

    def log(self, description: str, user_id: int | None = None) -> None:
        details = {"event": self.event["id"], "object": self.event["data"]["object"].get("id", "")}
        line = {"trigger": self.trigger, "mode": self.mode, "user_id": user_id, "details": details}
        Activity.write(self.tx, self.event["type"], description, **line)


AnyContext = EventContext[Any]


def log_change(context: AnyContext, change: Change | None, what: str) -> str:
    """Log what a state changed (rule 10). Return the result of a state that was applied or overtaken."""
    if change is None:
        return "foreign"
    if not change.applied:
        return "stale"
    if context.trigger == "member" and change.before == change.after:
        return "processed"
    was = f" (was {status_words(change.before)})" if change.before not in ("", change.after) else ""
    context.log(f"{what} is {status_words(change.after)}{was}", change.user_id)
    return "processed"


def log_only(context: AnyContext, description: str, customer_id: str | None = None) -> str:
    """Log an event that changes nothing here, if it is about one of our customers. Return its result."""
    customer = Customer.get_or_reserve(
        context.tx, context.mode, customer_id or context.object.get("customer")
    )
    if customer is None:
        return "foreign"
    context.log(description, customer.user_id)
    return "processed"
