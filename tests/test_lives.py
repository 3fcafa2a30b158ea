"""Lives of memberships on a test clock, from Checkout's end to the last day: what happens at Stripe, and what the site
makes of it. Everything runs for real: deliveries, worker, mails.

Each life is a table. A row is: how far the clock goes (days after the life's begin), what else is done at Stripe before
that; then the status, the roles, the subjects of the mails that came since the row before, and what the member's
Billing page says.
"""

from __future__ import annotations

import re

import pytest

from tests.people import PASSWORD, Browserless, Http, make_user
from tests.processes import wait_until
from tests.selling import STATUSES, make_plan, open_shop, role_for, roles_of, rows
from tests.world import World

DAY = 86_400
LIVES = {
    "renewed every month": (
        {},
        [
            (0, "", "active", "Active", [], "The next payment"),
            (32, "", "active", "Active", [], "The next payment"),
            (62, "", "active", "Active", [], "The next payment"),
        ],
    ),
    "a failed renewal that recovers": (
        {},
        [
            (0, "bad card", "active", "Active", [], "The next payment"),
            (32, "", "past_due", "Past Due", ["Your payment for Basic Plan failed"], "failed"),
            (36, "", "past_due", "Past Due", ["Your payment for Basic Plan failed"], "failed"),
            (45, "good card", "active", "Active", [], "The next payment"),
        ],
    ),
    "a renewal that fails to the end": (
        {},
        [
            (0, "bad card", "active", "Active", [], "The next payment"),
            (32, "", "past_due", "Past Due", ["Your payment for Basic Plan failed"], "failed"),
            (
                60,
                "",
                "canceled",
                "Canceled",
                ["Your payment for Basic Plan failed"] * 3 + ["Your membership Basic Plan has ended"],
                "Ended on",
            ),
        ],
    ),
    "canceled at the end of the period": (
        {},
        [
            (0, "", "active", "Active", [], "The next payment"),
            (
                5,
                "cancel_at_period_end",
                "active",
                "Active",
                ["Your membership Basic Plan ends on …"],
                "Ends on",
            ),
            (32, "", "canceled", "Canceled", ["Your membership Basic Plan has ended"], "Ended on"),
        ],
    ),
    "a cancellation taken back": (
        {},
        [
            (
                2,
                "cancel_at_period_end",
                "active",
                "Active",
                ["Your membership Basic Plan ends on …"],
                "Ends on",
            ),
            (3, "undo_cancel", "active", "Active", [], "The next payment"),
            (32, "", "active", "Active", [], "The next payment"),
        ],
    ),
    "a trial with a card": (
        {"trial_days": 14},
        [
            (0, "", "trialing", "Trialing", [], "Trial until"),
            (12, "", "trialing", "Trialing", ["Your trial of Basic Plan ends on …"], "Trial until"),
            (15, "", "active", "Active", [], "The next payment"),
        ],
    ),
    "a trial without a card, paused at its end": (
        {"trial_days": 14, "card": "none", "missing": "pause"},
        [
            (0, "", "trialing", "Trialing", [], "Trial until"),
            (15, "", "paused", "Paused", ["Your trial of Basic Plan ends on …"], "Paused"),
        ],
    ),
    "a trial without a card, canceled at its end": (
        {"trial_days": 14, "card": "none", "missing": "cancel"},
        [
            (0, "", "trialing", "Trialing", [], "Trial until"),
            (
                15,
                "",
                "canceled",
                "Canceled",
                ["Your trial of Basic Plan ends on …", "Your membership Basic Plan has ended"],
                "Ended on",
            ),
        ],
    ),
}


class Shop:
    """A connected site that sells Basic Plan, for all lives of a database."""

    def __init__(self, world: World) -> None:
        from umstripe import create_app, webhooks
        from umstripe.models import Connection

        self.world, self.simulator = world, world.simulator
        self.app = create_app(world.environ)
        open_shop(self.app)
        self.price = self.simulator.prices()["Basic Plan"]
        make_plan(self.app, self.price, STATUSES, nickname="Basic Plan", interval="month")
        with self.app.app_context():
            keys = {"publishable": self.simulator.key("test", "publishable"), "secret": self.simulator.key()}
            Connection.of("test").connect(world.site.url, webhooks.HANDLERS, **keys)


