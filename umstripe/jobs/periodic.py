"""Periodic actions of the worker, each in a thread of its own, so that none waits for another."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import structlog

LONGEST_PAUSE = 30.0
DOUBLINGS = 6


class Duty:
    """Repeat an action every few seconds until `stop` is set, whatever it raises.

    After a failure the pause doubles, up to LONGEST_PAUSE seconds. The log has one line when the trouble begins and
    one when it is over.
    """

    def __init__(self, name: str, action: Callable[[], None], seconds: float, stop: threading.Event) -> None:
        self.name, self.action, self.seconds, self.stop = name, action, seconds, stop
        self.failures = 0
        self.thread = threading.Thread(target=self._repeat, name=name, daemon=True)

    def start(self) -> None:
        self.thread.start()

    def turn(self) -> float:
        """Run the action once. Return how many seconds to wait before the next run."""
        try:
            self.action()
        except Exception as error:
            self.failures += 1
            if self.failures == 1:
                structlog.get_logger().error(f"{self.name} does not work", error=str(error), exc_info=error)
            return max(self.seconds, min(LONGEST_PAUSE, self.seconds * 2 ** min(self.failures, DOUBLINGS)))
        if self.failures:
            structlog.get_logger().info(f"{self.name} works again", failures=self.failures)
            self.failures = 0
        return self.seconds

    def _repeat(self) -> None:
        pause = 0.0
        while not self.stop.wait(pause):
            pause = self.turn()


class OncePerOutage(logging.Filter):
    """Pass a warning of DBOS's threads once; its repetitions only after they have stopped for `quiet` seconds."""

    START = 40

    def __init__(self, quiet: float = 120.0) -> None:
        super().__init__()
        self.quiet = quiet
        self.last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        start, at = record.getMessage()[: self.START], time.monotonic()
        before, self.last[start] = self.last.get(start), at
        return before is None or at - before > self.quiet
