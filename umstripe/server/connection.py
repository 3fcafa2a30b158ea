"""One client's connection, as the event loop keeps it and as a thread that answers its request sees it."""

from __future__ import annotations

import contextlib
import io
import socket
import tempfile
import time
from typing import Any

from gunicorn.workers.gthread import TConn

from umstripe.server.framing import RequestBuffer

HEAD_SECONDS = 10
BODY_SECONDS = 30
WRITE_SECONDS = 30
LINGER_SECONDS = 5
PROGRESS_BYTES = 16 * 1024
"""What a client must take of an answer within WRITE_SECONDS."""
RECEIVE_BYTES = SEND_BYTES = 64 * 1024
MEMORY_BYTES = 256 * 1024
"""What is kept in memory of an answer that the client has not taken yet; the rest waits in a temporary file."""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Outgoing:
    """Bytes of an answer that the client has not taken yet."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115
        self._sent = self._size = 0

    def __len__(self) -> int:
        return self._size - self._sent

    def append(self, data: bytes) -> None:
        self._file.seek(self._size)
        self._size += self._file.write(data)

    def peek(self) -> bytes:
        self._file.seek(self._sent)
        return self._file.read(SEND_BYTES)

    def advance(self, count: int) -> None:
        self._sent += count

    def close(self) -> None:
        self._file.close()


class BufferedSocket:
    """The socket that gunicorn sees: it reads a request that has arrived already, and never waits for the client."""

    def __init__(self, raw: socket.socket) -> None:
        self.raw = raw
        self.outgoing: Outgoing | None = None
        self._request = io.BytesIO()
        self._request_size = 0

    def load_request(self, request: bytes) -> None:
        """Let the next calls of `recv` return this request."""
        self._request, self._request_size = io.BytesIO(request), len(request)

    def recv(self, size: int) -> bytes:
        """Return the request's next bytes, none at its end."""
        return self._request.read(size)

    @property
    def is_read(self) -> bool:
        """Whether `recv` has returned the whole request."""
        return self._request.tell() == self._request_size

    def sendall(self, data: bytes) -> None:
        """Send what the client takes at once, and keep the rest. Raise OSError when the client is gone."""
        if self.outgoing is None:
            data = data[self._send(data) :]
        if data:
            self.outgoing = self.outgoing or Outgoing()
            self.outgoing.append(data)

    def send(self, data: bytes) -> int:
        """Drop an interim answer: gunicorn sends one to ask for a body, which is here already."""
        return len(data)

    def flush(self) -> int:
        """Send what is left, as far as the client takes it. Return how many bytes that were."""
        count = 0
        while self.outgoing is not None:
            sent = self._send(self.outgoing.peek())
            self.outgoing.advance(sent)
            count += sent
            if not len(self.outgoing):
                self.discard()
            elif not sent:
                break
        return count

    def _send(self, data: bytes) -> int:
        try:
            return self.raw.send(data)
        except BlockingIOError:
            return 0

    def discard(self) -> None:
        if self.outgoing is not None:
            self.outgoing.close()
            self.outgoing = None

    def close(self) -> None:
        """Do nothing: the event loop closes a connection once its answer is sent."""

    def shutdown(self, how: int) -> None:
        """Do nothing, as `close`."""

    def setblocking(self, flag: bool) -> None:
        """Do nothing: no call of this socket waits."""

    def settimeout(self, timeout: float | None) -> None:
        """Do nothing, as `setblocking`."""

    def gettimeout(self) -> float:
        return 0.0


class Connection(TConn):
    """A connection with the bytes that came of its next request: `has_begun` when there are any.

    Times are of `time.monotonic`, in seconds.
    """

    def __init__(self, cfg: Any, raw: socket.socket, client: Any, server: Any) -> None:
        self.socket = BufferedSocket(raw)
        super().__init__(cfg, self.socket, client, server)
        self.raw = raw
        raw.setblocking(False)
        self.data_ready = True
        self.buffer = RequestBuffer()
        self.must_close = False
        self.closed = False
        self.events = 0
        self.since = time.monotonic()
        self.deadline = self.since + HEAD_SECONDS
        self.has_begun = self._has_head = False
        self._progress = 0

    def receive(self) -> bool:
        """Read what has arrived. Return False when the client has closed the connection."""
        try:
            data = self.raw.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.feed(data)
        return data != b""

    def feed(self, data: bytes) -> None:
        """Add bytes to the next request, and set the deadline for its head or its body."""
        self.buffer.feed(data)
        now = time.monotonic()
        if not self.has_begun and len(self.buffer):
            self.has_begun, self.since, self.deadline = True, now, now + HEAD_SECONDS
        if not self._has_head and self.buffer.head_end is not None:
            self._has_head, self.deadline = True, now + BODY_SECONDS
            if self.buffer.expects_continue and not self.buffer.is_complete:
                with contextlib.suppress(OSError):
                    self.socket.sendall(CONTINUE)

    def take_request(self) -> None:
        """Give the complete request to the thread that will answer it."""
        self.must_close = not self.buffer.is_whole
        self.socket.load_request(self.buffer.take())

    @property
    def is_read(self) -> bool:
        """Whether the parser has read the whole request; a rest would be taken for the next one."""
        return self.socket.is_read and not (self.parser and self.parser.unreader.buf.getvalue())

    def flush(self) -> bool:
        """Send what is left of the answer. Return False when the client is gone."""
        try:
            self._progress += self.socket.flush()
        except OSError:
            return False
        if self._progress >= PROGRESS_BYTES:
            self._progress, self.deadline = 0, time.monotonic() + WRITE_SECONDS
        return True

    def wait_for_next(self) -> None:
        """Prepare for the next request, which may have arrived already."""
        self.has_begun = self._has_head = False
        self.since = time.monotonic()
        self.deadline = self.since + self.cfg.keepalive
        self.feed(b"")

    def shut_down(self) -> None:
        """Close the sending side. What the client still sends is read until it closes or LINGER_SECONDS are over.

        Closing at once would make the kernel throw away an answer that the client has not read (RFC 9112, 9.6).
        """
        self.deadline = time.monotonic() + LINGER_SECONDS
        with contextlib.suppress(OSError):
            self.raw.shutdown(socket.SHUT_WR)

    def close(self, graceful: bool = False) -> None:
        self.closed = True
        self.socket.discard()
        self.raw.close()
