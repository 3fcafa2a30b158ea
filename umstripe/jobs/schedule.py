"""Scheduled work. Times are UTC, in cron's notation; of several workers one does it."""

from __future__ import annotations

from datetime import datetime

from dbos import DBOS, ScheduleInput

from umstripe.errors import UmstripeError
from umstripe.jobs import approvals, audit, catch_up, enqueue, imports, steps, trials, upkeep
from umstripe.models import Connection

__all__ = ["SCHEDULES", "audit", "catch_up", "imports", "run_at_start"]


@DBOS.workflow(name="often")
def every_ten_minutes(_due: datetime, _context: object) -> None:
    """Catch up; warn of reserved amounts that go back soon; mail members whose purchase has ended; end second trials of a
    card."""
    enqueue_everywhere("catch_up")
    approvals.warn_of_approvals()
    upkeep.tell_of_ended_purchases()
    trials.check_trials()


@DBOS.workflow(name="nightly")
def nightly(_due: datetime, _context: object) -> None:
    """Compare with Stripe and repair what differs; delete what is old."""
    enqueue_everywhere("audit", True)
    upkeep.forget_old_bodies()
    upkeep.delete_expired_logins()
    upkeep.forget_expired_limits()


SCHEDULES: list[ScheduleInput] = [
    {"schedule_name": "often", "workflow_fn": every_ten_minutes, "schedule": "*/10 * * * *"},
    {"schedule_name": "nightly", "workflow_fn": nightly, "schedule": "17 3 * * *"},
]


@DBOS.step(name="enqueue_everywhere", **steps.RETRIES)
def enqueue_everywhere(kind: str, *arguments: object) -> None:
    """Put the work in the queue for each mode that has keys."""
    _enqueue_for_all(kind, *arguments)


def run_at_start() -> None:
    """Catch up with what was missed while no worker ran."""
    _enqueue_for_all("catch_up")


def _enqueue_for_all(kind: str, *arguments: object) -> None:
    with steps.site():
        for mode in Connection.connected_modes():
            try:
                enqueue(mode, kind, *arguments)
            except UmstripeError:
                continue
