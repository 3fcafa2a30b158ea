"""Load: many customers with random actions, for storms and large accounts in one call."""

from __future__ import annotations

import random
from typing import Any

from stripe_simulator.account.account import Mode, without_events
from stripe_simulator.billing import customers
from stripe_simulator.controls import actions
from stripe_simulator.core.objects import advance, frozen_at, real_now

Json = dict[str, Any]
BEGINNINGS = ("active", "active", "active", "trialing", "incomplete", "past_due")

# status: what may come next
NEXT: dict[str, tuple[str, ...]] = {
    "trialing": ("renew", "trial_pause", "cancel_at_period_end", "fail"),
    "active": ("fail", "renew", "pause", "switch", "cancel_at_period_end", "undo_cancel", "cancel"),
    "past_due": ("recover", "recover", "unpaid", "cancel"),
    "unpaid": ("recover", "cancel"),
    "incomplete": ("recover", "expire_incomplete"),
    "paused": ("resume", "resume", "cancel"),
}


def make_customers(mode: Mode, count: int, start: int = 0) -> list[str]:
    """Make customers without events. Return their ids."""
    with without_events():
        numbers = range(start, start + count)
        customers_made = (
            customers.make(mode, {"email": f"member{number}@example.org"}) for number in numbers
        )
        return [customer["id"] for customer in customers_made]


def run(mode: Mode, ids: list[str], rounds: int, prices: list[str], seed: int, gap: int) -> int:
    """Take one action for each customer in each round; after a round the clock goes up to `gap` seconds ahead.

    A customer without a live subscription begins one. Return how many actions were taken. Time stands still during
    a round and goes ahead by the gaps alone, so that the same seed does the same on a slow machine.
    """
    rng, present = random.Random(seed), real_now()
    for _ in range(rounds):
        with frozen_at(present, of_clock=False):
            for customer in ids:
                _act(mode, customer, prices, rng)
        gone = rng.randint(0, gap)
        advance(gone)
        present += gone
    return rounds * len(ids)


def _act(mode: Mode, customer_id: str, prices: list[str], rng: random.Random) -> None:
    now = mode.newest("subscription", customer=customer_id)
    if now is None or now["status"] not in NEXT:
        customer = mode.find("customer", customer_id)
        actions.subscribe(mode, customer, rng.choice(prices), rng.choice(BEGINNINGS))
        return
    action = "resume" if now["pause_collection"] else rng.choice(NEXT[now["status"]])
    actions.act(mode, now, action, rng.choice(prices) if action == "switch" else None)
