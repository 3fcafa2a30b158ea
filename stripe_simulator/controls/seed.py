"""The demo data, and any number of prices."""

from __future__ import annotations

import itertools
from typing import Any

from stripe_simulator.account.account import Account, Mode, without_events
from stripe_simulator.billing import customers, pricing, products
from stripe_simulator.checkout import payment_links
from stripe_simulator.resources import coupons, promotion_codes

Json = dict[str, Any]

# Above this, a bulk makes no events unless they are asked for.
FEW = 100


def _monthly(amount: int, **recurring: Any) -> Json:
    return {"currency": "usd", "unit_amount": amount, "recurring": {"interval": "month"} | recurring}


CATALOGUE: tuple[tuple[str, Json], ...] = (
    ("Basic Plan", _monthly(999)),
    ("Standard Plan", _monthly(1999)),
    ("Premium Plan", _monthly(4999, interval_count=3)),
    ("Platinum Membership", {"currency": "usd", "unit_amount": 19999, "recurring": {"interval": "year"}}),
    ("Lifetime Access", {"currency": "usd", "unit_amount": 49900}),
    (
        "Team Seats",
        {
            "currency": "usd",
            "billing_scheme": "tiered",
            "tiers_mode": "graduated",
            "tiers": [{"up_to": "5", "unit_amount": 1000}, {"up_to": "inf", "unit_amount": 800}],
            "recurring": {"interval": "month"},
        },
    ),
    (
        "API Calls",
        {
            "currency": "usd",
            "unit_amount_decimal": "0.5",
            "recurring": {
                "interval": "month",
                "usage_type": "metered",
                "meter": "mtr_1UmstripeSimulatorApiCalls",
            },
        },
    ),
)

# promotion code: what it takes off, in percent
CODES = {"WELCOME10": 10, "FREE100": 100}
LINKED = "Basic Plan"
"""What the demo data's payment link sells."""

# One price of every kind that Stripe has.
VARIETY: tuple[Json, ...] = (
    _monthly(1200),
    {"currency": "jpy", "unit_amount": 1500, "recurring": {"interval": "month"}},
    {"currency": "kwd", "unit_amount": 12500, "recurring": {"interval": "year"}},
    {"currency": "eur", "unit_amount": 29900},
    {
        "currency": "usd",
        "unit_amount_decimal": "999.5",
        "recurring": {"interval": "week", "interval_count": 2},
    },
    {"currency": "usd", "custom_unit_amount": {"enabled": True, "minimum": 500, "preset": 1000}},
    {"currency": "gbp", "unit_amount": 0, "recurring": {"interval": "day"}},
    _monthly(700) | {"active": False},
    CATALOGUE[5][1],
    CATALOGUE[6][1],
)


def demo(account: Account) -> None:
    """The catalogue in both modes, without events: nobody listens yet."""
    for mode in account.modes.values():
        with mode.transaction(), without_events():
            for name, price in CATALOGUE:
                product = products.make(mode, {"name": name})
                price_object = pricing.make(mode, price | {"product": product["id"]})
                if name == LINKED:
                    payment_links.make(mode, {"line_items": [{"price": price_object["id"], "quantity": 1}]})
            for code, percent in CODES.items():
                coupon = coupons.make(mode, {"percent_off": percent, "duration": "forever", "name": code})
                promotion = {"type": "coupon", "coupon": coupon["id"]}
                promotion_codes.make(mode, {"promotion": promotion, "code": code})
            customers.make(mode, {"email": "jane@example.com", "name": "Jane Doe"})


def prices(mode: Mode, count: int, variety: bool = False, events: bool | None = None) -> int:
    """Make a number of prices, each with its product. Return how many.

    `variety` goes round all kinds of prices instead of monthly ones alone. `events` None means: for few.
    """
    kinds = itertools.cycle(VARIETY if variety else (VARIETY[0],))
    silent = not events if events is not None else count > FEW
    with mode.transaction(), without_events(silent):
        first = len(mode.store.collection("price", mode.name).ids) + 1
        for number in range(first, first + count):
            product = products.make(mode, {"name": f"Plan {number:05d}"})
            pricing.make(mode, next(kinds) | {"product": product["id"]})
    return count
