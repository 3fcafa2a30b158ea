from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, select, update
from sqlalchemy.orm import Mapped, mapped_column, relationship

from umstripe.database import Model, Row, Seconds, Transaction
from umstripe.formatting import moment_words, status_words
from umstripe.models import snapshot
from umstripe.models.customer import Customer
from umstripe.models.snapshot import Snapshot, StripeObject, SyncedColumns, id_of
from umstripe.statuses import FINAL

AUTOMATIC = "charge_automatically"
TIMES = {
    "current_period_end": "period ends",
    "trial_end": "trial ends",
    "cancel_at": "cancels",
    "ended_at": "ended",
}


@dataclass(frozen=True)
class Change:
    """What applying a state did: the status `before` ("" when new) and `after`; not `applied` when overtaken."""

    user_id: int
    before: str
    after: str
    applied: bool = True


class Subscription(Model, SyncedColumns):
    """A membership that is paid again and again: a copy of Stripe's subscription of one of our customers.

    Its plan is that of its price; nothing says it twice. Times are in seconds, UTC, of Stripe's clock;
    `audited` is the number of the last audit that met it.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    mode: Mapped[str] = mapped_column(String(4))
    stripe_subscription_id: Mapped[str] = mapped_column(String(255))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), index=True)
    stripe_price_id: Mapped[str] = mapped_column(String(255), default="")
    status: Mapped[str] = mapped_column(String(255))
    current_period_end: Mapped[Seconds | None] = mapped_column()
    cancel_at: Mapped[Seconds | None] = mapped_column()
    ended_at: Mapped[Seconds | None] = mapped_column()
    trial_end: Mapped[Seconds | None] = mapped_column()
    collection_method: Mapped[str] = mapped_column(
        String(255), default=AUTOMATIC, server_default="charge_automatically"
    )
    created: Mapped[Seconds] = mapped_column()
    audited: Mapped[Seconds] = mapped_column(default=0, server_default="0")

    customer: Mapped[Customer] = relationship(lazy="joined")

    __table_args__ = (
        UniqueConstraint("mode", "stripe_subscription_id"),
        Index("ix_subscription_mode_stripe_price_id", "mode", "stripe_price_id"),
    )

    @classmethod
    def sync_from_stripe(cls, tx: Transaction, state: Snapshot) -> Change | None:
        """Write a subscription's state, wherever it comes from: the one way that a status changes.

        Return what changed; `applied` is False for a state that ours has overtaken (rule 3). Return None for a
        customer who is not ours (rule 5). Raise NeedsFetch when only Stripe can tell which state is newer.
        """
        customer_id = id_of(state.object.get("customer"))
        customer = Customer.get_or_reserve(tx, state.mode, customer_id)
        row = snapshot.get_for_update(tx, cls.__table__, state.mode, "stripe_subscription_id", state.id)
        if customer is not None:
            linked_id = customer.id
        elif row is not None:
            linked_id = row.customer_id
        if row is None and (customer is None or _is_gone(state)):
            return None
        user_id = customer.user_id if customer else Customer.user_id_of(tx, linked_id)
        before = row.status if row else ""
        values = _values(state) | {"customer_id": linked_id}
        values |= _end_with_customer(customer, customer_id, values["status"], state.as_of)
        is_proven = row is not None and state.seen == row.revision
        stays = before in FINAL and not is_proven and (values["status"] not in FINAL or _is_gone(state))
        if stays or not snapshot.is_newer(row, state, values, "subscription"):
            return Change(user_id, before, before, applied=False)
        snapshot.write(tx, cls.__table__, row, state, values)
        return Change(user_id, before, values["status"])

    @classmethod
    def differs(cls, tx: Transaction, state: Snapshot) -> bool:
        """Return whether Stripe's list has something else than we do, for a customer or a subscription of ours.

        A look without a lock: it only tells whom to ask Stripe about, and must not hold up their deliveries.
        """
        customer_id = id_of(state.object.get("customer"))
        customer = snapshot.get(tx, Customer.__table__, state.mode, "stripe_customer_id", customer_id)
        row = snapshot.get(tx, cls.__table__, state.mode, "stripe_subscription_id", state.id)
        if row is None or customer is None:
            return (row is None) != (customer is None)
        values = _values(state) | {"customer_id": customer.id}
        return customer.deleted or any(getattr(row, name) != value for name, value in values.items())

    @classmethod
    def synced_values(cls, tx: Transaction, mode: str, stripe_subscription_id: str) -> dict[str, object]:
        """Return everything that Stripe says of a subscription, as our row has it; empty for none."""
        row = snapshot.get_for_update(
            tx, cls.__table__, mode, "stripe_subscription_id", stripe_subscription_id
        )
        own = {"id", "as_of", "revision", "audited"}
        return {name: value for name, value in row._mapping.items() if name not in own} if row else {}

    @classmethod
    def describe(cls, tx: Transaction, values: Mapping[str, Any]) -> str:
        """Return what `synced_values` gave as text for people."""
        if not values:
            return "not known"
        times = [
            f"{word} {moment_words(values[name], exact=True)}" for name, word in TIMES.items() if values[name]
        ]
        collection = ["pays by invoice"] if values["collection_method"] != AUTOMATIC else []
        query = select(Customer.stripe_customer_id).where(Customer.id == values["customer_id"])
        owner = f"of {tx.execute(query).scalar_one()}"
        price = f"price {values['stripe_price_id']}"
        return ", ".join([status_words(values["status"]), price, owner, *times, *collection])

    @classmethod
    def end_all(cls, tx: Transaction, customer_id: int, at: int) -> None:
        """The customer is gone at Stripe, and everything with it. Ended is final, so no order can undo it."""
        going = (cls.customer_id == customer_id, cls.status.not_in(FINAL))
        ended = {"status": "canceled", "ended_at": at, "as_of": at, "revision": cls.revision + 1}
        tx.execute(update(cls).where(*going).values(ended))


def _is_gone(state: Snapshot) -> bool:
    """Return whether Stripe only says that it is not there any more, and nothing of how it ended."""
    return bool(state.object.get("deleted"))


def _end_with_customer(
    customer: Row | None, customer_id: str | None, status: str, at: int
) -> dict[str, object]:
    """Return the end of a subscription whose customer was deleted, or which went to a customer of somebody else.

    The former is canceled, the latter revoked; empty for any other.
    """
    if (
        status in FINAL
        or (customer is not None and not customer.deleted)
        or (customer is None and customer_id is None)
    ):
        return {}
    return {"status": "canceled" if customer is not None else "revoked", "ended_at": at}


def status_of(subscription: StripeObject) -> str:
    """Stripe's status, but `paused` while the collection is paused: Stripe leaves that one `active`."""
    if subscription.get("deleted"):
        return "canceled"
    paused = subscription.get("pause_collection") and subscription["status"] == "active"
    return "paused" if paused else subscription["status"]


