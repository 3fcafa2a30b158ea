"""Rate limits, counted in the database for all processes together.

`DatabaseStorage` keeps the counters of Flask-Limiter. `Tries` counts wrong passwords: a try is counted before the
password is looked at and taken back when it was right, so that tries at the same moment cannot exceed a limit and
people who log in rightly do not use up the limit of an address that they share.
"""

from __future__ import annotations

import contextlib
import ipaddress
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import structlog
from flask import Flask, after_this_request, request
from flask_limiter import Limiter
from flask_security import current_user
from limits.storage import Storage
from sqlalchemy import delete, text
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import TooManyRequests
from werkzeug.wrappers import Response

from umstripe import errors
from umstripe.database import Transaction, db, is_writing, read, write
from umstripe.models.rate_limit import RateLimit, identity_key
from umstripe.security import known_devices

MINUTES, HOURS = 60, 3600
IPV6_NETWORK = 64
"""A customer of an IPv6 provider has at least this network, so that single addresses in it are free to choose."""


@dataclass(frozen=True)
class Limit:
    """At most `amount` hits of a counter within `seconds`."""

    name: str
    amount: int
    seconds: int


DEVICE = Limit("known device", 10, 10 * MINUTES)
ACCOUNT_FROM_ADDRESS = Limit("account from address", 10, 10 * MINUTES)
ACCOUNT_FROM_STRANGERS = Limit("account from strangers", 50, 1 * HOURS)
ADDRESS = Limit("address", 100, 10 * MINUTES)
PLAN_PASSWORD = Limit("plan password", 20, 10 * MINUTES)


class TooManyTries(TooManyRequests):
    """A limit is reached. `str()` is a sentence for people; `retry_after` is in seconds."""

    def __init__(self, expires_at: float) -> None:
        seconds = max(1, math.ceil(expires_at - time.time()))
        super().__init__(f"Too many tries. Try again in {duration(seconds)}.", retry_after=seconds)
        self.seconds = seconds

    def __str__(self) -> str:
        return str(self.description)


class Tries:
    """Tries of a password. `counters` are limits with what they count, for example an account."""

    def __init__(self, *counters: tuple[Limit, str]) -> None:
        named = [(f"{limit.name}: {counted}", limit) for limit, counted in counters]
        self.counters = sorted(named, key=lambda counter: RateLimit.digest(counter[0]))
        """In one order everywhere, so that two transactions never wait for each other."""

    def begin(self) -> None:
        """Count a try. Raise TooManyTries, and count nothing, when one of the limits is reached.

        Without a database nothing is counted: then no password can be looked up either.
        """
        with _unless_database_fails(), _transaction() as tx:
            for name, limit in self.counters:
                hits, expires_at = RateLimit.hit(tx, name, limit.seconds)
                if hits > limit.amount:
                    raise TooManyTries(expires_at)

    def succeeded(self) -> None:
        """Take the try back, since it was right. Commit a hash of an earlier version that was stored anew with it."""
        db.session.commit()
        with _unless_database_fails(), _transaction() as tx:
            for name, _ in self.counters:
                RateLimit.take_back(tx, name)

    def check(self, is_right: Callable[[], bool]) -> bool:
        """Return what `is_right` returns, and count it if it is false. Raise TooManyTries."""
        self.begin()
        if not is_right():
            return False
        self.succeeded()
        return True


def password_tries(identity: str) -> Tries:
    """Return the counters of an account's password. `identity` is the username or mail address that was typed.

    Counted by what was typed, whether there is such an account or not, so that a limit says nothing about accounts.
    A browser that has logged in as this account before has a counter of its own, which strangers cannot use up:
    https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
    """
    if device := known_devices.device_of(identity):
        return Tries((DEVICE, device))
    name, address = identity_key(identity), client_address()
    return Tries(
        (ACCOUNT_FROM_ADDRESS, f"{name} {address}"), (ACCOUNT_FROM_STRANGERS, name), (ADDRESS, address)
    )


def client_address() -> str:
    """Return the address of the client as limits count it: of IPv6 the network that one customer has."""
    try:
        address = ipaddress.ip_address((request.remote_addr or "").partition("%")[0])
    except ValueError:
        return request.remote_addr or "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, IPV6_NETWORK), strict=False))


def answer_429(error: TooManyTries) -> str:
    """Give the response of this request status 429 and Retry-After. Return the sentence to show on its page."""

    @after_this_request
    def refuse(response: Response) -> Response:
        response.status_code = 429
        response.headers["Retry-After"] = str(error.seconds)
        return response

    return str(error)


def duration(seconds: int) -> str:
    """Return a time to wait in words, rounded up: “40 seconds”, “5 minutes”, “2 hours”."""
    for size, word in ((HOURS, "hour"), (MINUTES, "minute")):
        if seconds > size:
            return f"{math.ceil(seconds / size)} {word}s"
        if seconds == size:
            return f"1 {word}"
    return f"{seconds} second{'' if seconds == 1 else 's'}"


class DatabaseStorage(Storage):
    """Flask-Limiter's counters in our database: https://limits.readthedocs.io/en/stable/custom-storage.html."""

    STORAGE_SCHEME = ["sqla"]

    @property
    def base_exceptions(self) -> type[Exception]:
        return SQLAlchemyError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        with _transaction() as tx:
            return RateLimit.hit(tx, key, expiry, amount)[0]

    def get(self, key: str) -> int:
        with read() as tx:
            return RateLimit.current(tx, key)[0]

    def get_expiry(self, key: str) -> float:
        with read() as tx:
            return RateLimit.current(tx, key)[1]

    def check(self) -> bool:
        with read() as tx:
            return tx.execute(text("SELECT 1")).scalar() == 1

    def reset(self) -> int | None:
        with _transaction() as tx:
            return tx.execute(delete(RateLimit)).rowcount

    def clear(self, key: str) -> None:
        with _transaction() as tx:
            RateLimit.clear(tx, key)


@contextlib.contextmanager
def _transaction() -> Iterator[Transaction]:
    """Begin a write transaction beside the session's, which has only read so far and ends first."""
    session = db.session()
    if is_writing() and session.in_transaction():
        if session.new or session.dirty or session.deleted:
            raise RuntimeError("A limit is checked after something was changed")
        session.commit()  # unlike a rollback, it keeps what was read: checking a password begins no transaction
    with write() as tx:
        yield tx


@contextlib.contextmanager
def _unless_database_fails() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        structlog.get_logger().error("a limit could not be checked", error=str(error))


def person_or_address() -> str:
    """Return what a limit counts: people who are logged in one by one, others by their client address."""
    return f"user {current_user.public_id}" if current_user.is_authenticated else client_address()


limiter = Limiter(person_or_address, storage_uri="sqla://", default_limits=[], swallow_errors=True)


def init_app(app: Flask) -> None:
    limiter.init_app(app)
    app.register_error_handler(429, _too_many_requests)


def _too_many_requests(error: Any) -> Response:
    """Return the page for a reached limit. What was typed is still in the form that the browser goes back to."""
    if not isinstance(error, TooManyTries):
        limit = limiter.current_limit
        error = TooManyTries(limit.reset_at if limit else time.time() + MINUTES)
    sentence = str(error)
    if request.method == "POST":
        sentence += " Then go back in your browser: what you typed is still there."
    page = Response(errors.error_page(429, "Too many tries", sentence)[0], 429, mimetype="text/html")
    page.headers["Retry-After"] = str(error.seconds)
    return page
