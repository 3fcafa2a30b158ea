"""Periodic actions of the worker, each in a thread of its own, so that none waits for another."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import structlog

MAX_PAUSE = 30.0
MAX_DOUBLINGS = 6


class PeriodicAction:
    """Repeat an action every few seconds until `stop` is set, whatever it raises.

    After a failure the pause doubles, up to MAX_PAUSE seconds. The log has one line at the first failure, and one when
    the action works again.
    """

    def __init__(self, name: str, action: Callable[[], None], seconds: float, stop: threading.Event) -> None:
        self.name, self.action, self.seconds, self.stop = name, action, seconds, stop
        self.failures = 0
        self.thread = threading.Thread(target=self._repeat, name=name, daemon=True)

    def start(self) -> None:
        self.thread.start()

    def run_once(self) -> float:
        """Run the action once. Return how many seconds to wait before the next run."""
        try:
            self.action()
        except Exception as error:
            self.failures += 1
            if self.failures == 1:
                structlog.get_logger().error(f"{self.name} does not work", error=str(error), exc_info=error)
            return max(self.seconds, min(MAX_PAUSE, self.seconds * 2.0 ** min(self.failures, MAX_DOUBLINGS)))
        if self.failures:
            structlog.get_logger().info(f"{self.name} works again", failures=self.failures)
            self.failures = 0
        return self.seconds

    def _repeat(self) -> None:
        pause = 0.0
        while not self.stop.wait(pause):
            pause = self.run_once()


class RepeatedWarnings(logging.Filter):
    """Drop repeated warnings of DBOS's threads: one passes again when there was none for `quiet` seconds."""

    PREFIX_LENGTH = 40

    def __init__(self, quiet: float = 120.0) -> None:
        super().__init__()
        self.quiet = quiet
        self.last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        prefix, at = record.getMessage()[: self.PREFIX_LENGTH], time.monotonic()
        previous, self.last[prefix] = self.last.get(prefix), at
        return previous is None or at - previous > self.quiet
