"""Rule 4 on many members, a thousand with `make test-thorough`: thirteen differences of different kinds are found, exactly these, and repaired."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from tests import forks
from tests.at_stripe import MAPPED, AtStripe
from tests.databases import environ_for
from tests.processes import Worker, umstripe, wait_until
from tests.sampling import THOROUGH
from tests.selling import make_plan, rows

MEMBERS, FEW, AT_ONCE = 1000 if THOROUGH else 400, 100, 100
"""So many that Stripe's lists have several pages."""
STATUSES = ("active", "active", "active", "trialing", "past_due", "canceled", "paused")


@pytest.fixture
def crowd(request, database_url, tmp_path):
    one = Crowd(database_url, tmp_path, getattr(request, "param", MEMBERS))
    yield one
    one.site.stop()


class Crowd:
    """Many members, here as at Stripe. Member `n` is called `member<n>`."""

    def __init__(self, database_url, folder, size) -> None:
        self.site = AtStripe(database_url, folder)
        self.folder, self.database_url, self.size = folder, database_url, size
        self.site.deliver(self.site.event("active", 1))
        self.app = self.site.app
        self.other = self.site.simulator.prices()["Standard Plan"]
        make_plan(self.app, self.other, MAPPED)
        self.customers, self.subscriptions = {}, {}
        self.begin_like_stripe()
        for start in range(0, size, AT_ONCE):
            self.come(range(start, start + AT_ONCE))

    def begin_like_stripe(self) -> None:
        from umstripe.webhooks import reconcile

        with self.app.app_context():
            reconcile.sync("test", self.site.customer)

    def come(self, numbers) -> None:
        from umstripe.database import write
        from umstripe.models import Customer, Settings, Subscription, User
        from umstripe.models.snapshot import Snapshot

        with self.app.app_context():
            instance = Settings.get().instance_id
        with self.app.app_context(), write() as tx:
            new = [
                {"username": f"member{n}", "email": f"member{n}@example.org", "public_id": f"u{n}"}
                for n in numbers
            ]
            tx.execute(User.__table__.insert(), new)
            turns = [turn for n in numbers for turn in self.turns(n, instance)]
            told = self.site.simulator.do("/script", turns=turns, types=["account.updated"])
            objects = {name: one for turn in told["turns"] for name, one in turn["objects"].items()}
            for n in numbers:
                self.customers[n], self.subscriptions[n] = told["names"][f"c{n}"], told["names"][f"s{n}"]
                Customer.link(tx, "test", self.customers[n], f"u{n}")
                Subscription.sync_from_stripe(
                    tx, Snapshot("test", objects[self.subscriptions[n]], told["turns"][-1]["to"])
                )

    def turns(self, n, instance):
        said = {"umstripe_user": f"u{n}", "umstripe_instance": instance}
        yield {"do": "customer", "as": f"c{n}", "metadata": said}
        status = STATUSES[n % len(STATUSES)]
        yield {"do": "subscribe", "on": f"c{n}", "as": f"s{n}", "status": status, "price": self.site.price}

    def change(self, query, n, **more) -> None:
        from umstripe.database import write

        with self.app.app_context(), write() as tx:
            ids = {"sub": self.subscriptions[n], "cus": self.customers[n], "username": f"member{n}", **more}
            tx.execute(text(query), {name: ids[name] for name in ids if f":{name}" in query})

    def plant(self) -> dict[str, int]:
        """One difference of each kind, each with another member. Gives the members by kind."""
        active = self.size // FEW * len(STATUSES)
        planted = {kind: active * place for place, kind in enumerate([*HERE, *THERE], 1)}
        for kind, n in planted.items():
            for query in HERE.get(kind, ()):
                self.change(query, n)
        self.site.simulator.do(f"/customers/{self.customers[planted['deleted at Stripe']]}/delete")
        self.site.simulator.do(
            f"/subscriptions/{self.subscriptions[planted['switched at Stripe']]}/switch", price=self.other
        )
        return planted

    def truth(self):
        return rows(self.app, TRUTH)

    def queued_work(self):
        environ = environ_for(self.database_url, self.folder / "instance")
        return {**environ, "UMSTRIPE_STRIPE_API_BASE": self.site.simulator.url}


