"""A site whose prices are imported from a real simulator, and Jane, who has a subscription there."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.at_stripe import AtStripe
from tests.people import PASSWORD, Browserless, logged_in
from tests.selling import rows


def member(app: Any, username: str = "jane") -> Browserless:
    """The member, logged in."""
    from umstripe.database import writing
    from umstripe.models import User

    with app.app_context(), writing():
        User.with_username(username).set_password(PASSWORD)
    return logged_in(app, username)


class AtBilling(AtStripe):
    """As AtStripe; every price of the simulator is here, with a plan, and Jane's subscription has been delivered."""

    def __init__(self, database_url: str, folder: Path, *options: str) -> None:
        super().__init__(database_url, folder, *options)
        self.delivered: set[str] = set()
        self.import_prices()
        self.catch_up()

    def buy_as_another_customer(self) -> None:
        """Jane's subscription ends, and she has one of a second customer: what a Payment Link makes."""
        from umstripe.database import write
        from umstripe.models import Customer, User

        self.simulator.call("DELETE", f"/subscriptions/{self.subscription}")
        self.customer = self.simulator.call("POST", "/customers", email="jane@example.org")["id"]
        with self.app.app_context():
            public_id = User.with_username("jane").public_id
            with write() as tx:
                Customer.link(tx, "test", self.customer, public_id)
        self.subscription = self.subscribe(self.customer)
        self.catch_up()

    def import_prices(self) -> None:
        from umstripe.database import write
        from umstripe.models import Plan, Price, Product
        from umstripe.models.snapshot import Snapshot

        listed = self.simulator.call("GET", "/prices", **{"limit": 100, "expand[]": "data.product"})["data"]
        now = int(time.time()) + 10
        with self.app.app_context(), write() as tx:
            for price in listed:
                Product.sync_from_stripe(tx, Snapshot("test", price["product"], now))
                Price.sync_from_stripe(tx, Snapshot("test", price, now))
            Plan.make_for(tx, "test", 2)

    def catch_up(self) -> None:
        """Deliver what has happened at Stripe since the last time."""
        for event in self.events():
            if event["id"] not in self.delivered:
                self.delivered.add(event["id"])
                assert self.deliver(event).status_code == 200

    def plan_key(self, title: str) -> str:
        from umstripe.database import db
        from umstripe.models import Plan

        with self.app.app_context():
            return next(plan.key for plan in db.session.query(Plan) if plan.title == title)

    def allow_switch(self, from_title: str, *to_titles: str) -> None:
        """Members of a plan may switch to the prices of others."""
        from umstripe.database import db, writing
        from umstripe.models import Plan

        with self.app.app_context(), writing():
            plans = {plan.title: plan for plan in db.session.query(Plan)}
            plans[from_title].switch_prices = [plans[title].price for title in to_titles]

    @property
    def subscription_id(self) -> int:
        """Our id of Jane's subscription."""
        query = "SELECT id FROM subscription WHERE stripe_subscription_id = :id"
        return rows(self.app, query, id=self.subscription)[0][0]

    def lines(self, trigger: str = "member") -> list[str]:
        """What the activity log says of a trigger, oldest first."""
        found = rows(
            self.app, "SELECT description FROM activity WHERE trigger = :trigger ORDER BY id", trigger=trigger
        )
        return [row[0] for row in found]
