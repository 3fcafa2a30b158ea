"""What all steps share: the application context, and when a step is tried again."""

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
"""Other errors may pass; a refusal of Stripe's or of ours would be the same in a minute."""

FAILURES = (UmstripeError, dbos_error.DBOSMaxStepRetriesExceeded)
"""What ends a workflow: a refusal at once, anything else after the last attempt."""

_site: list[Flask] = []


def use_app(app: Flask) -> None:
    """Set the application in whose context this process runs its steps."""
    _site[:] = [app]


@contextlib.contextmanager
def site() -> Iterator[None]:
    """Run a step in the application's context. No transaction is open at its start or left open at its end."""
    with _site[0].app_context():
        try:
            yield
        finally:
            db.session.remove()


def cause(error: Exception) -> UmstripeError:
    """Return why work ended, with a sentence for people; the details of a fault of ours go to the log."""
    reason = error.errors[-1] if isinstance(error, dbos_error.DBOSMaxStepRetriesExceeded) else error
    if isinstance(reason, UmstripeError):
        return reason
    structlog.get_logger().error("work was given up", exc_info=reason)
    return UmstripeError(f"A fault in umstripe ({type(reason).__name__}). The log has the details.")


@DBOS.step(name="fail", **RETRIES)
def fail(mode: str, kind: str, error: str) -> None:
    """Record why the work stopped."""
    with site(), write() as tx:
        Job.tell(tx, mode, kind, state="failed", error=error[:1000])
