"""Durable background work. The worker process runs it; the web processes only put it in the queue.

A workflow is a row of steps: what a step has done is not done again after the worker was killed. Every
step is safe to repeat, for the one that was cut off in the middle.
"""

from __future__ import annotations

import signal
import threading
import time
from functools import lru_cache
from typing import Any

import structlog
from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions
from flask import Flask, current_app
from sqlalchemy import Connection as Transaction
from sqlalchemy import update
from sqlalchemy.engine import make_url

from umstripe.database import db, now, write
from umstripe.errors import Rejected, StripeRefused, UmstripeError
from umstripe.models import Activity, Connection, Plan, Price, Product, Settings
from umstripe.models.copied import State, Unclear
from umstripe.stripe_gateway import Answer

QUEUE = "umstripe"
VERSION = "1"
"""Of the workflows' steps: work that was begun under another version is not continued by this one."""
STEP_RETRIES: dict[str, Any] = {
    "retries_allowed": True,
    "max_attempts": 6,
    "interval_seconds": 1.0,
    "backoff_rate": 2.0,
    "should_retry": lambda error: not isinstance(error, (Rejected, StripeRefused)),
}
"""Trouble passes; a refusal of Stripe's or of ours would be the same in a minute."""

_site: Flask


def system_database_url(database_url: str) -> str:
    """Where DBOS keeps its rows: in Postgres a schema of its own, beside SQLite a file of its own, so that
    its polling and a delivery never wait for each other."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{url.database}.work"
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def enqueue_import(mode: str) -> None:
    """Put an import of a mode's prices in the queue; one that waits or runs already is the same one."""
    connection = Connection.of(mode)
    connection.must_be_usable()
    if not connection.is_importing:
        connection.import_state, connection.import_seen, connection.import_error = "queued", 0, ""
        connection.import_at = now()
    db.session.commit()
    options: EnqueueOptions = {
        "workflow_name": "import_prices",
        "queue_name": QUEUE,
        "app_version": VERSION,
        "deduplication_id": f"import-{mode}",
        "duplication_policy": "return-existing",
    }
    client(current_app.config["SQLALCHEMY_DATABASE_URI"]).enqueue(options, mode)


@lru_cache(maxsize=4)
def client(database_url: str) -> DBOSClient:
    return DBOSClient(system_database_url=system_database_url(database_url), lazy=True)


def prepare(app: Flask) -> None:
    """Make or migrate DBOS's own tables, so that web processes can enqueue before a worker ever ran."""
    _initialise(app, "umstripe-migrate")
    DBOS.launch()
    DBOS.register_queue(QUEUE, worker_concurrency=2, polling_interval_sec=0.5)
    DBOS.destroy()


def run_worker(app: Flask, executor_id: str) -> None:
    """Run background work until SIGTERM or SIGINT; what is cut off goes on at the next start."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    _initialise(app, executor_id)
    DBOS.launch()
    DBOS.register_queue(QUEUE, worker_concurrency=2, polling_interval_sec=0.5)
    structlog.get_logger().info("worker is ready", executor=executor_id)
    stop.wait()
    DBOS.destroy(workflow_completion_timeout_sec=5)


def _initialise(app: Flask, executor_id: str) -> None:
    global _site
    _site = app
    settings: DBOSConfig = {
        "name": "umstripe",
        "system_database_url": system_database_url(app.config["SQLALCHEMY_DATABASE_URI"]),
        "application_version": VERSION,
        "executor_id": executor_id,
        "log_level": "WARNING",
        "use_listen_notify": False,
    }
    DBOS(config=settings)


@DBOS.workflow(name="import_prices")
def import_prices(mode: str) -> None:
    """Bring all active prices of a mode's account, page after page, and make a plan for each new one.

    Its progress is in the connection's `import_*`; memory holds one page, however many there are.
    """
    try:
        after, seen, began = None, 0, None
        while True:
            after, seen, as_of = import_page(mode, after, seen)
            began = as_of if began is None else began
            if after is None:
                break
        finish_import(mode, began, seen)
    except UmstripeError as error:
        fail_import(mode, str(error))


@DBOS.step(name="import_page", **STEP_RETRIES)
def import_page(mode: str, after: str | None, seen: int) -> tuple[str | None, int, int]:
    """Import the page after a price id. Gives the id to go on after (None at the end), how many prices have
    been seen, and as of when the page is (seconds)."""
    with _site.app_context():
        stripe = Connection.of(mode).stripe()
        default_role = Settings.get().default_role_id
        db.session.remove()
        prices, more, as_of = _page(stripe, after)
        unclear = _write_page(mode, prices, as_of, seen + len(prices), default_role)
        for one in unclear:
            _settle(mode, one, stripe, default_role)
        return (prices[-1]["id"] if more else None), seen + len(prices), as_of


def _page(stripe: Any, after: str | None) -> tuple[list[dict[str, Any]], bool, int]:
    """A page with the products' names, or without them when the key may not read products."""
    try:
        return stripe.prices(after, with_products=True)
    except StripeRefused as refusal:
        if refusal.status != 403:
            raise
        return stripe.prices(after, with_products=False)


def _write_page(
    mode: str, prices: list[dict[str, Any]], as_of: int, seen: int, default_role: int
) -> list[Unclear]:
    unclear = []
    with write() as tx:
        for price in prices:
            try:
                _apply(tx, mode, price, as_of)
            except Unclear as one:
                unclear.append(one)
        Plan.make_for(tx, mode, default_role)
        _progress(tx, mode, import_state="running", import_seen=seen)
    return unclear


def _apply(tx: Transaction, mode: str, price: dict[str, Any], as_of: int) -> None:
    if isinstance(price["product"], dict):
        Product.apply(tx, State(mode, price["product"], as_of))
    Price.apply(tx, State(mode, price, as_of))


def _settle(mode: str, unclear: Unclear, stripe: Any, default_role: int) -> None:
    """A price or product that changed while its page was read: fetch it by itself."""
    model: Any = {"price": Price, "product": Product}[unclear.kind]
    for _ in range(5):
        answer: Answer = stripe.fetch(unclear.kind, unclear.stripe_id)
        try:
            with write() as tx:
                model.apply(tx, State(mode, answer.object, answer.as_of, unclear.revision))
                Plan.make_for(tx, mode, default_role)
            return
        except Unclear as again:
            unclear = again


@DBOS.step(name="finish_import")
def finish_import(mode: str, began: int, seen: int) -> None:
    with _site.app_context(), write() as tx:
        Price.close_unseen(tx, mode, began)
        _progress(tx, mode, import_state="done", import_seen=seen, import_error="")
        line = {"trigger": "work", "mode": mode, "details": {"prices": seen}}
        Activity.write(tx, "prices.imported", f"Prices imported from Stripe: {seen}", **line)


@DBOS.step(name="fail_import")
def fail_import(mode: str, error: str) -> None:
    with _site.app_context(), write() as tx:
        _progress(tx, mode, import_state="failed", import_error=error)


def _progress(tx: Transaction, mode: str, **columns: Any) -> None:
    columns["import_at"] = now()
    tx.execute(update(Connection).where(Connection.mode == mode).values(columns))


def wait_for_import(mode: str, seconds: float) -> Connection:
    """Wait until a mode's import has ended, for commands. Gives the connection, whose `import_state` tells."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        db.session.expire_all()
        connection = Connection.of(mode)
        db.session.rollback()
        if not connection.is_importing:
            break
        time.sleep(0.3)
    return connection
