"""How the engine is set up, so that write transactions are alike on SQLite and on Postgres (see database)."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_SECONDS = 30
IDLE_SECONDS = 1.0


def options(url: str) -> dict[str, object]:
    quiet = {"hide_parameters": True}  # an error's text goes to the log; what was typed does not
    if url.startswith("sqlite"):
        return {**quiet, "connect_args": {"timeout": BUSY_SECONDS, "check_same_thread": False}}
    return {**quiet, "pool_size": 10, "max_overflow": 10}


def prepare(engine: Engine, takes_lock: Callable[[], bool]) -> None:
    """Listen to the engine's events. `takes_lock` says of a transaction that begins whether it writes."""
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, takes_lock)
    else:
        _prepare_postgres(engine)


def _prepare_postgres(engine: Engine) -> None:
    """A connection that has not been used for a while is tried first: the server may have been restarted.

    `pool_pre_ping` would ask before every use, twice in a delivery that makes seven statements.
    """

    @event.listens_for(engine, "checkin")
    def checkin(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info["used"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def checkout(connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object) -> None:
        used = record.info.get("used")
        if used is not None and time.monotonic() - used > IDLE_SECONDS and not _answers(engine, connection):
            raise DisconnectionError


def _answers(engine: Engine, connection: DBAPIConnection) -> bool:
    try:
        return engine.dialect.do_ping(connection)
    except engine.dialect.loaded_dbapi.Error:
        return False


def _prepare_sqlite(engine: Engine, takes_lock: Callable[[], bool]) -> None:
    """Write transactions take the lock before they read, and wait for it in the kernel's queue.

    SQLite's own wait sleeps for up to 100 ms between looks, so under load the last ones wait for long.
    A lock on a file beside the database wakes the next writer at once. `BEGIN IMMEDIATE` stays what keeps
    the data right; where the file system knows no locks, only the waiting gets longer.
    """
    lock_path = f"{str(engine.url.database).removeprefix('file:')}.lock"

    @event.listens_for(engine, "connect")
    def connect(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        with contextlib.suppress(OSError):
            record.info["lock"] = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @event.listens_for(engine, "close")
    def close(_connection: object, record: ConnectionPoolEntry) -> None:
        with contextlib.suppress(KeyError, OSError):
            os.close(record.info.pop("lock"))

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if not takes_lock():
            connection.exec_driver_sql("BEGIN")
            return
        with contextlib.suppress(KeyError, OSError):
            fcntl.flock(connection.info["lock"], fcntl.LOCK_EX)
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    @event.listens_for(engine, "reset")
    def reset(_connection: object, record: ConnectionPoolEntry, _state: object) -> None:
        with contextlib.suppress(KeyError, OSError):
            fcntl.flock(record.info["lock"], fcntl.LOCK_UN)
