"""A site with members whose lives at Stripe are one storm of deliveries."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from tests import forks
from tests.databases import environ_for
from tests.processes import Simulator, Site, Worker, umstripe, wait_until
from tests.selling import rows

RETRY_GAPS = "0.3,0.5,1,1,2,2,3,3,5,5,5,5,10,10"
OURS = """SELECT stripe_subscription_id, stripe_customer_id, status, stripe_price_id, current_period_end, cancel_at
    FROM subscription JOIN customer ON customer.id = customer_id"""


class Storm:
    """Simulator, site and worker as processes; the application in this process looks at the same database."""

    def __init__(self, database_url: str, folder: Path) -> None:
        from umstripe import create_app

        self.simulator = Simulator(folder, "--retry-gaps", RETRY_GAPS)
        self.simulator.start()
        environ = environ_for(database_url, folder / "instance", UMSTRIPE_STRIPE_API_BASE=self.simulator.url)
        self.environ, self.app = environ, create_app(environ)
        self.site, self.worker = Site(environ, folder, WEB_CONCURRENCY="2"), Worker(environ, folder)
        names = self.simulator.prices()
        self.prices = [names["Basic Plan"], names["Standard Plan"]]

    def join(self, members: int) -> None:
        """So many members, who are customers already."""
        self.customers = self.simulator.do("/crowd", customers=members)["customers"]
        self._write_members()

    def connect(self, members: int) -> None:
        """As an administrator does, with so many members; then everything runs."""
        from umstripe import webhooks
        from umstripe.models import Connection

        self.join(members)
        keys = {"publishable": self.simulator.key("test", "publishable"), "secret": self.simulator.key()}
        with self.app.app_context():
            Connection.of("test").connect(self.site.url, webhooks.HANDLERS, **keys)
            assert Connection.of("test").endpoint_problem == ""
        self.site.start()
        self.worker.start()

    def _write_members(self) -> None:
        from umstripe.database import write
        from umstripe.models import Customer, User

        people, links = [], []
        for number, customer in enumerate(self.customers, 1):
            people.append(
                {"id": number, "username": f"member{number}", "email": f"member{number}@example.org"}
            )
            links.append(
                {"user_id": number, "mode": "test", "stripe_customer_id": customer, "deleted": False}
            )
        with self.app.app_context(), write() as tx:
            tx.execute(insert(User), people)
            tx.execute(insert(Customer), links)

    def live(self, rounds: int, seed: int, gap: int = 3, silent: bool = False) -> None:
        """So many turns in each member's life, all at once; silent ones make no events."""
        values = {"customers": self.customers, "prices": self.prices, "rounds": rounds, "silent": silent}
        self.simulator.do("/crowd", **values, seed=seed, gap=gap)

    def waiting(self) -> int:
        """How many deliveries are not at their end."""
        return self.simulator.tell("/state")["modes"]["test"]["waiting_deliveries"]

    def strike(self, dice: random.Random) -> str:
        """Kill the site or the worker or both at a random moment, and start them again. Gives what died."""
        time.sleep(dice.uniform(0.05, 0.6))
        assert self.waiting(), "the storm was over too early"
        dying = dice.choice([[self.site], [self.worker], [self.site, self.worker]])
        for process in dying:
            process.kill()
        for process in dying:
            process.begin()
        self.site.wait_for_answer(f"{self.site.url}/readyz")
        return " and ".join(process.name for process in dying)

    def settle(self) -> None:
        """Until nothing is on its way and everything is caught up with."""
        wait_until(lambda: not self.waiting(), "the simulator has delivered everything", 120)
        self.command("catch-up", "test")

    def command(self, *arguments: str) -> str:
        """What an operator's command says. Raises AssertionError when it fails."""
        done = forks.run(umstripe(*arguments), self.environ, 120)
        assert done.returncode == 0, done.stdout + done.stderr + self.worker.log()[-2000:]
        return done.stdout

    def ours(self) -> list[tuple]:
        """Our subscriptions, as Stripe has them."""
        return sorted(rows(self.app, OURS))

    def truth(self) -> list[tuple]:
        """Stripe's subscriptions."""
        from umstripe.models.subscription import status_of

        found = []
        for one in self._every("/subscriptions", status="all"):
            item = one["items"]["data"][0]
            end = item["current_period_end"]
            found.append(
                (one["id"], one["customer"], status_of(one), item["price"]["id"], end, one["cancel_at"])
            )
        return sorted(found)

    def events(self) -> list[dict]:
        """Every event at Stripe that the site asked for."""
        from umstripe.webhooks import HANDLERS

        return [one for one in self._every("/events") if one["type"] in HANDLERS]

    def _every(self, path: str, **params: Any) -> list[dict]:
        found: list[dict] = []
        while True:
            after = {"starting_after": found[-1]["id"]} if found else {}
            page = self.simulator.call("GET", path, limit=100, **params, **after)
            found += page["data"]
            if not page["has_more"]:
                return found

    def stop(self) -> None:
        from umstripe.database import db

        for process in (self.site, self.worker, self.simulator):
            process.stop()
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()
