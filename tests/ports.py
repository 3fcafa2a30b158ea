"""Ports for the processes that tests start."""

from __future__ import annotations

import fcntl
import itertools
import socket
import tempfile
from pathlib import Path
from typing import TextIO

FIRST, EACH, RANGES = 20_000, 380, 32
"""Below those that the system gives to outgoing connections (32768 and up on Linux), and a range for every one of the
processes that test on this machine: a port that was free when we looked cannot be taken by somebody else before its
process starts.
"""


def _own_range() -> tuple[int, TextIO]:
    """Return the number of a range that no other process has, and the lock that keeps it until this process ends."""
    for number in range(RANGES):
        lock = Path(tempfile.gettempdir(), f"umstripe-tests-ports-{number}.lock").open("w")  # noqa: SIM115
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
        else:
            return number, lock
    raise RuntimeError(f"{RANGES} processes test on this machine already")


_number, _lock = _own_range()
_ports = itertools.cycle(range(FIRST + _number * EACH, FIRST + (_number + 1) * EACH))


def free_port() -> int:
    """The next port of this test process on which nobody listens."""
    return next(port for port in itertools.islice(_ports, EACH) if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
