from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, update
from sqlalchemy.orm import Mapped, mapped_column

from umstripe.database import Model, Transaction, UTCDateTime, db, now

GOING = ("queued", "running")
WORKER_STARTS_WITHIN = 10
WORDS = {
    "import": (
        "Importing: {seen} prices so far…",
        "{seen} prices were imported.",
        "The import stopped: {error}",
    ),
    "catch_up": (
        "Catching up: {seen} events read so far…",
        "Caught up: {seen} events read, {found} of them were new here.",
        "Catching up stopped: {error}",
    ),
    "audit": (
        "Comparing with Stripe: {seen} subscriptions and customers so far…",
        "{seen} subscriptions and customers were compared with Stripe: {found} differences.",
        "The audit stopped: {error}",
    ),
    "repair": (
        "Repairing: {seen} of {found} so far…",
        "{seen} differences were repaired.",
        "The repair stopped: {error}",
    ),
}


class Job(Model):
    """How far a mode's background work of a kind is, for people. The rows exist from the migration on.

    `state` is "" (never run), `queued`, `running`, `done` or `failed`; `seen` counts what was read, `found`
    what came of it; `at` is when that was written.
    """

    mode: Mapped[str] = mapped_column(String(4), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    state: Mapped[str] = mapped_column(String(10), default="")
    seen: Mapped[int] = mapped_column(default=0)
    found: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(String(1000), default="")
    at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    @classmethod
    def of(cls, mode: str, kind: str) -> Job:
        return db.session.get_one(cls, (mode, kind))

    @classmethod
    def tell(cls, tx: Transaction, mode: str, kind: str, **columns: object) -> None:
        """Write down how far the work is, in its own transaction."""
        tx.execute(update(cls).where(cls.mode == mode, cls.kind == kind).values(**columns, at=now()))

    @property
    def is_going(self) -> bool:
        return self.state in GOING

    @classmethod
    def queue(cls, tx: Transaction, mode: str, kind: str) -> None:
        """Say that it waits for the worker; what waits or runs already stays as it is."""
        idle = update(cls).where(cls.mode == mode, cls.kind == kind, cls.state.not_in(GOING))
        tx.execute(idle.values(state="queued", seen=0, found=0, error="", at=now()))

    @property
    def text(self) -> str:
        """The state in words."""
        if self.state == "queued":
            return (
                WAITING_LONG
                if self._seconds() > WORKER_STARTS_WITHIN
                else "Waiting for the background worker…"
            )
        words = dict(zip(("running", "done", "failed"), WORDS[self.kind], strict=True)).get(self.state, "")
        return words.format(seen=self.seen, found=self.found, error=self.error)

    def progress(self) -> dict[str, object]:
        """For the page that waits: `state`, `text`, `value` (read so far), `done`."""
        return {"state": self.state, "text": self.text, "value": self.seen, "done": not self.is_going}

    def _seconds(self) -> float:
        return (now() - self.at).total_seconds() if self.at else 0


WAITING_LONG = "Still waiting for the background worker. Is it running? Start it with “umstripe worker”."
