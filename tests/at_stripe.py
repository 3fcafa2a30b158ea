"""A site whose Stripe is a real simulator, and the work of its worker done at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.databases import environ_for
from tests.processes import Simulator
from tests.selling import make_plan, open_shop, rows
from tests.stripe_events import deliver, subscription_event

MAPPED = ("active", "past_due", "canceled", "trialing", "paused", "unpaid")


class AtStripe:
    """The site is in this process, with one subscription of Jane's at the simulator, which is not here yet.

    `base` is where the site asks Stripe, if that is not the simulator itself.
    """

    def __init__(self, database_url: str, folder: Path, *options: str, base: str = "") -> None:
        from umstripe import create_app
        from umstripe.database import writing
        from umstripe.jobs import steps
        from umstripe.models import Connection

        self.simulator = Simulator(folder, *options)
        self.simulator.start()
        environ = environ_for(
            database_url, folder / "instance", UMSTRIPE_STRIPE_API_BASE=base or self.simulator.url
        )
        self.app = create_app(environ)
        open_shop(self.app)
        steps.use_app(self.app)
        with self.app.app_context(), writing():
            Connection.of("test").keep_keys("", self.simulator.key())
        self.price = self.simulator.prices()["Basic Plan"]
        make_plan(self.app, self.price, MAPPED)
        made = self.simulator.call("POST", "/customers", email="jane@example.org")
        self.customer = made["id"]
        self.subscription = self.subscribe(self.customer)
        self.link("jane", self.customer)

    def link(self, username: str, customer: str) -> None:
        """The user's customer is this one."""
        from umstripe.database import writing
        from umstripe.models import User

        with self.app.app_context(), writing():
            User.with_username(username).customers[0].stripe_customer_id = customer

    def subscribe(self, customer: str, **values: Any) -> str:
        """A new subscription at Stripe. Gives its id."""
        return self.simulator.do(f"/customers/{customer}/subscribe", price=self.price, **values)["id"]

    def now(self) -> dict:
        return self.simulator.call("GET", f"/subscriptions/{self.subscription}")

    def event(self, status: str, at: int) -> dict:
        return subscription_event(status, at, price=self.price, customer=self.customer, id_=self.subscription)

    def events(self) -> list[dict]:
        """Stripe's list of events, oldest first."""
        return self.simulator.call("GET", "/events", limit=100)["data"][::-1]

    def deliver(self, event: dict) -> Any:
        return deliver(self.app.test_client(), event)

    def status(self, subscription: str = "") -> str:
        query = "SELECT status FROM subscription WHERE stripe_subscription_id = :id"
        found = rows(self.app, query, id=subscription or self.subscription)
        return found[0][0] if found else ""

    def work(self, kind: str, *arguments: Any) -> Any:
        """Do a mode's work in this process, step by step. Gives its job."""
        from umstripe.database import db
        from umstripe.jobs import audit, catch_up
        from umstripe.models import Job

        workflow = {"catch_up": catch_up.catch_up, "audit": audit.audit, "repair": audit.repair}[kind]
        workflow.__wrapped__("test", *arguments)
        with self.app.app_context():
            job = Job.of("test", kind)
            db.session.expunge(job)
            return job

    def differences(self) -> list[tuple[str, str, str]]:
        """Kind, object and effect of what the audit has listed."""
        from umstripe.models import Difference

        with self.app.app_context():
            return [(one.kind, one.stripe_object_id, one.effect) for one in Difference.listed("test")]

    def stop(self) -> None:
        self.simulator.release()
