"""Ports for the processes that tests start."""

from __future__ import annotations

import itertools
import os
import socket

FIRST, EACH = 20_000, 1_500
"""Below those that the system gives to outgoing connections (32768 and up on Linux), and a range for every one of the
tests' own processes: a port that was free when we looked cannot be taken by somebody else before its process starts.
"""
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
_numbers = itertools.cycle(range(FIRST + _worker * EACH, FIRST + (_worker + 1) * EACH))


def free_port() -> int:
    """The next port of this test process on which nobody listens."""
    return next(port for port in itertools.islice(_numbers, EACH) if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
