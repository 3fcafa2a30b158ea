"""The client of Stripe's API. The only module that imports stripe: it returns plain dicts and raises our errors.

A `Stripe` is a key and an address. Every call has a timeout, every write an idempotency key (rule 9).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

import requests
import stripe
import structlog
from flask import has_request_context

from umstripe.database import ensure_no_write_transaction
from umstripe.errors import ClonedSite, MalformedObject, StripeError, StripeRefused, StripeUnavailable
from umstripe.stripe_api import types
from umstripe.stripe_api.calls import Answer, JSONObject, Page, Params
from umstripe.stripe_api.checkout import EXPANDED, EXPANDED_WITHOUT_PAYMENTS, CheckoutCalls
from umstripe.stripe_api.paths import COLLECTIONS, object_path
from umstripe.stripe_api.permissions import PermissionCalls
from umstripe.stripe_api.shapes import check_fetched

API_VERSION = stripe.api_version
TIMEOUT = 10.0
RETRIES = 2
PAGE_SIZE = 100
CONFLICT_TIMEOUT, CONFLICT_INTERVAL = 5.0, 0.5
"""How long, and how often, a request is repeated while Stripe is at work on the same one. Seconds."""
MAX_KEYS = 10
"""So many idempotency keys are tried for a call that fails at Stripe each time."""
SIGNATURE_TOLERANCE = 300

UNAVAILABLE = {
    "timeout": "Stripe did not answer within 10 seconds. Please try again in a minute.",
    "network": "Stripe could not be reached from this server. Check its network connection, then try again.",
    "server": "Stripe has a problem at the moment and could not answer. Please try again in a few minutes.",
    "busy": "Stripe is still at work on the same request. Please look again in a minute.",
    "rate_limit": "Stripe asks us to slow down. Please try again in a minute.",
}
PERMANENT = ("customer", "subscription")
OPTIONAL = ("charge",)
"""What a restricted key may lack the right to read: it is then as if Stripe did not know it."""
UNKNOWN = "Stripe does not know this, though in live mode it forgets nothing. Are these the keys of another account?"


@dataclass(frozen=True)
class BadSignature(Exception):
    """A delivery that is not Stripe's, or too old. `reason`: no_secret, no_signature, wrong_secret, too_old,
    unreadable, other_mode."""

    reason: str


class Stripe(CheckoutCalls, PermissionCalls):
    """Stripe's API with one key. `retries` is how often a failed call is repeated.

    By default not at all where somebody waits for the answer: a person, or a delivery that comes again anyway.
    A call that writes raises ClonedSite unless `may_write`.
    """

    def __init__(self, key: str, base: str, retries: int | None = None, may_write: bool = True) -> None:
        if retries is None:
            retries = 0 if has_request_context() else RETRIES
        self._client, self._may_write = _client(key, base, retries), may_write
        self._is_live = key[3:8] == "live_"

    def prices(self, after: str | None, with_products: bool) -> Page[types.Price]:
        """Return a page of active prices after an id.

        With products, each price's `product` is the whole object. Raise StripeRefused (403) without the right.
        """
        expand = {"expand": ["data.product"]} if with_products else {}
        return self._page("price", "/v1/prices", after, active=True, **expand)

    def subscriptions(
        self, after: str | None = None, customer: str | None = None
    ) -> Page[types.Subscription]:
        """Return a page of subscriptions in any status, newest first: of the whole account, or of a customer."""
        filters = {"customer": customer} if customer else {}
        return self._page("subscription", "/v1/subscriptions", after, status="all", **filters)

    def customers(self, after: str | None) -> Page[types.Customer]:
        """Return a page of the account's customers, newest first. Deleted ones are not in it."""
        return self._page("customer", "/v1/customers", after)

    def events(self, after: str | None, since: int, event_types: Sequence[str]) -> Page[types.Event]:
        """Return a page of the events of these types (20 at most) since a second, newest first; 30 days at most.

        https://docs.stripe.com/api/events/list. Raise StripeRefused (403) without the right.
        """
        return self._page("event", "/v1/events", after, created={"gte": since}, types=list(event_types))

    def undelivered(self, since: int) -> Page[types.Event]:
        """Return the events since a second that Stripe could not deliver to some endpoint yet, newest first."""
        return self._page("event", "/v1/events", None, created={"gte": since}, delivery_success=False)

    def fetch(self, kind: str, stripe_id: str) -> Answer[Any]:
        """Return an object as it is now. One that is gone is `{"id": …, "deleted": True}`, as Stripe has it for customers.

        But in live mode Stripe forgets no customer and no subscription: raise StripeRefused (resource_missing) for
        one that it does not know, so that a key of another account ends nobody's membership.
        """
        expand = EXPANDED.get(kind)
        try:
            path = object_path(COLLECTIONS[kind], stripe_id)
            return self._checked(kind, path, {"expand": expand} if expand else {})
        except StripeRefused as refusal:
            if refusal.status == 403 and kind in EXPANDED_WITHOUT_PAYMENTS:
                return self._checked(kind, path, {"expand": EXPANDED_WITHOUT_PAYMENTS[kind]})
            unreadable = refusal.status == 403 and kind in OPTIONAL
            if refusal.code != "resource_missing" and not unreadable:
                raise
            if self._is_live and kind in PERMANENT:
                raise StripeRefused(f"{UNKNOWN} ({refusal})", refusal.status, refusal.code) from None
            return Answer({"id": stripe_id, "object": kind, "deleted": True}, refusal.as_of)

    def _checked(self, kind: str, path: str, params: Params) -> Answer[Any]:
        answer = self._call("GET", path, params)
        check_fetched(kind, answer.object)
        return answer

    def create_customer(self, params: Params, idempotency_key: str) -> JSONObject:
        return self._object("POST", "/v1/customers", params, idempotency_key)

    def webhook_endpoints(self) -> Iterator[JSONObject]:
        params: dict[str, object] = {"limit": PAGE_SIZE}
        while True:
            page = self._call("GET", "/v1/webhook_endpoints", params).object
            yield from page["data"]
            if not page["has_more"]:
                return
            params["starting_after"] = page["data"][-1]["id"]

    def create_webhook_endpoint(self, params: Params, idempotency_key: str) -> JSONObject:
        """Create an endpoint; its `secret` is returned here and never again. The API version is this library's."""
        pinned = {**params, "api_version": API_VERSION}
        return self._object("POST", "/v1/webhook_endpoints", pinned, idempotency_key)

    def update_webhook_endpoint(self, endpoint_id: str, params: Params, idempotency_key: str) -> JSONObject:
        path = object_path("/v1/webhook_endpoints", endpoint_id)
        return self._object("POST", path, params, idempotency_key)

    def delete_webhook_endpoint(self, endpoint_id: str) -> None:
        """Delete an endpoint; one that is gone already is fine."""
        try:
            self._call("DELETE", object_path("/v1/webhook_endpoints", endpoint_id))
        except StripeRefused as refusal:
            if refusal.code != "resource_missing":
                raise

    def _page(self, kind: str, path: str, after: str | None, **params: object) -> Page[Any]:
        cursor = {"starting_after": after} if after else {}
        answer = self._call("GET", path, {"limit": PAGE_SIZE, **params, **cursor})
        items = answer.object["data"]
        usable = [item for item in items if _is_usable(kind, item)]
        last = items[-1].get("id") if items and isinstance(items[-1], dict) else None
        more = bool(answer.object["has_more"] and last and isinstance(last, str))
        return Page(usable, more, answer.as_of, last if more else None)

    def _call(
        self,
        verb: str,
        path: str,
        params: Params | None = None,
        idempotency_key: str | None = None,
    ) -> Answer[Any]:
        ensure_no_write_transaction()
        if verb != "GET" and not self._may_write:
            raise ClonedSite
        try:
            until = time.monotonic() + CONFLICT_TIMEOUT
            answer = self._request(verb.lower(), path, params or {}, idempotency_key, until)
        except stripe.StripeError as error:
            raise _translated(error) from None
        if not isinstance(answer.data, dict):
            raise MalformedObject("Stripe’s answer is no object. This site cannot use it.")
        if isinstance(kind := answer.data.get("object"), str):
            check_fetched(kind, answer.data)
        return Answer(answer.data, _answered_at(answer.headers))

    def _request(
        self, verb: str, path: str, params: Params, key: str | None, until: float, number: int = 0
    ) -> Any:
        """Return Stripe's answer. A failure of Stripe's, which it repeats under the same key for a day, is requested
        under the next key; everybody takes the same keys in the same order, so that doubles still create one object.
        While the same request is under way (a second click), its answer is waited for."""
        options = {"idempotency_key": f"{key}-again-{number}" if number else key} if key else {}
        while True:
            try:
                return self._client.raw_request(verb, path, **params, **options)
            except stripe.StripeError as error:
                if key and number + 1 < MAX_KEYS and _is_repeated_failure(error):
                    return self._request(verb, path, params, key, until, number + 1)
                if not key or error.http_status != 409 or time.monotonic() > until:
                    raise
            time.sleep(CONFLICT_INTERVAL)


