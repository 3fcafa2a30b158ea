from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import String, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from umstripe.database import Model, Transaction, UTCDateTime, db, now
from umstripe.models.settings import Settings

ALIVE_WITHIN = timedelta(seconds=40)
"""How long after its last heartbeat a worker counts as running. Four heartbeats fit into it."""
KEPT_FOR = timedelta(days=7)


class WorkerHeartbeat(Model):
    """When each background worker was last alive, one row per worker (its executor id at DBOS)."""

    executor_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime)

    @classmethod
    def beat(cls, tx: Transaction, executor_id: str) -> None:
        """Record that a worker is alive, delete rows of workers that are long gone, and end a reported outage."""
        insert = sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert
        row = insert(cls).values(executor_id=executor_id[:255], seen_at=now())
        tx.execute(row.on_conflict_do_update(index_elements=["executor_id"], set_={"seen_at": now()}))
        tx.execute(delete(cls).where(cls.seen_at < now() - KEPT_FOR))
        reported = Settings.worker_outage_at.is_not(None)
        tx.execute(update(Settings).where(reported).values(worker_outage_at=None))

    @classmethod
    def last_seen(cls) -> datetime | None:
        """Return when any worker was last alive, or None if none has ever run."""
        return db.session.scalar(select(db.func.max(cls.seen_at)))

    @classmethod
    def any_alive(cls) -> bool:
        seen = cls.last_seen()
        return seen is not None and now() - seen < ALIVE_WITHIN

    @classmethod
    def alive(cls, tx: Transaction) -> set[str]:
        """Return the executor ids of the workers that are running."""
        query = select(cls.executor_id).where(cls.seen_at > now() - ALIVE_WITHIN)
        return set(tx.execute(query).scalars())

    @classmethod
    def claim_outage(cls, tx: Transaction) -> bool:
        """Record that no worker is running. Return True to one caller per outage: the one that reports it."""
        query = select(cls.executor_id).where(cls.seen_at > now() - ALIVE_WITHIN).limit(1)
        if tx.execute(query).first():
            return False
        unreported = update(Settings).where(Settings.worker_outage_at.is_(None))
        return bool(tx.execute(unreported.values(worker_outage_at=now()).returning(Settings.id)).first())
