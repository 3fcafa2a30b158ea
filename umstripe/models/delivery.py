from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import (
    Executable,
    Index,
    String,
    Text,
    UniqueConstraint,
    func,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from umstripe.database import Model, Row, Seconds, Transaction, UTCDateTime, db, now, read

RESULTS = ("processed", "stale", "foreign", "ignored", "failed", "unsold", "unusable")
UNSOLD_FOR = timedelta(days=30)
"""How long administrators are told of what was paid and is not sold here."""
UNUSABLE_FOR = timedelta(days=30)
"""How long the health page shows what cannot be applied."""


class Delivery(Model):
    """An event that arrived, and what became of it: one row per event, however often it is delivered.

    `result` is `processed`, `stale` (newer was known), `foreign` (not our customer), `ignored` (a type
    without a handler), `failed` (see `error`; Stripe sends it again), `unsold` (paid through a link of ours, for
    what no plan here sells) or `unusable` (it can never be applied; `error` says why). `arrived` is False for an event that
    catch-up found in Stripe's list before any delivery brought it (rule 4). `stripe_payment_id` is the payment
    that a dispute is about.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    mode: Mapped[str] = mapped_column(String(4))
    stripe_event_id: Mapped[str] = mapped_column(String(255))
    type: Mapped[str] = mapped_column(String(255))
    stripe_object_id: Mapped[str] = mapped_column(String(255), default="")
    stripe_customer_id: Mapped[str] = mapped_column(String(255), default="", server_default="")
    stripe_payment_id: Mapped[str] = mapped_column(String(255), default="", server_default="")
    created: Mapped[Seconds] = mapped_column()
    arrived: Mapped[bool] = mapped_column(default=True, server_default=true())
    received_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    result: Mapped[str] = mapped_column(String(10))
    tries: Mapped[int] = mapped_column(default=1)
    error: Mapped[str] = mapped_column(Text, default="")
    body: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (
        UniqueConstraint("mode", "stripe_event_id"),
        Index("ix_delivery_mode_result", "mode", "result"),
        Index("ix_delivery_mode_created", "mode", "created"),
        Index("ix_delivery_stripe_customer_id", "stripe_customer_id"),
        Index("ix_delivery_stripe_payment_id", "stripe_payment_id"),
    )

    @classmethod
    def claim(cls, tx: Transaction, row: dict[str, object], again: Iterable[str] = ("failed",)) -> bool:
        """Take an event for this transaction: False when it is done already. Of many at once, one gets True.

        The others wait at the row until the first has committed or rolled back. `again` are the results
        that are not an end.
        """
        values = {**row, "result": "processed", "received_at": now()}
        if tx.execute(_claiming(tx.dialect.name), values).first():
            return True
        event = (cls.mode == row["mode"], cls.stripe_event_id == row["stripe_event_id"])
        if row["arrived"]:
            tx.execute(update(cls).where(*event, ~cls.arrived).values(arrived=True))
        retried = (
            update(cls)
            .where(*event, cls.result.in_(again))
            .values(result="processed", error="", tries=cls.tries + 1)
        )
        return tx.execute(retried.returning(cls.id)).first() is not None

    @classmethod
    def foreign_of(cls, tx: Transaction, mode: str, stripe_customer_id: str) -> list[Row]:
        """Return what came about a customer before we knew whose it is, newest first: `stripe_event_id` and `body`.

        So what was over long before the link is stale, and nobody hears of it.
        """
        about = (cls.mode == mode, cls.stripe_customer_id == stripe_customer_id, cls.result == "foreign")
        query = select(cls.stripe_event_id, cls.body).where(*about, cls.body != "")
        return list(tx.execute(query.order_by(cls.created.desc(), cls.id.desc())))

    @classmethod
    def foreign_disputes(cls, tx: Transaction, mode: str, payment_id: str) -> list[Row]:
        """Return what came about the disputes of a payment before we knew whose it is: `stripe_event_id`, `body`."""
        about = (cls.mode == mode, cls.stripe_payment_id == payment_id, cls.result == "foreign")
        return list(tx.execute(select(cls.stripe_event_id, cls.body).where(*about, cls.body != "")))

    @classmethod
    def customer_of_object(cls, tx: Transaction, mode: str, stripe_object_id: str) -> str:
        """Return the id of the customer whom an event about an object has named, or ""."""
        about = (cls.mode == mode, cls.stripe_object_id == stripe_object_id, cls.stripe_customer_id != "")
        return tx.execute(select(cls.stripe_customer_id).where(*about).limit(1)).scalar() or ""

    @classmethod
    def keep_customer(cls, tx: Transaction, mode: str, event_id: str, stripe_customer_id: str) -> None:
        """Say whose event it is, so that it is applied when that customer is linked."""
        event = (cls.mode == mode, cls.stripe_event_id == event_id)
        tx.execute(update(cls).where(*event).values(stripe_customer_id=stripe_customer_id))

    @classmethod
    def about(cls, tx: Transaction, mode: str, stripe_object_id: str, since: int) -> list[Row]:
        """Return what has come about an object since a second of Stripe's clock: `stripe_event_id` and `body`."""
        conditions = (cls.mode == mode, cls.created >= since, cls.stripe_object_id == stripe_object_id)
        query = select(cls.stripe_event_id, cls.body).where(
            *conditions, cls.body != "", cls.result != "failed"
        )
        return list(tx.execute(query.order_by(cls.created, cls.id)))

    @classmethod
    def has_come(cls, mode: str, type_: str, stripe_object_id: str, since: int) -> bool:
        """Return whether an event of a type has come about an object that is there since a second of Stripe's clock."""
        about = (cls.mode == mode, cls.created >= since, cls.type == type_)
        query = select(cls.id).where(*about, cls.stripe_object_id == stripe_object_id)
        return db.session.scalar(query.limit(1)) is not None

    @classmethod
    def done_among(cls, mode: str, event_ids: list[str]) -> set[str]:
        """Return those of the events that are here and did not fail."""
        with read() as tx:
            known = select(cls.stripe_event_id).where(cls.mode == mode, cls.stripe_event_id.in_(event_ids))
            return set(tx.execute(known.where(cls.result != "failed")).scalars())

    @classmethod
    def fail(cls, tx: Transaction, row: dict[str, object], error: str) -> None:
        """Keep the error of a try that was rolled back, unless another try has succeeded meanwhile."""
        new = _insert(tx)(cls).values({**row, "result": "failed", "error": error, "received_at": now()})
        again = {
            "error": error,
            "tries": cls.tries + 1,
            "arrived": or_(cls.arrived, literal(bool(row["arrived"]))),
        }
        index = ["mode", "stripe_event_id"]
        tx.execute(new.on_conflict_do_update(index_elements=index, set_=again, where=cls.result == "failed"))

    @classmethod
    def set_aside(cls, tx: Transaction, row: dict[str, object], result: str, error: str) -> None:
        """Keep an event that no retry can mend, with the reason; one that was processed meanwhile stays as it is."""
        new = _insert(tx)(cls).values({**row, "result": result, "error": error, "received_at": now()})
        again = {"result": result, "error": error, "tries": cls.tries + 1}
        again["arrived"] = or_(cls.arrived, literal(bool(row["arrived"])))
        open_ = cls.result.in_(("failed", "foreign", "unusable"))
        index = ["mode", "stripe_event_id"]
        tx.execute(new.on_conflict_do_update(index_elements=index, set_=again, where=open_))

    @classmethod
    def failed_with(cls, tx: Transaction, mode: str, stripe_event_id: str, error: str) -> bool:
        """Return whether an event has failed before for the same reason."""
        conditions = (cls.mode == mode, cls.stripe_event_id == stripe_event_id, cls.result == "failed")
        return tx.execute(select(cls.id).where(*conditions, cls.error == error)).first() is not None

    @classmethod
    def set_result(
        cls, tx: Transaction, mode: str, stripe_event_id: str, result: str, error: str = ""
    ) -> None:
        event = (cls.mode == mode, cls.stripe_event_id == stripe_event_id)
        reason = {"error": error} if error else {}
        tx.execute(update(cls).where(*event).values(result=result, **reason))

    @classmethod
    def failed(cls, mode: str, at_most: int) -> list[Delivery]:
        """Return those that wait for another try: first the ones that were tried least, so that none holds up the others."""
        waiting = select(cls).where(cls.mode == mode, cls.result == "failed", cls.body != "")
        return list(db.session.scalars(waiting.order_by(cls.tries, cls.id).limit(at_most)))

    @classmethod
    def count_failed(cls, mode: str) -> int:
        query = select(func.count(cls.id)).where(cls.mode == mode, cls.result == "failed")
        return db.session.scalar(query) or 0

    @classmethod
    def count_unsold(cls, mode: str) -> int:
        """Return how many payments of the last 30 days wait for a plan that sells what was paid for."""
        query = select(func.count(cls.id)).where(cls.mode == mode, cls.result == "unsold")
        since = int((now() - UNSOLD_FOR).timestamp())
        return db.session.scalar(query.where(cls.created >= since)) or 0

    @classmethod
    def count_unusable(cls, mode: str) -> int:
        """Return how many events of the last 30 days cannot be applied."""
        query = select(func.count(cls.id)).where(cls.mode == mode, cls.result == "unusable")
        return db.session.scalar(query.where(cls.received_at >= now() - UNUSABLE_FOR)) or 0

    @classmethod
    def missed(cls, mode: str, within: timedelta) -> int:
        """Return how many events no delivery has brought, though Stripe had five minutes for it."""
        newest, oldest = now() - ON_THEIR_WAY, now() - within
        lost = select(func.count(cls.id)).where(cls.mode == mode, ~cls.arrived)
        lost = lost.where(cls.created.between(int(oldest.timestamp()), int(newest.timestamp())))
        return db.session.scalar(lost) or 0

    @classmethod
    def by_type(cls, mode: str, within: timedelta) -> list[tuple[str, int, datetime]]:
        """Return each type of event that was delivered in a time: how often, and when the last one was."""
        since = int((now() - within).timestamp())
        query = select(cls.type, func.count(cls.id), func.max(cls.received_at)).where(cls.mode == mode)
        query = query.where(cls.created >= since, cls.arrived).group_by(cls.type).order_by(cls.type)
        return [(type_, number, last) for type_, number, last in db.session.execute(query)]

    @classmethod
    def last(cls, mode: str) -> Delivery | None:
        """Return the newest that Stripe delivered; what catch-up found is none."""
        came = select(cls).where(cls.mode == mode, cls.arrived)
        return db.session.scalar(came.order_by(cls.id.desc()).limit(1))


ON_THEIR_WAY = timedelta(minutes=5)


class Refusal(Model):
    """How many deliveries were turned away, and why: one row per mode and reason (rule 6)."""

    mode: Mapped[str] = mapped_column(String(4), primary_key=True)
    reason: Mapped[str] = mapped_column(String(20), primary_key=True)
    count: Mapped[int] = mapped_column(default=1)
    last_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)

    @classmethod
    def of(cls, mode: str) -> list[Refusal]:
        return list(db.session.scalars(select(cls).where(cls.mode == mode).order_by(cls.reason)))

    @classmethod
    def add(cls, tx: Transaction, mode: str, reason: str) -> None:
        new = _insert(tx)(cls).values(mode=mode, reason=reason, count=1, last_at=now())
        again = {"count": cls.count + 1, "last_at": now()}
        tx.execute(new.on_conflict_do_update(index_elements=["mode", "reason"], set_=again))


@cache
def _claiming(dialect: str) -> Executable:
    """Return the statement that gives a row only if it is new. Made once: building it takes longer than running it."""
    table = Delivery.__table__
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return insert(table).on_conflict_do_nothing().returning(table.c.id)


def _insert(tx: Transaction) -> Callable[..., postgresql.Insert | sqlite.Insert]:
    return sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert
