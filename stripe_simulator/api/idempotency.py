"""Idempotency keys: https://docs.stripe.com/api/idempotent_requests."""

from __future__ import annotations

import threading
from typing import Any

from stripe_simulator.core.errors import StripeError
from stripe_simulator.core.objects import now
from stripe_simulator.core.store import Store

Json = dict[str, Any]
SHELF = "_idempotency"
KEPT_FOR = 24 * 3600
MAX_LENGTH = 255


class Idempotency:
    """What was answered to which idempotency key in the last 24 hours, and which are being answered."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._under_way: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def begin(self, mode: str, key: str, fingerprint: str) -> Json | None:
        """Return the answer that was given to this key before, or None when the call shall go on.

        Raise StripeError: 400 when the key came with another call before, 409 when it is under way.
        """
        if not 0 < len(key) <= MAX_LENGTH:
            raise StripeError(400, "Idempotency-Key must have 1 to 255 characters.", type="idempotency_error")
        with self._lock:
            before = self.store.get(SHELF, mode, key)
            if before and before["at"] > now() - KEPT_FOR:
                return _same(before, key, fingerprint)
            if (mode, key) in self._under_way:
                raise _in_use(key)
            self._under_way.add((mode, key))
        return None

    def end(self, mode: str, key: str, fingerprint: str, answer: Json | None) -> None:
        """The call is through. Only an answer that is given is kept."""
        if answer is not None:
            with self.store.transaction():
                kept = {"at": now(), "fingerprint": fingerprint, "answer": answer}
                self.store.put(SHELF, mode, key, kept)
        with self._lock:
            self._under_way.discard((mode, key))

    def forget(self) -> None:
        """Forget which calls are under way."""
        with self._lock:
            self._under_way.clear()


def _same(before: Json, key: str, fingerprint: str) -> Json:
    if before["fingerprint"] != fingerprint:
        raise StripeError(
            400,
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            f"Try using a key other than '{key}' if you meant to execute a different request.",
            type="idempotency_error",
        )
    return before["answer"]


def _in_use(key: str) -> StripeError:
    return StripeError(
        409,
        "There is currently another in-progress request using this Idempotent Key (that probably means you "
        f"submitted twice, and the other request is still going through): {key}. Please try again later.",
        type="idempotency_error",
        code="idempotency_key_in_use",
    )
