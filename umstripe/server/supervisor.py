"""Run several processes in the foreground: restart those that end, stop all on SIGTERM."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence

import structlog

LOOK_EVERY = 0.2
STEADY_AFTER = 30.0
"""A process that has run for so many seconds did start; one that has not may never be able to."""
TRIES = 3
LONGEST_PAUSE = 30.0
END_WITHIN = 30.0


class Child:
    """A process that is started again when it ends. `quick_ends` counts how often it ended soon after its start."""

    def __init__(self, name: str, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self.name, self.command, self.environ = name, command, environ
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = self.start_at = 0.0
        self.quick_ends = 0
        self.was_steady = False

    @property
    def cannot_start(self) -> bool:
        """Whether it has never run for long, however often it was tried: its configuration is wrong."""
        return not self.was_steady and self.quick_ends >= TRIES

    def look(self) -> None:
        """Start the process when it is due; record it when it has ended."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.start_at:
                self._start(now)
        elif self.process.poll() is not None:
            self._ended(self.process.returncode, now)
        elif now - self.started_at > STEADY_AFTER:
            self.was_steady, self.quick_ends = True, 0

    def _start(self, now: float) -> None:
        """The machine may have no memory or no process left at the moment: then it is tried again, as after an end."""
        try:
            self.process = subprocess.Popen(self.command, env=dict(self.environ))
            self.started_at = now
        except OSError as error:
            structlog.get_logger().error("a process cannot be started", process=self.name, error=str(error))
            self._ended(error.errno or 1, now)

    def _ended(self, code: int, now: float) -> None:
        self.process = None
        self.quick_ends += 1
        pause = min(LONGEST_PAUSE, 2.0 ** (self.quick_ends - 1))
        self.start_at = now + pause
        structlog.get_logger().error("a process ended", process=self.name, code=code, again_in_seconds=pause)

    def signal(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def end(self, until: float) -> None:
        """Wait until it has ended; kill it when that takes too long."""
        if self.process is not None:
            try:
                self.process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def run(children: Sequence[Child]) -> int:
    """Run all until SIGTERM or SIGINT, or until one turns out to be unable to start. Return the exit code."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    failed = False
    while not stop.is_set() and not failed:
        for child in children:
            child.look()
        failed = any(child.cannot_start for child in children)
        stop.wait(LOOK_EVERY)
    for child in children:
        child.signal(signal.SIGTERM)
    until = time.monotonic() + END_WITHIN
    for child in children:
        child.end(until)
    return 1 if failed else 0
