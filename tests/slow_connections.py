"""Clients that are slow on purpose: many connections that each hold on to whatever the server spends on them."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType

HOST = b"Host: slow.example.org\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
STATIC_FILE = b"/static/css/components.css"
ANSWERED = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
FIRST_BYTES = {
    "nothing": b"",
    "half a head": b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-Slow: a",
    "half a body": b"POST /webhooks/stripe/test HTTP/1.1\r\n" + HOST + b"Content-Length: 9000\r\n\r\n{",
    "half a form": b"POST /login HTTP/1.1\r\n" + HOST + FORM + b"Content-Length: 9000\r\n\r\nusername=",
    "half a chunk": b"POST /login HTTP/1.1\r\n"
    + HOST
    + FORM
    + b"Transfer-Encoding: chunked\r\n\r\n2000\r\nu",
    "reading slowly": (b"GET " + STATIC_FILE + b" HTTP/1.1\r\n" + HOST + b"\r\n") * 30,
    "idle": ANSWERED,
}
"""What each kind of client sends at once. All but “nothing”, “reading slowly” and “idle” then send a byte at a time."""
KINDS = tuple(FIRST_BYTES)
SILENT = ("nothing", "reading slowly", "idle")
RECEIVE_BUFFER, SEGMENT = 4096, 536
"""As of a client far away: between two processes of a machine the kernel would take megabytes of an answer at once."""
INTERVAL = 1.0


@dataclass
class SlowConnections:
    """`count` connections of a kind to a port of this machine; a connection that the server closes is opened anew.

    A context manager. `opened` counts all that were opened, `closed_by_server` those that the server ended.
    """

    port: int
    kind: str
    count: int
    opened: int = 0
    closed_by_server: int = 0
    _sockets: list[socket.socket] = field(default_factory=list)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> SlowConnections:
        self._sockets = [self._open() for _ in range(self.count)]
        self._thread = threading.Thread(target=self._keep_up, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join(10)
        for connection in self._sockets:
            connection.close()

    def _open(self) -> socket.socket:
        connection = _far_away() if self.kind == "reading slowly" else socket.socket()
        connection.settimeout(10)
        with contextlib.suppress(OSError):
            connection.connect(("127.0.0.1", self.port))
            connection.sendall(FIRST_BYTES[self.kind])
        connection.setblocking(False)
        self.opened += 1
        return connection

    def _keep_up(self) -> None:
        while not self._stopped.wait(INTERVAL):
            for number, connection in enumerate(self._sockets):
                if not self._goes_on(connection):
                    self.closed_by_server += 1
                    connection.close()
                    self._sockets[number] = self._open()

    def _goes_on(self, connection: socket.socket) -> bool:
        """Send or read one byte more. Return False when the server has closed the connection."""
        try:
            if self.kind not in SILENT:
                connection.send(b"a")
            size = 1 if self.kind == "reading slowly" else 4096
            return connection.recv(size) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False


def _far_away() -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
    return connection


def far_away(port: int) -> socket.socket:
    """Return a connection to a port of this machine whose client the kernel lets take little at once."""
    connection = _far_away()
    connection.settimeout(30)
    connection.connect(("127.0.0.1", port))
    return connection


def latency(port: int, request: bytes, timeout: float) -> float:
    """Return the seconds until a whole answer with status 200 came over a new connection; `timeout` when none did."""
    began = time.monotonic()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout) as connection:
            connection.sendall(request)
            connection.settimeout(timeout)
            answer = b""
            while received := connection.recv(65536):
                answer += received
    except OSError:
        return timeout
    return min(time.monotonic() - began, timeout) if answer.startswith(b"HTTP/1.1 200 ") else timeout
