"""The process that does the work: queues, schedule, heartbeat."""

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
from umstripe.jobs.periodic import Duty, OncePerOutage
from umstripe.models import Connection, Settings, WorkerHeartbeat, site_identity
from umstripe.models.heartbeat import ALIVE_WITHIN

HEARTBEAT_SECONDS = 10.0
ADOPT_SECONDS = 5.0
POST_SECONDS = 2.0
BEGIN_SECONDS = 1.0
WORK_MAY_TAKE = 5
END_WITHIN = 15.0
"""How long after SIGTERM the worker has ended, in seconds, whatever hangs."""


def prepare(app: Flask) -> None:
    """Make or migrate DBOS's own tables, so that web processes can enqueue before a worker ever ran."""
    _initialise(app, "umstripe-migrate")
    _launch()
    DBOS.destroy()


def run(app: Flask, executor_id: str) -> None:
    """Run background work until SIGTERM or SIGINT; what is cut off goes on at the next start. Does not return."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    _initialise(app, executor_id)
    _launch()
    logging.getLogger("dbos").addFilter(OncePerOutage())
    for duty in _duties(executor_id, stop):
        duty.start()
    structlog.get_logger().info("worker is ready", executor=executor_id)
    stop.wait()
    _end()


def _duties(executor_id: str, stop: threading.Event) -> list[Duty]:
    heartbeat = Heartbeat(executor_id)
    begin = Once(_begin)
    return [
        Duty("the heartbeat", heartbeat.beat, HEARTBEAT_SECONDS, stop),
        Duty("taking over work", lambda: _adopt(executor_id, heartbeat), ADOPT_SECONDS, stop),
        Duty("sending mails", _post, POST_SECONDS, stop),
        Duty("the first catch-up", begin, BEGIN_SECONDS, stop),
    ]


class Once:
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
        """Whether the other workers could beat too: after an outage of the database nobody's heartbeat is new."""
        waited = time.monotonic() - self.recovered_at
        return not self.failed and (not self.recovered_at or waited > ALIVE_WITHIN.total_seconds())


def _begin() -> None:
    schedule.begin()
    _know_the_place()


def _end() -> None:
    """End DBOS, but do not wait for threads that hang on a database or a mail server: they hold no data."""
    ending = threading.Thread(
        target=lambda: DBOS.destroy(workflow_completion_timeout_sec=WORK_MAY_TAKE), daemon=True
    )
    ending.start()
    ending.join(END_WITHIN)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _launch() -> None:
    DBOS.launch()
    DBOS.register_queue(QUEUE, worker_concurrency=2, polling_interval_sec=0.5)
    DBOS.apply_schedules(schedule.SCHEDULES)


def _know_the_place() -> None:
    """Say in the log when this is a copy; a site that was connected by an earlier version lives here."""
    with steps.site(), writing():
        if different := site_identity.mismatches():
            structlog.get_logger().warning("a copy: nothing is written to Stripe", because=different)
        elif Settings.get().home is None and any(
            Connection.of(mode).is_connected for mode in ("test", "live")
        ):
            site_identity.confirm()


def _post() -> None:
    """Send what is written down."""
    with steps.site():
        outbox.send_pending()


def _adopt(executor_id: str, heartbeat: Heartbeat) -> None:
    """Go on with what a worker left that is not alive any more: it may never come back, and until its work has ended
    no other of its kind begins. Should it live after all, nothing is done twice: each step counts for the first that
    ends it."""
    if not heartbeat.others_had_time:
        return
    pending = DBOS.list_workflows(status="PENDING", queue_name=QUEUE, load_output=False)
    foreign = [workflow for workflow in pending if workflow.executor_id != executor_id]
    if not foreign:
        return
    with steps.site(), read() as tx:
        alive = WorkerHeartbeat.alive(tx)
    for workflow in foreign:
        if workflow.executor_id not in alive:
            structlog.get_logger().warning("work of another worker goes on here", name=workflow.name)
            DBOS.resume_workflow(workflow.workflow_id, queue_name=QUEUE)


def _initialise(app: Flask, executor_id: str) -> None:
    steps.belong_to(app)
    settings: DBOSConfig = {
        "name": "umstripe",
        "system_database_url": system_database_url(app.config["SQLALCHEMY_DATABASE_URI"]),
        "application_version": VERSION,
        "executor_id": executor_id,
        "log_level": "WARNING",
        "use_listen_notify": False,
    }
    DBOS(config=settings)
