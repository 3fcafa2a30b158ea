"""The web processes notice when no background worker runs: a banner for administrators, and one mail per outage."""

from __future__ import annotations

import threading
import time

import structlog
from flask import Flask, Response

from umstripe.database import db, write
from umstripe.emails import outbox
from umstripe.models import Mail, WorkerHeartbeat, site_identity

GRACE_SECONDS = 120.0
"""A worker that starts together with the site is not missed for so long."""
CHECK_SECONDS = 60.0
TEXT = (
    "No background worker is running. No emails are sent, and missed deliveries are not fetched. "
    "Start it with “umstripe worker” (“umstripe serve” runs it too)."
)


class WorkerWatch:
    """Check at most once a minute per process, in a thread, so that no request waits for it or for a mail server."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.grace_until = self.next_check = time.monotonic() + GRACE_SECONDS
        self.lock = threading.Lock()
        app.after_request(self._after_request)

    def is_worker_missing(self) -> bool:
        return time.monotonic() > self.grace_until and not WorkerHeartbeat.any_alive()

    def check(self) -> None:
        """Mail the administrators if no worker runs and no process has mailed them about this outage."""
        try:
            with self.app.app_context():
                _report()
        except Exception as error:
            structlog.get_logger().warning("the worker could not be looked at", error=str(error))

    def _after_request(self, response: Response) -> Response:
        if time.monotonic() >= self.next_check and self.lock.acquire(blocking=False):
            self.next_check = time.monotonic() + CHECK_SECONDS
            threading.Thread(target=self._check_and_release, name="worker-watch", daemon=True).start()
        return response

    def _check_and_release(self) -> None:
        try:
            self.check()
        finally:
            self.lock.release()


def _report() -> None:
    is_needed = not WorkerHeartbeat.any_alive() and not site_identity.mismatches()
    db.session.rollback()
    if not is_needed:
        return
    about = f"worker:{int(time.time())}"
    with write() as tx:
        if not WorkerHeartbeat.claim_outage(tx):
            return
        Mail.to_administrators(tx, "health", about, what="The background worker is not running", says=TEXT)
    structlog.get_logger().error("no background worker is running")
    outbox.send_now("health", about)


def init_app(app: Flask) -> None:
    app.extensions["worker_watch"] = WorkerWatch(app)
