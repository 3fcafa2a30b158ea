"""Ports for the simulators that tests start."""

from __future__ import annotations

import itertools
import os
import socket

FIRST, EACH = 15_000, 500
"""Below those that the system gives to outgoing connections (32768 and up on Linux), and a range for each worker of
pytest-xdist, so that nobody takes a port between the look at it and the start of its process."""
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
_numbers = itertools.cycle(range(FIRST + _worker * EACH, FIRST + (_worker + 1) * EACH))


def free_port() -> int:
    """Return the next port of this test process on which nobody listens."""
    return next(port for port in itertools.islice(_numbers, EACH) if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