def price_of(subscription: StripeObject) -> str:
    """Return the id of the price that a subscription is for; "" when it says none."""
    items = (subscription.get("items") or {}).get("data") or []
    first = items[0] if items else {}
    return id_of((first.get("price") or first.get("plan") or {}).get("id")) or ""


def subscription_of_invoice(invoice: Mapping[str, Any]) -> str:
    """Return the id of the subscription that an invoice is for, or ""."""
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    return id_of(details.get("subscription") or invoice.get("subscription")) or ""


def _values(state: Snapshot) -> dict[str, Any]:
    data = state.object
    status = status_of(data)
    if data.get("deleted"):
        return {"status": status, "ended_at": state.as_of}
    items = (data.get("items") or {}).get("data") or []
    first = items[0] if items else {}
    ended = data.get("ended_at") or data.get("canceled_at") or state.as_of
    return {
        "stripe_subscription_id": data["id"],
        "stripe_price_id": price_of(data),
        "status": status,
        "current_period_end": first.get("current_period_end") or data.get("current_period_end"),
        "cancel_at": data.get("cancel_at"),
        "ended_at": ended if status in FINAL else None,
        "trial_end": data.get("trial_end"),
        "collection_method": data.get("collection_method") or AUTOMATIC,
        "created": data["created"],
    }
