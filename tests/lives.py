"""Lives of one member at Stripe, their deliveries in whatever order, and the truth they must end in."""

from __future__ import annotations

import itertools
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import text

from tests.at_stripe import MAPPED, AtStripe
from tests.selling import PURCHASE_STATUSES, make_plan, rows
from tests.truth import BASIC, ONCE, OTHER, held_against_stripe
from tests.window import Window

APART = 1000
"""Seconds between two lives: more than catch-up reads again."""
GAPS = st.sampled_from([0, 0, 0, 1, 1, 2, 3, 5, 60, 3600])


def subscription(name: str, status: str, *actions: str) -> list[dict]:
    return [
        {"do": "subscribe", "as": name, "status": status},
        *({"do": action, "on": name} for action in actions),
    ]


def payment(name: str, status: str, *actions: str) -> list[dict]:
    amounts = {"refund some": {"do": "refund", "amount": 100}}
    steps = ({"on": name, **amounts.get(action, {"do": action})} for action in actions)
    return [{"do": "pay", "as": name, "status": status}, *steps]


LONG = ("recover", "fail", "recover", "pause", "resume", "switch", "cancel_at_period_end", "renew")
LIVES = {
    "from incomplete to the period's end": [subscription("a", "incomplete", *LONG)],
    "trial, paused, active": [
        subscription("a", "trialing", "trial_pause", "resume", "renew", "fail", "unpaid")
    ],
    "never begun": [subscription("a", "incomplete", "expire_incomplete")],
    "changed her mind": [
        subscription("a", "active", "cancel_at_period_end", "undo_cancel", "pause", "cancel")
    ],
    "two at once": [
        subscription("a", "active", "fail", "recover", "switch", "cancel"),
        subscription("b", "trialing", "renew", "pause", "fail", "resume"),
    ],
    "paid once, refunded": [payment("p", "succeeded", "refund some", "refund some", "refund")],
    "disputed and lost": [payment("p", "succeeded", "refund some", "dispute", "lose_dispute")],
    "disputed and won": [payment("p", "succeeded", "dispute", "win_dispute", "refund")],
    "paid slowly": [payment("p", "pending", "settle", "refund")],
    "paid slowly in vain": [payment("p", "pending", "fail")],
    "reserved": [payment("p", "uncaptured", "capture", "refund some", "refund")],
    "reserved in vain": [payment("p", "uncaptured", "expire")],
    "subscribed and paid once": [
        subscription("a", "active", "pause", "resume", "cancel"),
        payment("p", "succeeded", "refund"),
    ],
    "customer deleted": [
        [*subscription("a", "active", "switch", "pause"), {"do": "delete", "on": "jane"}],
        payment("p", "succeeded"),
    ],
}


class Place:
    """A site whose Stripe is seen through a window, and what its members may buy."""

    def __init__(self, database_url: str, folder: Path) -> None:
        from umstripe.models import Settings
        from umstripe.webhooks import HANDLERS

        self.window = Window()
        self.site = AtStripe(database_url, folder, base=self.window.url)
        self.window.upstream = self.site.simulator.url
        self.app, self.prices = self.site.app, self.site.simulator.prices()
        make_plan(self.app, self.prices[OTHER], MAPPED[:3])
        make_plan(self.app, self.prices[ONCE], PURCHASE_STATUSES, type="one_time")
        self.types, self.threads = list(HANDLERS), ThreadPoolExecutor(4)
        with self.app.app_context():
            self.instance = Settings.get().instance_id
        self.user, self.public_id = rows(
            self.app, "SELECT id, public_id FROM \"user\" WHERE username = 'jane'"
        )[0]

    def lead(self, steps: list[dict], ours: bool) -> dict:
        """A life at Stripe. `ours`: the customer says whose it is, so its first event links it."""
        said = {"umstripe_user": self.public_id, "umstripe_instance": self.instance} if ours else {}
        steps = [{"do": "customer", "as": "jane", "metadata": said, "ahead": APART}, *map(self._whole, steps)]
        told = self.site.simulator.do("/script", turns=steps, types=self.types)
        for before, turn in itertools.pairwise(told["turns"]):
            turn["objects"] = before["objects"] | turn["objects"]
        self.forget(told["names"]["jane"], told["turns"][0]["from"], not ours)
        return told

    def _whole(self, step: dict) -> dict:
        prices = {"subscribe": BASIC, "switch": OTHER, "pay": ONCE}
        price = {"price": self.prices[prices[step["do"]]]} if step["do"] in prices else {}
        return {"on": "jane", **step, **price}

    def forget(self, customer: str, began: int, linked: bool) -> None:
        """Jane has nothing but this customer, as if nothing had ever come."""
        from umstripe.database import write

        with self.app.app_context(), write() as tx:
            for table in (
                "subscription",
                "purchase",
                "dispute",
                "customer",
                "delivery",
                "activity",
                "difference",
                "mail",
            ):
                tx.execute(text(f"DELETE FROM {table}"))
            tx.execute(text("UPDATE connection SET events_read_until = :at"), {"at": began})
            new = "INSERT INTO customer (mode, stripe_customer_id, user_id, deleted) VALUES ('test', :id, :user, :no)"
            if linked:
                tx.execute(text(new), {"id": customer, "user": self.user, "no": False})

    def deliver(self, events: list[dict], at_once: bool) -> None:
        list(self.threads.map(self.site.deliver, events) if at_once else map(self.site.deliver, events))

    def stop(self) -> None:
        self.threads.shutdown()
        self.window.stop()
        self.site.stop()


