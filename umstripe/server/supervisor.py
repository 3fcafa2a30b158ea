"""Run several processes in the foreground: restart those that end, stop all on SIGTERM."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence

import structlog

POLL_SECONDS = 0.2
STABLE_SECONDS = 30.0
"""How long a process must run to count as started. One that ends earlier may never be able to start."""
START_ATTEMPTS = 3
MAX_PAUSE_SECONDS = 30.0
STOP_SECONDS = 30.0


class Child:
    """A process that is started again when it ends. `early_exits` counts the exits before STABLE_SECONDS were over."""

    def __init__(self, name: str, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self.name, self.command, self.environ = name, command, environ
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = self.next_start_at = 0.0
        self.early_exits = 0
        self.was_stable = False

    @property
    def cannot_start(self) -> bool:
        """Whether it has never run for long, in START_ATTEMPTS attempts: its configuration is wrong."""
        return not self.was_stable and self.early_exits >= START_ATTEMPTS

    def poll(self) -> None:
        """Start the process when it is due; record it when it has ended."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.next_start_at:
                self._start(now)
        elif self.process.poll() is not None:
            self._record_exit(self.process.returncode, now)
        elif now - self.started_at > STABLE_SECONDS:
            self.was_stable, self.early_exits = True, 0

    def _start(self, now: float) -> None:
        """Start the process. While the machine has no memory or process left for it, try again later, as after an exit."""
        try:
            self.process = subprocess.Popen(self.command, env=dict(self.environ))
            self.started_at = now
        except OSError as error:
            structlog.get_logger().error("a process cannot be started", process=self.name, error=str(error))
            self._record_exit(error.errno or 1, now)

    def _record_exit(self, code: int, now: float) -> None:
        self.process = None
        self.early_exits += 1
        pause = min(MAX_PAUSE_SECONDS, 2.0 ** (self.early_exits - 1))
        self.next_start_at = now + pause
        structlog.get_logger().error("a process ended", process=self.name, code=code, again_in_seconds=pause)

    def send_signal(self, signal_number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal_number)

    def wait_or_kill(self, deadline: float) -> None:
        """Wait until the process has ended. Kill it at `deadline` (monotonic seconds)."""
        if self.process is not None:
            try:
                self.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def run(children: Sequence[Child]) -> int:
    """Run all until SIGTERM or SIGINT, or until one turns out to be unable to start. Return the exit code."""
    stop = threading.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: stop.set())
    failed = False
    while not stop.is_set() and not failed:
        for child in children:
            child.poll()
        failed = any(child.cannot_start for child in children)
        stop.wait(POLL_SECONDS)
    for child in children:
        child.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    for child in children:
        child.wait_or_kill(deadline)
    return 1 if failed else 0
