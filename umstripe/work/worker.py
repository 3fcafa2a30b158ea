"""The process that does the work: queues, schedule, heartbeat."""

from __future__ import annotations

import signal
import threading
import time
from datetime import timedelta

import structlog
from dbos import DBOS, DBOSConfig, WorkflowStatus
from flask import Flask
from sqlalchemy import update

from umstripe import post
from umstripe.database import now, write, writing
from umstripe.models import Connection, Job, Settings, home
from umstripe.work import QUEUE, VERSION, WORKFLOWS, schedule, steps, system_database_url

HEARTBEAT_SECONDS = 15.0
POST_SECONDS = 2.0
LEFT_AFTER = timedelta(minutes=10)


def prepare(app: Flask) -> None:
    """Make or migrate DBOS's own tables, so that web processes can enqueue before a worker ever ran."""
    _initialise(app, "umstripe-migrate")
    _launch()
    DBOS.destroy()


def run(app: Flask, executor_id: str) -> None:
    """Run background work until SIGTERM or SIGINT; what is cut off goes on at the next start."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    _initialise(app, executor_id)
    _launch()
    schedule.begin()
    _know_the_place()
    structlog.get_logger().info("worker is ready", executor=executor_id)
    beaten = 0.0
    while not stop.wait(POST_SECONDS if beaten else 0):
        if time.monotonic() - beaten > HEARTBEAT_SECONDS:
            beaten = time.monotonic()
            _beat()
            _adopt(executor_id)
        _post()
    DBOS.destroy(workflow_completion_timeout_sec=5)


def _launch() -> None:
    DBOS.launch()
    DBOS.register_queue(QUEUE, worker_concurrency=2, polling_interval_sec=0.5)
    DBOS.apply_schedules(schedule.SCHEDULES)


def _know_the_place() -> None:
    """Say in the log when this is a copy; a site that was connected by an earlier version lives here."""
    with steps.site(), writing():
        if different := home.elsewhere():
            structlog.get_logger().warning("a copy: nothing is written to Stripe", because=different)
        elif Settings.get().home is None and any(
            Connection.of(mode).is_connected for mode in ("test", "live")
        ):
            home.settle()


def _post() -> None:
    """Send what is written down. Trouble is written to the log, and the next turn comes."""
    try:
        with steps.site():
            post.send_due()
    except Exception as error:
        structlog.get_logger().error("the post was not sent", exc_info=error)


def _beat() -> None:
    """The health page knows from this that a worker is alive."""
    with steps.site(), write() as tx:
        tx.execute(update(Settings).values(worker_seen_at=now()))


def _adopt(executor_id: str) -> None:
    """Go on with what another worker left, for it may never come back, and until its work has ended no other of
    its kind begins. Should it live after all, nothing is done twice: each step counts for the first that ends it."""
    for one in DBOS.list_workflows(status="PENDING", queue_name=QUEUE, load_output=False):
        if one.executor_id != executor_id and _stands_still(one):
            structlog.get_logger().warning("work of another worker goes on here", name=one.name)
            DBOS.resume_workflow(one.workflow_id, queue_name=QUEUE)


def _stands_still(workflow: WorkflowStatus) -> bool:
    kind = next(kind for kind, name in WORKFLOWS.items() if name == workflow.name)
    with steps.site():
        at = Job.of((workflow.input or {"args": ("test",)})["args"][0], kind).at
    return at is None or now() - at > LEFT_AFTER


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