SET = "UPDATE subscription SET {} WHERE stripe_subscription_id = :sub"
HERE = {
    "wrong status": [SET.format("status = 'past_due'")],
    "wrongly ended": [SET.format("status = 'canceled', ended_at = 1")],
    "wrong price": [SET.format("stripe_price_id = 'price_x'")],
    "wrong period": [SET.format("current_period_end = current_period_end + 1")],
    "wrong end": [SET.format("cancel_at = 1900000000")],
    "wrong trial": [SET.format("trial_end = 1900000000")],
    "wrong way of paying": [SET.format("collection_method = 'send_invoice'")],
    "lost": ["DELETE FROM subscription WHERE stripe_subscription_id = :sub"],
    "another's": [SET.format("customer_id = (SELECT min(id) FROM customer)")],
    "unlinked": ["UPDATE customer SET deleted = true WHERE stripe_customer_id = :cus"],
    "linked to another": [
        """UPDATE customer SET user_id = (SELECT id FROM "user" WHERE username = 'jane') WHERE stripe_customer_id = :cus"""
    ],
}
THERE = ("deleted at Stripe", "switched at Stripe")
TRUTH = """SELECT s.stripe_subscription_id, s.status, s.stripe_price_id, s.current_period_end, s.cancel_at, s.ended_at,
    s.trial_end, s.collection_method, c.stripe_customer_id, c.deleted, c.user_id
    FROM subscription s JOIN customer c ON c.id = s.customer_id ORDER BY 1"""


def test_exactly_the_13_planted_differences_are_found_and_a_repair_leaves_none(crowd):
    first = crowd.site.work("audit")
    assert first.found == 0
    before = crowd.truth()
    planted = crowd.plant()
    assert len(planted) == 13
    job = crowd.site.work("audit")
    found = rows(crowd.app, "SELECT stripe_customer_id FROM difference")
    missing = {kind for kind, n in planted.items() if (crowd.customers[n],) not in found}
    assert not missing
    assert sorted(found) == sorted((crowd.customers[n],) for n in planted.values())
    assert (job.found, job.seen) == (13, first.seen - 1), "the deleted customer is in no list"
    assert all(here != there for here, there in rows(crowd.app, "SELECT here, there FROM difference"))
    assert crowd.site.work("repair").seen == 13
    changed = {row[0] for row in set(crowd.truth()) ^ set(before)}
    assert changed == {crowd.subscriptions[planted[kind]] for kind in THERE}
    assert crowd.site.work("audit").found == 0 and crowd.site.differences() == []


def test_an_audit_whose_worker_is_killed_goes_on_where_it_was(crowd):
    planted = crowd.plant()
    worker = Worker(crowd.queued_work(), crowd.folder)
    count_calls(crowd)
    crowd.site.simulator.do("/faults", kind="hang", path="/v1/customers", times=CALLS, seconds=1)
    worker.start()
    try:
        begin(crowd)
        wait_until(
            lambda: job(crowd)[1] >= MEMBERS + 100, "all subscriptions and some customers are compared"
        )
        worker.kill()
        assert job(crowd)[0] == "running" and job(crowd)[1] < 2 * MEMBERS
        count_calls(crowd)
        worker.start()
        wait_until(lambda: job(crowd)[0] == "done", "the audit has ended", 60)
        faults = crowd.site.simulator.tell("/faults")["faults"]
    finally:
        worker.stop()
    fault = next(one for one in faults if one["path"] == "/v1/subscriptions")
    whole = MEMBERS / 100 + len(planted)
    assert CALLS - fault["times"] < whole, "the subscriptions' pages are not read again"
    assert job(crowd)[1] > 2 * MEMBERS
    found = rows(crowd.app, "SELECT DISTINCT stripe_customer_id FROM difference")
    assert sorted(found) == sorted((crowd.customers[n],) for n in planted.values())
    assert rows(crowd.app, "SELECT count(*) FROM activity WHERE action = 'stripe.audited'") == [(1,)]


CALLS = 100_000


def count_calls(crowd):
    """A fault that does no harm: what is left of its times says how many calls about subscriptions there were."""
    crowd.site.simulator.mend()
    crowd.site.simulator.do("/faults", kind="hang", path="/v1/subscriptions", times=CALLS, seconds=0)


def begin(crowd):
    from umstripe import jobs

    with crowd.app.app_context():
        jobs.enqueue("test", "audit")


def job(crowd):
    """The audit's state, and how many it has read."""
    return rows(crowd.app, "SELECT state, seen FROM job WHERE mode = 'test' AND kind = 'audit'")[0]


@pytest.mark.parametrize("crowd", [FEW], indirect=True)
def test_the_command_compares_says_what_differs_and_repairs(crowd):
    planted = crowd.plant()
    worker = Worker(crowd.queued_work(), crowd.folder)
    worker.start()
    try:
        listed = command(crowd, "audit", "test")
        assert listed.returncode == 1
        assert "subscriptions and customers were compared with Stripe: 13 differences." in listed.stdout
        lines = {line.partition(":")[0]: line for line in listed.stdout.splitlines()[1:]}
        wrong = lines[crowd.subscriptions[planted["wrong status"]]]
        n = planted["wrong status"]
        assert "Past Due, price" in wrong and f"member{n} gets" in wrong
        repaired = command(crowd, "audit", "test", "--repair")
        assert repaired.returncode == 0 and "13 differences were repaired." in repaired.stdout, (
            repaired.stdout
        )
        assert command(crowd, "audit", "test").returncode == 0
    finally:
        worker.stop()


def command(crowd, *arguments):
    return forks.run(umstripe(*arguments), crowd.queued_work(), 120)
