"""Durable background work: DBOS workflows that the worker process runs, and web processes only enqueue.

A workflow is a sequence of steps: a step that has ended is not repeated after the worker was killed, and every step is
safe to repeat, for the one that was cut off. The names of workflows and steps are kept in DBOS's rows, so they stay as
they are when a function gets another name. Each kind of work has a module of its own; `worker` runs them.
"""

from __future__ import annotations

import time
from functools import lru_cache

from dbos import DBOSClient, EnqueueOptions
from flask import current_app
from sqlalchemy.engine import make_url

from umstripe.database import db, write
from umstripe.models import Connection, Job

QUEUE = "umstripe"
VERSION = "1"
"""Of the workflows' steps: a workflow that began under another version is not continued by this one."""
WORKFLOWS = {"import": "import_prices", "catch_up": "catch_up", "audit": "audit", "repair": "repair"}


def system_database_url(database_url: str) -> str:
    """Return the address of DBOS's own database: in Postgres a schema, beside SQLite a file of its own, so that its
    polling and a delivery never wait for each other."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{url.database}.work"
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def enqueue(mode: str, kind: str, *arguments: object) -> None:
    """Enqueue a mode's work of a kind (a key of WORKFLOWS), unless it waits or runs already.

    Raise NotAllowed while there is no secret key.
    """
    Connection.of(mode).must_be_usable()
    db.session.commit()
    with write() as tx:
        Job.queue(tx, mode, kind)
    options: EnqueueOptions = {
        "workflow_name": WORKFLOWS[kind],
        "queue_name": QUEUE,
        "app_version": VERSION,
        "deduplication_id": f"{kind}-{mode}",
        "duplication_policy": "return-existing",
    }
    client(current_app.config["SQLALCHEMY_DATABASE_URI"]).enqueue(options, mode, *arguments)


@lru_cache(maxsize=4)
def client(database_url: str) -> DBOSClient:
    return DBOSClient(system_database_url=system_database_url(database_url), lazy=True)


def wait_for(mode: str, kind: str, seconds: float) -> Job:
    """Block until a mode's work has ended, or `seconds` have passed. Return the job with its `state`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        db.session.expire_all()
        job = Job.of(mode, kind)
        db.session.rollback()
        if not job.is_going:
            break
        time.sleep(0.3)
    return job