class Life:
    """A member's membership at Stripe on a clock of its own, with the site that follows it."""

    def __init__(self, shop: Shop, username: str) -> None:
        from umstripe.database import writing
        from umstripe.models import User

        self.app, self.simulator, self.price = shop.app, shop.simulator, shop.price
        self.username, self.told = username, 0
        begun = self.simulator.do("/clock", ahead=0)["now"]
        self.clock = self.simulator.call("POST", "/test_helpers/test_clocks", frozen_time=begun)
        email = f"{username}@example.org"
        made = self.simulator.call("POST", "/customers", email=email, test_clock=self.clock["id"])
        self.customer = made["id"]
        make_user(self.app, username, customer=self.customer)
        with self.app.app_context(), writing():
            User.with_username(username).set_password(PASSWORD)

    def subscribe(self, trial_days: int = 0, card: str = "pm_card_visa", missing: str = "") -> None:
        params: dict = {"customer": self.customer, "items[0][price]": self.price}
        if card != "none":
            self.give(card)
        if trial_days:
            params["trial_period_days"] = trial_days
        if missing:
            params["trial_settings[end_behavior][missing_payment_method]"] = missing
        self.subscription = self.simulator.call("POST", "/subscriptions", **params)["id"]

    def give(self, card: str) -> None:
        self.simulator.do(f"/customers/{self.customer}/card", card=card)

    def act(self, what: str) -> None:
        if what == "bad card":
            self.give("pm_card_chargeCustomerFail")
        elif what == "good card":
            self.give("pm_card_visa")
        elif what:
            self.simulator.do(f"/subscriptions/{self.subscription}/{what}")

    def go_to(self, day: int) -> None:
        to = self.clock["frozen_time"] + day * DAY
        now = self.simulator.call("GET", f"/test_helpers/test_clocks/{self.clock['id']}")["frozen_time"]
        if to > now:
            self.simulator.call(
                "POST", f"/test_helpers/test_clocks/{self.clock['id']}/advance", frozen_time=to
            )

    def status(self) -> str:
        query = "SELECT status FROM subscription WHERE stripe_subscription_id = :id"
        found = rows(self.app, query, id=self.subscription)
        return found[0][0] if found else ""

    def mails(self) -> list[str]:
        """The subjects of what was sent since the last time, without their dates."""
        query = "SELECT id, subject, state FROM mail WHERE id > :told AND address = :address ORDER BY id"
        asked = {"told": self.told, "address": f"{self.username}@example.org"}
        wait_until(lambda: "queued" not in str(rows(self.app, query, **asked)), "the mails are sent")
        sent = rows(self.app, query, **asked)
        self.told = max((number for number, _, _ in sent), default=self.told)
        return [re.sub(r"[A-Z][a-z]{2} \d+, \d{4}", "…", subject) for _, subject, _ in sent]


@pytest.fixture(scope="module")
def shop(database, tmp_path_factory):
    url = database.new()
    world = World(url, tmp_path_factory.mktemp("lives"))
    try:
        yield Shop(world)
    finally:
        world.stop()
        database.drop(url)


@pytest.mark.one_database
@pytest.mark.parametrize("name", LIVES)
def test_a_life(shop, name):
    begin, table = LIVES[name]
    life = Life(shop, f"member{list(LIVES).index(name)}")
    life.subscribe(**begin)
    member = Browserless(Http(shop.world.site.url))
    member.log_in(life.username)
    for day, what, status, role, mails, words in table:
        row = f"day {day} {what}"
        life.act(what)
        life.go_to(day)
        life.simulator.wait_until_delivered()
        wait_until(lambda status=status: life.status() == status, f"{row}: {status}, it is {life.status()}")
        assert roles_of(life.app, life.username) == [role_for(status)] == [f"{role} Member"], row
        assert life.mails() == mails, row
        assert words in member.get("/account/billing").text, row
    assert rows(life.app, "SELECT count(*) FROM delivery WHERE result = 'failed'") == [(0,)]
