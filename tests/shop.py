"""A site with plans on offer, for tests of registering and buying."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stripe_simulator.testing import CARD, Walk
from tests.databases import environ_for
from tests.people import PASSWORD, Browserless, Page
from tests.processes import Simulator
from tests.selling import PURCHASE_STATUSES, STATUSES, open_shop, role_for, rows
from tests.stripe_events import deliver

TYPED = {"username": "karl", "email": "karl@example.org", "password": PASSWORD}


def offer(app: Any, title: str, **values: Any) -> str:
    """A plan on offer, with a price of its own. Gives its short key. `values` are the plan's and the price's."""
    from umstripe.database import db, writing
    from umstripe.models import Plan, Price

    names = ("mode", "type", "currency", "unit_amount", "interval", "active")
    price = {"mode": "test", "type": "recurring", "currency": "usd", "unit_amount": 999, "interval": "month"}
    price |= {name: values.pop(name) for name in names if name in values}
    stripe_id = values.pop("stripe_price_id", f"price_{title.lower().replace(' ', '_')}")
    password = values.pop("password", "")
    with app.app_context(), writing():
        copied = Price(stripe_price_id=stripe_id, stripe_product_id="prod_1", as_of=1_600_000_000, **price)
        plan = Plan(price=copied, own_title=title, **values)
        if password:
            plan.set_password(password)
        db.session.add(plan)
        db.session.flush()
        return plan.short_key


def users(app: Any) -> list[str]:
    return [name for (name,) in rows(app, 'SELECT username FROM "user" ORDER BY id')]


class Shop:
    """A site in this process that sells at a real simulator. Deliveries come when a test brings them."""

    def __init__(self, database_url: str, folder: Path) -> None:
        from umstripe import create_app
        from umstripe.database import writing
        from umstripe.models import Connection

        self.simulator = Simulator(folder)
        self.simulator.start()
        environ = environ_for(database_url, folder / "instance", UMSTRIPE_STRIPE_API_BASE=self.simulator.url)
        self.app = create_app(environ)
        open_shop(self.app)
        with self.app.app_context(), writing():
            keys = (self.simulator.key(kind="publishable"), self.simulator.key())
            Connection.of("test").keep_keys(*keys)
        self.seen: set[str] = {event["id"] for event in self.events()}

    def offer(self, title: str = "Gold", **values: Any) -> str:
        """A plan on offer whose price is at Stripe, with the tests' roles. Gives its short key."""
        price = {"currency": "usd", "unit_amount": 999, "interval": "month"} | {
            name: values.pop(name) for name in ("currency", "unit_amount", "interval") if name in values
        }
        product = self.simulator.call("POST", "/products", name=title)["id"]
        asked = {"product": product, "currency": price["currency"], "unit_amount": price["unit_amount"]}
        asked |= {"recurring[interval]": price["interval"]} if price["interval"] else {}
        stripe_id = self.simulator.call("POST", "/prices", **asked)["id"]
        type_ = "recurring" if price["interval"] else "one_time"
        key = offer(self.app, title, **price, type=type_, stripe_price_id=stripe_id, **values)
        self._give_roles(key, STATUSES if price["interval"] else PURCHASE_STATUSES)
        return key

    def _give_roles(self, key: str, statuses: Any) -> None:
        from umstripe.database import writing
        from umstripe.models import Plan, PlanRole, Role

        with self.app.app_context(), writing():
            plan = Plan.with_key(key)
            for status in statuses:
                plan.roles[status] = PlanRole(status=status, role=Role.named(role_for(status)))

    def visitor(self) -> Browserless:
        return Browserless(self.app.test_client())

    def member(self, username: str = "karl") -> Browserless:
        """Somebody who has registered without a plan."""
        one = self.visitor()
        one.submit(
            "/register", **{**TYPED, "username": username, "email": f"{username}@example.org"}, plan=""
        )
        return one

    def pay_url(self, person: Browserless, key: str) -> str:
        """Press the button of a plan's page. Gives the address of Stripe's page."""
        answer = self.press(person, key)
        assert answer.status_code == 303, Page(answer.text).text
        return answer.headers["Location"]

    def press(self, person: Browserless, key: str) -> Any:
        form = next(
            one for one in person.get(f"/subscribe/{key}").forms if one["action"] == f"/subscribe/{key}/pay"
        )
        return person.client.post(form["action"], data=form["fields"])

    def buy(self, person: Browserless, key: str, **typed: Any) -> str:
        """Pay on Stripe's page. Gives the address, on this site, that it leads back to."""
        walk = Walk(self.pay_url(person, key)).press(**CARD | typed)
        assert walk.left_for, walk.text
        return walk.left_for.removeprefix("http://127.0.0.1:8000")

    def sessions(self, **where: Any) -> list[dict]:
        return self.simulator.call("GET", "/checkout/sessions", limit=100, **where)["data"]

    def events(self) -> list[dict]:
        return self.simulator.call("GET", "/events", limit=100)["data"][::-1]

    def deliver(self, *types: str) -> list[int]:
        """Bring the events that have not come yet. Gives the answers' codes."""
        new = [one for one in self.events() if one["id"] not in self.seen]
        chosen = [one for one in new if not types or one["type"] in types]
        self.seen |= {one["id"] for one in chosen}
        return [deliver(self.app.test_client(), one).status_code for one in chosen]

    def statuses(self, username: str = "karl") -> list[str]:
        """The statuses of all that a user holds or held."""
        query = (
            "SELECT {0}.status FROM {0} JOIN customer ON customer.id = {0}.customer_id "
            'JOIN "user" ON "user".id = customer.user_id WHERE username = :name ORDER BY {0}.id'
        )
        return [
            status
            for table in ("subscription", "purchase")
            for (status,) in rows(self.app, query.format(table), name=username)
        ]

    def stop(self) -> None:
        self.simulator.release()
