"""gunicorn's worker with threads, except that slow clients wait in its event loop and never in a thread.

gunicorn's own gives a connection to a thread at its first byte, and the thread reads head and body and writes the
answer at the client's pace: as many slow clients as threads stop a process. Here the event loop collects the whole
request, a thread answers it, and the event loop sends what the client does not take at once. Each step has its time.
"""

from __future__ import annotations

import errno
import selectors
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from gunicorn import util
from gunicorn.workers.gthread import ThreadWorker

from umstripe.server.connection import RECEIVE_BYTES, WRITE_SECONDS, Connection

BUFFERED_BYTES = 64 * 1024 * 1024
"""What all incomplete requests of a process may hold together in memory."""
EXPIRY_INTERVAL = 0.5
ACCEPT_ERRORS = (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK)
NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class BufferingWorker(ThreadWorker):
    """`--worker-class umstripe.server.worker.BufferingWorker`; `--threads`, `--keep-alive` and the rest as gthread's.

    At most `--worker-connections` are open; one more ends the one that has waited longest for its client.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.waiting: dict[Connection, None] = {}
        self.buffered = 0
        self._next_expiry = 0.0

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Raise SystemExit for what this worker cannot do."""
        if cfg.is_ssl:
            sys.exit(
                "umstripe speaks no TLS itself: leave out --certfile and put a proxy in front (docs/running.md)."
            )
        super().check_config(cfg, log)

    def accept(self, listener: Any) -> None:
        if self.nr_conns >= self.worker_connections - 1:
            self._close_longest_waiting()
        try:
            raw, client = listener.accept()
        except OSError as error:
            if error.errno in NO_DESCRIPTORS:
                self.log.warning("No connection can be accepted: %s", error)
                self._close_longest_waiting()
            elif error.errno not in ACCEPT_ERRORS:
                raise
            return
        self.nr_conns += 1
        connection = Connection(self.cfg, raw, client, listener.getsockname())
        self._watch(connection, selectors.EVENT_READ, self._read)

    def finish_request(self, connection: Connection, future: Future[bool]) -> None:
        """Send the rest of the answer, then wait for the next request or close."""
        try:
            keep = not future.cancelled() and future.result()
        except Exception:
            keep = False
        if not keep or not connection.is_read:
            connection.must_close = True
        connection.deadline = time.monotonic() + WRITE_SECONDS
        self._write(connection)

    def murder_pending(self) -> None:
        """Close the connections whose deadline has passed (gunicorn calls this after each round of events)."""
        now = time.monotonic()
        if now < self._next_expiry:
            return
        self._next_expiry = now + EXPIRY_INTERVAL
        for connection in [waiting for waiting in self.waiting if waiting.deadline <= now]:
            self._expire(connection)

    def _cap_keepalive(self, deadline: float) -> None:
        """Wait no longer than `deadline` for requests (gunicorn calls this when it begins to stop)."""
        for connection in self.waiting:
            if connection.events == selectors.EVENT_READ:
                connection.deadline = min(connection.deadline, deadline)

    def _watch(self, connection: Connection, events: int, callback: Callable[[Connection], None]) -> None:
        """Call `callback` when the connection can be read or written, as `events` say."""
        if connection.events:
            self.poller.modify(connection.raw, events, partial(self._call, callback, connection))
        else:
            self.poller.register(connection.raw, events, partial(self._call, callback, connection))
        connection.events = events
        self.waiting[connection] = None

    def _call(
        self, callback: Callable[[Connection], None], connection: Connection, _raw: socket.socket
    ) -> None:
        if not connection.closed:  # by another event of the same round
            callback(connection)

    def _unwatch(self, connection: Connection) -> None:
        if connection.events:
            self.poller.unregister(connection.raw)
            connection.events = 0
        self.waiting.pop(connection, None)

    def _read(self, connection: Connection) -> None:
        before = len(connection.buffer)
        is_open = connection.receive()
        self.buffered += len(connection.buffer) - before
        if connection.buffer.is_complete:
            self._answer(connection)
        elif not is_open:
            self._close(connection)
        elif self.buffered > BUFFERED_BYTES:
            self._close_longest_waiting()

    def _answer(self, connection: Connection) -> None:
        self._unwatch(connection)
        if connection.buffer.refusal:
            self._refuse(connection, *connection.buffer.refusal)
            return
        before = len(connection.buffer)
        connection.take_request()
        self.buffered += len(connection.buffer) - before
        self.enqueue_req(connection)

    def _refuse(self, connection: Connection, status: int, reason: str) -> None:
        connection.must_close = True
        connection.deadline = time.monotonic() + WRITE_SECONDS
        try:
            util.write_error(connection.socket, status, reason, "")
        except OSError:
            self._close(connection)
        else:
            self._write(connection)

    def _write(self, connection: Connection) -> None:
        if not connection.flush():
            self._close(connection)
        elif connection.socket.outgoing is not None:
            self._watch(connection, selectors.EVENT_WRITE, self._write)
        elif connection.must_close:
            connection.shut_down()
            self._watch(connection, selectors.EVENT_READ, self._drain)
        else:
            self._wait_for_next(connection)

    def _wait_for_next(self, connection: Connection) -> None:
        connection.wait_for_next()
        if connection.buffer.is_complete:
            self._answer(connection)
        else:
            self._watch(connection, selectors.EVENT_READ, self._read)

    def _drain(self, connection: Connection) -> None:
        try:
            is_open = connection.raw.recv(RECEIVE_BYTES) != b""
        except BlockingIOError:
            return
        except OSError:
            is_open = False
        if not is_open:
            self._close(connection)

    def _expire(self, connection: Connection) -> None:
        if connection.has_begun and connection.events == selectors.EVENT_READ and not connection.must_close:
            self._refuse(connection, 408, "Request Timeout")
        else:
            self._close(connection)

    def _close_longest_waiting(self) -> None:
        if self.waiting:
            self._close(min(self.waiting, key=lambda connection: connection.since))

    def _close(self, connection: Connection) -> None:
        self._unwatch(connection)
        self.buffered -= len(connection.buffer)
        self.nr_conns -= 1
        connection.close()
