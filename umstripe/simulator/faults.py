"""Failures on demand: the next calls of the API that match a rule go wrong."""

from __future__ import annotations

import dataclasses
import threading
import time

from umstripe.simulator.errors import StripeError

KINDS = ("500", "429", "hang", "drop")
WHEN = ("before", "after")


class ConnectionDropped(Exception):
    """The caller gets no answer: its connection ends."""


@dataclasses.dataclass
class Fault:
    """A rule. `method` empty means every one; `seconds` is the wait of hang, or Retry-After of 429."""

    kind: str
    path: str = "/v1/"
    method: str = ""
    times: int = 1
    seconds: float = 1.0
    when: str = "before"

    def matches(self, method: str, path: str, when: str) -> bool:
        """Whether the rule has a say now."""
        same_method = not self.method or self.method == method
        return self.times > 0 and self.when == when and same_method and path.startswith(self.path)


class Faults:
    """The rules that are in force, in the order of their making."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Put a rule in force."""
        with self._lock:
            self._rules.append(fault)

    def clear(self) -> None:
        """Let everything go well again."""
        with self._lock:
            self._rules.clear()

    def listed(self) -> list[dict[str, object]]:
        """The rules with the number of calls that they are still good for."""
        with self._lock:
            return [dataclasses.asdict(rule) for rule in self._rules]

    def strike(self, method: str, path: str, when: str) -> None:
        """Do what the first matching rule says. `after` means that the call has done its work already.

        Raises StripeError or ConnectionDropped.
        """
        with self._lock:
            rule = next((each for each in self._rules if each.matches(method, path, when)), None)
            if rule is None:
                return
            rule.times -= 1
            self._rules = [each for each in self._rules if each.times > 0]
        _happen(rule)


def _happen(rule: Fault) -> None:
    if rule.kind == "hang":
        time.sleep(rule.seconds)
    elif rule.kind == "drop":
        raise ConnectionDropped
    elif rule.kind == "429":
        raise StripeError(
            429,
            "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.",
            code="rate_limit",
            headers={"Retry-After": str(max(1, round(rule.seconds))), "Stripe-Should-Retry": "true"},
        )
    else:
        message = "An unknown error occurred while processing your request. Please try again later."
        raise StripeError(500, message, type="api_error")
