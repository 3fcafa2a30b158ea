"""Many customers at once, who live by chance: storms and large accounts in one call."""

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
    """New customers, without a word. Gives their ids."""
    with without_events():
        numbers = range(start, start + count)
        customers_made = (
            customers.make(mode, {"email": f"member{number}@example.org"}) for number in numbers
        )
        return [customer["id"] for customer in customers_made]


def run(mode: Mode, ids: list[str], rounds: int, prices: list[str], seed: int, gap: int) -> int:
    """Lead each customer one turn in each round; after a round the clock goes up to `gap` seconds ahead.

    Who has no subscription, or one that has ended, begins one. Gives how many turns were led. Time stands still
    during a round and goes ahead by the gaps alone, so that the same seed leads the same lives on a slow machine.
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
