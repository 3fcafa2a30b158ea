"""Failures on demand: the next calls of the API that match a rule go wrong."""

from __future__ import annotations

import dataclasses
import threading
import time

from stripe_simulator.core.errors import StripeError

KINDS = ("500", "429", "hang", "drop")
WHEN = ("before", "amid", "after")
HANGING = 12
"""So many calls hang at once in an outage; any more are cut off, so that the controls can still be reached."""


class ConnectionDropped(Exception):
    """The caller gets no answer: its connection ends."""


@dataclasses.dataclass
class Fault:
    """A rule. `method` empty means every one; `seconds` is the wait of hang, or Retry-After of 429.

    It strikes `before` a call is taken up, `amid` its work, which is undone then, or `after` all is done. Of a 500 that
    came later than `before` Stripe says that its idempotency key keeps it.
    """

    kind: str
    path: str = "/v1/"
    method: str = ""
    times: int = 1
    seconds: float = 1.0
    when: str = "before"

    def matches(self, method: str, path: str, when: str) -> bool:
        """Return whether the rule applies now."""
        same_method = not self.method or self.method == method
        return self.times > 0 and self.when == when and same_method and path.startswith(self.path)


@dataclasses.dataclass(frozen=True)
class Outage:
    """Every call goes wrong until `until` (of the monotonic clock); `seconds` as in a Fault."""

    kind: str
    seconds: float
    until: float


class Faults:
    """The rules that are in force, in the order of their making, and the outage, if there is one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Fault] = []
        self._outage: Outage | None = None
        self._hanging = threading.BoundedSemaphore(HANGING)
        self._mended = threading.Event()

    def start_outage(self, kind: str, seconds: float = 1.0, lasts: float | None = None) -> None:
        """From now on no call works, for some seconds or until everything is mended."""
        until = time.monotonic() + (lasts if lasts is not None else float("inf"))
        with self._lock:
            self._mended.clear()
            self._outage = Outage(kind, seconds, until)

    def raise_outage(self) -> None:
        """Do what the outage says, before anything is read of a call. Raise StripeError or ConnectionDropped."""
        outage = self._outage
        if outage is None or outage.until < time.monotonic():
            return
        if outage.kind != "hang":
            _carry_out(Fault(outage.kind, seconds=outage.seconds))
        elif self._hanging.acquire(blocking=False):
            try:
                self._mended.wait(min(outage.seconds, outage.until - time.monotonic()))
            finally:
                self._hanging.release()
        raise ConnectionDropped

    def add(self, fault: Fault) -> None:
        """Put a rule in force."""
        with self._lock:
            self._rules.append(fault)

    def clear(self) -> None:
        """Let everything go well again."""
        with self._lock:
            self._rules.clear()
            self._outage = None
            self._mended.set()

    def listed(self) -> list[dict[str, object]]:
        """Return the rules with the number of calls that they are still good for."""
        with self._lock:
            return [dataclasses.asdict(rule) for rule in self._rules]

    def outage(self) -> dict[str, object] | None:
        """Return the outage that is going on, and for how many seconds more; None: until it is mended."""
        outage = self._outage
        left = outage.until - time.monotonic() if outage else 0
        if outage is None or left <= 0:
            return None
        return {
            "kind": outage.kind,
            "seconds": outage.seconds,
            "lasts": left if left < float("inf") else None,
        }

    def apply(self, method: str, path: str, when: str, kind: str = "") -> None:
        """Do what the first matching rule says, if it is of this kind. `when` as in a Fault.

        Raise StripeError or ConnectionDropped.
        """
        with self._lock:
            rule = next((each for each in self._rules if each.matches(method, path, when)), None)
            if rule is None or kind not in ("", rule.kind):
                return
            rule.times -= 1
            self._rules = [each for each in self._rules if each.times > 0]
        _carry_out(rule)


def _carry_out(rule: Fault) -> None:
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
