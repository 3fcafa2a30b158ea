"""What every call to Stripe returns, and what the groups of calls share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Params = Mapping[str, object]
JSONObject = dict[str, Any]
"""An object of Stripe's of which no type says what is read."""


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What Stripe answered, and when: `as_of` is the answer's `Date`, in seconds of Stripe's clock.

    It is 0 for an answer that was given before and is only repeated: nobody can tell as of when that is true.
    """

    object: T
    as_of: int


@dataclass(frozen=True)
class Page(Generic[T]):
    """A page of a list: its objects, whether more follow, and as of when it is true (as in Answer).

    `after` is the id to ask for the next page with. Objects that cannot be read are left out.
    """

    items: list[T]
    more: bool
    as_of: int
    after: str | None = None


class Calls:
    """A group of calls. The client makes them."""

    def _call(
        self,
        verb: str,
        path: str,
        params: Params | None = None,
        idempotency_key: str | None = None,
    ) -> Answer[Any]:
        raise NotImplementedError

    def _object(
        self,
        verb: str,
        path: str,
        params: Params | None = None,
        idempotency_key: str | None = None,
    ) -> JSONObject:
        stripe_object: JSONObject = self._call(verb, path, params, idempotency_key).object
        return stripe_object

    def _newest(self, path: str, params: Params) -> list[JSONObject]:
        """Return the first page of a list: Stripe's lists have the newest first."""
        items: list[JSONObject] = self._object("GET", path, params)["data"]
        return items