def simulator_keys(base: str, mode: str) -> dict[str, str]:
    """Return the keys of the simulator at an address, as `publishable` and `secret`. Raise StripeUnavailable."""
    ensure_no_write_transaction()
    try:
        keys = requests.get(f"{base}/_simulator/keys", timeout=TIMEOUT).json()[mode]
        return {"publishable": keys["publishable"], "secret": keys["secret"]}
    except (requests.RequestException, ValueError, KeyError, TypeError):
        sentence = f"There is no simulator at {base}. Start it with “umstripe simulator”."
        raise StripeUnavailable(sentence, "network") from None


def verify_signature(body: bytes, header: str | None, secrets: list[str]) -> None:
    """Check a delivery's signature over its raw bytes with each secret. Raise BadSignature.

    https://docs.stripe.com/webhooks#verify-official-libraries; an age of 300 seconds at most.
    """
    if not secrets:
        raise BadSignature("no_secret")
    if not header:
        raise BadSignature("no_signature")
    reason = "wrong_secret"
    for secret in secrets:
        try:
            stripe.WebhookSignature.verify_header(body, header, secret, SIGNATURE_TOLERANCE)
            return
        except stripe.SignatureVerificationError as error:
            reason = "too_old" if "tolerance" in str(error) else reason
        except (TypeError, ValueError):
            reason = "unreadable"
    raise BadSignature(reason)


