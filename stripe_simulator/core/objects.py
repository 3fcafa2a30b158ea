"""New Stripe objects: ids, times and full shapes."""

from __future__ import annotations

import contextlib
import contextvars
import secrets
import string
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from stripe_simulator.core import document

Json = dict[str, Any]
ALPHABET = string.ascii_letters + string.digits

# prefix and length of what follows it, as Stripe's ids have them
IDS: dict[str, tuple[str, int]] = {
    "customer": ("cus_", 14),
    "product": ("prod_", 14),
    "subscription_item": ("si_", 14),
    "price": ("price_1", 23),
    "subscription": ("sub_1", 23),
    "invoice": ("in_1", 23),
    "line_item": ("il_1", 23),
    "invoice_payment": ("inpay_1", 23),
    "invoiceitem": ("ii_1", 23),
    "payment_intent": ("pi_3", 23),
    "payment_method": ("pm_1", 23),
    "charge": ("ch_3", 23),
    "refund": ("re_3", 23),
    "event": ("evt_1", 23),
    "webhook_endpoint": ("we_1", 23),
    "checkout.session": ("cs_", 58),
    "billing_portal.configuration": ("bpc_1", 23),
    "billing_portal.session": ("bps_1", 23),
    "test_helpers.test_clock": ("clock_1", 23),
    "dispute": ("du_1", 23),
    "item": ("li_1", 23),
    "discount": ("di_1", 23),
    "promotion_code": ("promo_1", 23),
    "payment_link": ("plink_1", 23),
    "request": ("req_", 14),
}


_ahead = [0]
"""How many seconds the simulator's clock is ahead of the machine's."""


def random_text(length: int) -> str:
    """Return letters and digits that nobody can guess."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def new_id(kind: str) -> str:
    """Return a fresh id with the prefix that Stripe gives to this kind of object."""
    prefix, length = IDS[kind]
    return prefix + random_text(length)


class Frozen(NamedTuple):
    """A time that stands still, in seconds, UTC; and whether it is that of a test clock."""

    at: int
    of_clock: bool


_frozen: contextvars.ContextVar[Frozen | None] = contextvars.ContextVar("frozen", default=None)
_events_live_there = [False]


def now() -> int:
    """Return the present in whole seconds since 1970, UTC: that of a test clock where one holds, else `real_now()`."""
    frozen = _frozen.get()
    return frozen.at if frozen else real_now()


def real_now() -> int:
    """Return the present of the simulator's own clock, whatever a test clock says."""
    return int(time.time()) + _ahead[0]


def event_time() -> int:
    """Return `created` of an event that is made now: real time, unless `date_events_by_clock` says otherwise."""
    frozen = _frozen.get()
    outside = frozen is not None and frozen.of_clock and not _events_live_there[0]
    return real_now() if outside else now()


def date_events_by_clock(by_clock: bool) -> None:
    """Whether events about what belongs to a test clock are dated by that clock."""
    _events_live_there[0] = by_clock


@contextlib.contextmanager
def frozen_at(at: int, of_clock: bool = True) -> Iterator[None]:
    """Inside, the present is this time, in seconds, UTC."""
    token = _frozen.set(Frozen(at, of_clock))
    try:
        yield
    finally:
        _frozen.reset(token)


@contextlib.contextmanager
def outside_test_clocks() -> Iterator[None]:
    """Inside, no test clock holds: this is about somebody who is on none."""
    frozen = _frozen.get()
    token = _frozen.set(None if frozen and frozen.of_clock else frozen)
    try:
        yield
    finally:
        _frozen.reset(token)


def advance(seconds: int) -> int:
    """Set the simulator's clock ahead by some seconds more. Return the present."""
    _ahead[0] += seconds
    return now()


def reset_clock() -> None:
    """The simulator's clock is the machine's again."""
    _ahead[0] = 0
    date_events_by_clock(False)


def new_object(kind: str, **fields: Any) -> Json:
    """Return an object of a kind in its full shape, with an id, the present as `created`, and the given fields."""
    shape = document.empty(kind)
    shape["id"] = fields.pop("id", None) or new_id(kind)
    shape |= {"created": now()} if "created" in shape else {}
    return shape | fields


def list_of(data: list[Json], url: str, has_more: bool = False) -> Json:
    """Return Stripe's list object."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def deleted(kind: str, object_id: str) -> Json:
    """Return what is left of an object after it was deleted."""
    return {"id": object_id, "object": kind, "deleted": True}
