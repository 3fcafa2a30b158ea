"""The worker process: queue, schedule, heartbeat, mails."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

import structlog
from dbos import DBOS, DBOSConfig
from flask import Flask

from umstripe.database import read, write, writing
from umstripe.emails import outbox
from umstripe.jobs import QUEUE, VERSION, schedule, steps, system_database_url
from umstripe.jobs.periodic import PeriodicAction, RepeatedWarnings
from umstripe.models import Connection, Settings, WorkerHeartbeat, site_identity
from umstripe.models.heartbeat import ALIVE_WITHIN

HEARTBEAT_SECONDS = 10.0
RESUME_SECONDS = 5.0
MAIL_SECONDS = 2.0
START_SECONDS = 1.0
WORKFLOW_SECONDS = 5
SHUTDOWN_SECONDS = 15.0
"""The worker has ended so long after SIGTERM, whatever hangs."""


def prepare(app: Flask) -> None:
    """Create or migrate DBOS's own tables, so that web processes can enqueue before a worker ever ran."""
    _initialise(app, "umstripe-migrate")
    _launch()
    DBOS.destroy()


def run(app: Flask, executor_id: str) -> None:
    """Run background work until SIGTERM or SIGINT; what is cut off goes on at the next start. Never return."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    _initialise(app, executor_id)
    _launch()
    logging.getLogger("dbos").addFilter(RepeatedWarnings())
    for action in _periodic_actions(executor_id, stop):
        action.start()
    structlog.get_logger().info("worker is ready", executor=executor_id)
    stop.wait()
    _end()


def _periodic_actions(executor_id: str, stop: threading.Event) -> list[PeriodicAction]:
    heartbeat = Heartbeat(executor_id)
    return [
        PeriodicAction("the heartbeat", heartbeat.beat, HEARTBEAT_SECONDS, stop),
        PeriodicAction(
            "taking over work", lambda: _resume_abandoned(executor_id, heartbeat), RESUME_SECONDS, stop
        ),
        PeriodicAction("sending mails", _send_mails, MAIL_SECONDS, stop),
        PeriodicAction("the first catch-up", UntilSuccess(_start), START_SECONDS, stop),
    ]


class UntilSuccess:
    """Call a function until it has succeeded, and not again."""

    def __init__(self, action: Callable[[], None]) -> None:
        self.action, self.is_done = action, False

    def __call__(self) -> None:
        if not self.is_done:
            self.action()
            self.is_done = True


class Heartbeat:
    """This worker's heartbeat. `recovered_at` is when it came back after a failure, by the monotonic clock."""

    def __init__(self, executor_id: str) -> None:
        self.executor_id = executor_id
        self.failed = False
        self.recovered_at = 0.0

    def beat(self) -> None:
        try:
            with steps.site(), write() as tx:
                WorkerHeartbeat.beat(tx, self.executor_id)
        except Exception:
            self.failed = True
            raise
        if self.failed:
            self.failed, self.recovered_at = False, time.monotonic()

    @property
    def others_had_time(self) -> bool:
        """Return whether the other workers could beat too: after an outage of the database nobody's heartbeat is new."""
        waited = time.monotonic() - self.recovered_at
        return not self.failed and (not self.recovered_at or waited > ALIVE_WITHIN.total_seconds())


def _start() -> None:
    schedule.run_at_start()
    _check_site_identity()


def _end() -> None:
    """End DBOS, but do not wait for threads that hang on a database or a mail server: they hold no data."""
    ending = threading.Thread(
        target=lambda: DBOS.destroy(workflow_completion_timeout_sec=WORKFLOW_SECONDS), daemon=True
    )
    ending.start()
    ending.join(SHUTDOWN_SECONDS)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _launch() -> None:
    DBOS.launch()
    DBOS.register_queue(QUEUE, worker_concurrency=2, polling_interval_sec=0.5)
    DBOS.apply_schedules(schedule.SCHEDULES)


def _check_site_identity() -> None:
    """Log a warning on a copy of a site, and record the identity of a site that an earlier version connected."""
    with steps.site(), writing():
        if mismatches := site_identity.mismatches():
            structlog.get_logger().warning("a copy: nothing is written to Stripe", because=mismatches)
        elif Settings.get().home is None and any(
            Connection.of(mode).is_connected for mode in ("test", "live")
        ):
            site_identity.confirm()


def _send_mails() -> None:
    with steps.site():
        outbox.send_pending()


def _resume_abandoned(executor_id: str, heartbeat: Heartbeat) -> None:
    """Resume the workflows of workers that are not alive any more: they may never come back, and until their work has
    ended no other of its kind begins. Should one live after all, nothing is done twice: each step counts for the first
    that ends it."""
    if not heartbeat.others_had_time:
        return
    pending = DBOS.list_workflows(status="PENDING", queue_name=QUEUE, load_output=False)
    others = [workflow for workflow in pending if workflow.executor_id != executor_id]
    if not others:
        return
    with steps.site(), read() as tx:
        alive = WorkerHeartbeat.alive(tx)
    for workflow in others:
        if workflow.executor_id not in alive:
            structlog.get_logger().warning("work of another worker goes on here", name=workflow.name)
            DBOS.resume_workflow(workflow.workflow_id, queue_name=QUEUE)


def _initialise(app: Flask, executor_id: str) -> None:
    steps.use_app(app)
    settings: DBOSConfig = {
        "name": "umstripe",
        "system_database_url": system_database_url(app.config["SQLALCHEMY_DATABASE_URI"]),
        "application_version": VERSION,
        "executor_id": executor_id,
        "log_level": "WARNING",
        "use_listen_notify": False,
    }
    DBOS(config=settings)
