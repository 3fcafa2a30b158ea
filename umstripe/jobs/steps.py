"""What the steps of all work share: the site they are about, and when a step is tried again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import structlog
from dbos import DBOS
from dbos import error as dbos_error
from flask import Flask

from umstripe.database import db, write
from umstripe.errors import NotAllowed, StripeRefused, UmstripeError
from umstripe.models import Job

RETRIES: dict[str, Any] = {
    "retries_allowed": True,
    "max_attempts": 6,
    "interval_seconds": 1.0,
    "backoff_rate": 2.0,
    "should_retry": lambda error: not isinstance(error, (NotAllowed, StripeRefused)),
}
"""Trouble passes; a refusal of Stripe's or of ours would be the same in a minute."""

GAVE_UP = (UmstripeError, dbos_error.DBOSMaxStepRetriesExceeded)
"""What ends work: a refusal at once, anything else when it did not pass within the tries."""

_site: list[Flask] = []


def belong_to(app: Flask) -> None:
    """Say whose work this process does."""
    _site[:] = [app]


@contextlib.contextmanager
def site() -> Iterator[None]:
    """The application, around a step. No transaction is open at its start or left open at its end."""
    with _site[0].app_context():
        try:
            yield
        finally:
            db.session.remove()


def cause(error: Exception) -> UmstripeError:
    """Why work ended, with a sentence for people; the details of a fault of ours go to the log."""
    last = error.errors[-1] if isinstance(error, dbos_error.DBOSMaxStepRetriesExceeded) else error
    if isinstance(last, UmstripeError):
        return last
    structlog.get_logger().error("work was given up", exc_info=last)
    return UmstripeError(f"A fault in umstripe ({type(last).__name__}). The log has the details.")


@DBOS.step(name="fail", **RETRIES)
def fail(mode: str, kind: str, error: str) -> None:
    """Write down why the work stopped."""
    with site(), write() as tx:
        Job.tell(tx, mode, kind, state="failed", error=error[:1000])