def _is_usable(kind: str, item: object) -> bool:
    """Return whether an entry of a list can be read; one that cannot be is logged, and stops none of the others."""
    try:
        check_fetched(kind, item)
    except MalformedObject as unusable:
        structlog.get_logger().warning("an entry of a list of Stripe's is left out", reason=str(unusable))
        return False
    return True


@lru_cache(maxsize=16)
def _client(key: str, base: str, retries: int) -> stripe.StripeClient:
    http = stripe.RequestsClient(timeout=TIMEOUT)
    return stripe.StripeClient(
        key,
        base_addresses={"api": base},
        max_network_retries=retries,
        http_client=http,
        stripe_version=API_VERSION,
    )


def _answered_at(headers: Mapping[str, str] | None) -> int:
    """Return the time of an answer by Stripe's clock, in seconds. An answer without a date is as old as can be: it overwrites nothing.

    So is one that was given before and is repeated for the same idempotency key: its date is new, what it says is old.
    """
    if _is_repeated(headers):
        return 0
    return int(parsedate_to_datetime(headers["Date"]).timestamp()) if headers and "Date" in headers else 0


def _is_repeated(headers: Mapping[str, str] | None) -> bool:
    return headers is not None and headers.get("Idempotent-Replayed") == "true"


def _is_repeated_failure(error: stripe.StripeError) -> bool:
    """Return whether Stripe repeats a failure of before: https://docs.stripe.com/api/idempotent_requests."""
    return (error.http_status or 0) >= 500 and _is_repeated(error.headers)


def _translated(error: stripe.StripeError) -> StripeError:
    if isinstance(error, stripe.APIConnectionError):
        reason = (
            "timeout" if isinstance(error.__cause__ or error.__context__, requests.Timeout) else "network"
        )
        return StripeUnavailable(UNAVAILABLE[reason], reason)
    if isinstance(error, stripe.RateLimitError) or error.http_status == 429:
        return StripeUnavailable(UNAVAILABLE["rate_limit"], "rate_limit")
    if error.http_status == 409:
        return StripeUnavailable(UNAVAILABLE["busy"], "busy")
    if error.http_status is None or error.http_status >= 500:
        return StripeUnavailable(UNAVAILABLE["server"], "server")
    message = error.user_message or "Stripe refused without saying why."
    param = getattr(error, "param", None) or ""
    return StripeRefused(message, error.http_status, _code(error), _answered_at(error.headers), param)


def _code(error: stripe.StripeError) -> str:
    """Return Stripe's code. The library leaves it out of its authentication errors, though the answer has it."""
    body = error.json_body if isinstance(error.json_body, dict) else {}
    return error.code or (body.get("error") or {}).get("code") or ""