@dataclass(frozen=True)
class Step:
    """What the deliveries do in one turn of a life. `picks` are places among those that wait, from any number.

    `again`: they come once more later; `at_once`: on four threads; `fetch`: what becomes of the site's next
    question to Stripe, `newer`: by how many events it is overtaken.
    """

    picks: list[int]
    again: bool
    at_once: bool
    fetch: str
    newer: int


STEPS = st.builds(
    Step,
    picks=st.lists(st.integers(0, 99), max_size=4),
    again=st.booleans(),
    at_once=st.booleans(),
    fetch=st.sampled_from(("now", "now", "late", "late", "lost", "overtaken", "overtaken late")),
    newer=st.integers(1, 3),
)


class Weather:
    """How the events of a life arrive: a step for each turn, and one when the life is over.

    All is drawn beforehand, so that an example does not depend on how fast the threads were.
    """

    def __init__(self, place: Place, turns: list[dict], draw: Any) -> None:
        self.place, self.turns, self.waiting, self.turn = place, turns, [], -1
        self.steps = [draw(STEPS) for _ in [*turns, "the end"]]
        self.shuffle, self.share = draw(st.integers(0, 2**32)), draw(st.integers(0, 4))

    def blow(self) -> None:
        window = self.place.window
        window.show(self.turns, 0)
        while self._goes_on():
            step = self.steps[self.turn]
            self._fetches(step)
            self.place.deliver(self._some(step), step.at_once)
        window.show(self.turns, self.turn)
        self._fetches(self.steps[-1])
        random.Random(self.shuffle).shuffle(self.waiting)
        late = self.waiting[: len(self.waiting) * self.share // 4]
        self.place.deliver(late, self.steps[-1].at_once)
        window.show(self.turns, None)

    def _goes_on(self) -> bool:
        """The next turn has happened, and its events are on their way. Also in the middle of a fetch."""
        if self.turn + 1 >= len(self.turns):
            return False
        self.turn += 1
        self.place.window.turn = self.turn
        self.waiting += self.turns[self.turn]["events"]
        return True

    def _some(self, step: Step) -> list[dict]:
        chosen = [self.waiting[pick % len(self.waiting)] for pick in step.picks if self.waiting]
        if not step.again:
            gone = {one["id"] for one in chosen}
            self.waiting = [one for one in self.waiting if one["id"] not in gone]
        return chosen

    def _fetches(self, step: Step) -> None:
        """What happens when the site asks Stripe next."""
        window = self.place.window
        window.late, window.lost = "late" in step.fetch, int(step.fetch == "lost")
        if "overtaken" not in step.fetch:
            return

        def overtake() -> None:
            if self._goes_on():
                self.place.deliver(self.turns[self.turn]["events"][-step.newer :], False)

        window.first = overtake


def script_of(draw: Any) -> list[dict]:
    """The turns of a life, with gaps; some are left out, so that it takes other ways. Those of two mingle."""
    parts = [list(part) for part in LIVES[draw(st.sampled_from(sorted(LIVES)))]]
    mingled: list[dict] = []
    while parts:
        part = parts[draw(st.integers(0, len(parts) - 1)) if len(parts) > 1 else 0]
        step = part.pop(0)
        parts = [one for one in parts if one]
        if "as" in step or draw(st.integers(0, 3)):
            mingled.append({**step, "ahead": draw(GAPS)})
    return mingled


def live_through(place: Place, draw: Any) -> None:
    """One example: a life, its deliveries, catch-up, and the end held against Stripe."""
    told = place.lead(script_of(draw), ours=draw(st.booleans()))
    Weather(place, told["turns"], draw).blow()
    assert place.site.work("catch_up").state == "done"
    held_against_stripe(place, told["turns"])
