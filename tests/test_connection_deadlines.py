"""How long a client has for its body, and for taking its answer. How long it has for a head: test_slow_connections."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path

import pytest

from tests.processes import Site, wait_until
from tests.slow_connections import FIRST_BYTES, HOST, STATIC_FILE, far_away
from tests.test_slow_connections import read_all, statuses

REPEATED = 20
ESTABLISHED = "01"
"""In /proc/net/tcp."""


@pytest.fixture
def impatient(app, environ, tmp_path):
    """A site with short times for bodies and for answers. A client of a busy machine may pause for a second or two."""
    settings = tmp_path / "gunicorn.py"
    settings.write_text(
        "from umstripe.server import connection, worker\n"
        "connection.BODY_SECONDS = connection.WRITE_SECONDS = worker.WRITE_SECONDS = 4\n"
    )
    site = Site(environ, tmp_path, GUNICORN_CMD_ARGS=f"--config {settings}")
    site.start()
    yield site
    site.stop()


@pytest.mark.one_database
@pytest.mark.parametrize("pause", [0.2, 30.0])
def test_a_body_that_does_not_come_ends_the_connection(impatient, pause):
    """It has a time as a whole: single bytes do not prolong it."""
    with far_away(impatient.port) as connection:
        connection.sendall(FIRST_BYTES["half a body"])
        stop = threading.Event()
        thread = threading.Thread(target=trickle, args=(connection, pause, stop))
        thread.start()
        began = time.monotonic()
        answer = read_all(connection)
        stop.set()
        thread.join()
    assert statuses(answer) == [408] and time.monotonic() - began < 15


def trickle(connection: socket.socket, pause: float, stop: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while not stop.wait(pause):
            connection.send(b"a")


@pytest.mark.one_database
def test_a_client_that_takes_nothing_of_its_answer_loses_the_connection(impatient):
    with far_away(impatient.port) as connection:
        connection.sendall(files(REPEATED))
        wait_until(lambda: is_closed_at(impatient, connection), "the server closes", 20)
        assert len(statuses(read_all(connection))) < REPEATED


@pytest.mark.one_database
def test_a_client_that_takes_its_answer_slowly_gets_it_whole(impatient):
    """Longer than the time that it has for 16 KB."""
    received, began = b"", time.monotonic()
    with far_away(impatient.port) as connection:
        connection.sendall(files(REPEATED))
        while data := connection.recv(8192):
            received += data
            time.sleep(0.2)
    assert statuses(received) == [200] * REPEATED and time.monotonic() - began > 4


def files(count: int) -> bytes:
    """Return requests for a file of 12 KB; the last one ends the connection."""
    request = b"GET " + STATIC_FILE + b" HTTP/1.1\r\n" + HOST
    return (request + b"\r\n") * (count - 1) + request + b"Connection: close\r\n\r\n"


def is_closed_at(site: Site, connection: socket.socket) -> bool:
    """Return whether the server's end of a connection is gone, without reading from it."""
    port = connection.getsockname()[1]
    ends = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    server_ends = (
        end for end in ends if end[1].endswith(f":{site.port:04X}") and end[2].endswith(f":{port:04X}")
    )
    return all(end[3] != ESTABLISHED for end in server_ends)
