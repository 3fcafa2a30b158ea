"""Rule 4: the audit finds exactly what differs from Stripe, says what a repair would do, and repairs it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.at_stripe import AtStripe
from tests.people import make_user
from tests.selling import role_for, roles_of, rows
from tests.stripe_events import deliver, subscription_event


@pytest.fixture
def site(database_url, tmp_path):
    world = AtStripe(database_url, tmp_path)
    for event in world.events():
        assert world.deliver(event).status_code == 200
    yield world
    world.stop()


def change(site, query, **values):
    from sqlalchemy import text

    from umstripe.database import write

    with site.app.app_context(), write() as tx:
        tx.execute(text(query), values)


def member(site, name, status="active"):
    """Somebody with a subscription, here as at Stripe. Gives customer and subscription."""
    customer = site.simulator.call("POST", "/customers", email=f"{name}@example.org")["id"]
    make_user(site.app, name, customer=customer)
    subscription = site.subscribe(customer, status=status)
    from umstripe.webhooks import reconcile

    with site.app.app_context():
        reconcile.sync("test", customer)
    return customer, subscription


def test_where_nothing_differs_nothing_is_listed(site):
    job = site.work("audit")
    assert (job.state, job.found, site.differences()) == ("done", 0, [])


def test_a_difference_is_listed_with_its_effect_before_anything_is_changed(site):
    change(site, "UPDATE subscription SET status = 'canceled'")
    job = site.work("audit")
    effect = f"jane gets {role_for('active')} and loses {role_for('canceled')}."
    assert site.differences() == [("subscription", site.subscription, effect)]
    assert (job.found, site.status(), roles_of(site.app, "jane")) == (1, "canceled", [role_for("canceled")])
    said = rows(site.app, "SELECT here, there FROM difference")[0]
    assert said[0].startswith("Canceled, price ") and said[1].startswith("Active, price ")


def test_a_repair_ends_in_stripe_s_truth_and_says_so_in_the_log(site):
    change(site, "UPDATE subscription SET status = 'canceled'")
    site.work("audit")
    job = site.work("repair")
    assert (job.state, job.seen, site.status(), site.differences()) == ("done", 1, "active", [])
    assert rows(site.app, "SELECT count(*) FROM activity WHERE action = 'stripe.synced'") == [(1,)]
    assert site.work("audit").found == 0


def test_a_difference_that_has_gone_by_itself_is_not_listed_any_more(site):
    change(site, "UPDATE subscription SET status = 'canceled'")
    site.work("audit")
    change(site, "UPDATE subscription SET status = 'active'")
    assert site.work("audit").found == 0 and site.differences() == []


def test_a_repair_that_stripe_does_not_allow_keeps_its_reason(site):
    change(site, "UPDATE subscription SET status = 'canceled'")
    site.work("audit")
    site.simulator.do("/faults", kind="500", path="/v1/customers", times=100)
    assert site.work("repair").seen == 0
    assert "Stripe has a problem" in rows(site.app, "SELECT error FROM difference")[0][0]
    site.simulator.mend()
    assert site.work("repair").seen == 1 and site.differences() == []


KINDS = {
    "wrong status": "UPDATE subscription SET status = 'past_due' WHERE stripe_subscription_id = :sub",
    "wrongly ended": "UPDATE subscription SET status = 'canceled' WHERE stripe_subscription_id = :sub",
    "wrong price": "UPDATE subscription SET stripe_price_id = 'price_x' WHERE stripe_subscription_id = :sub",
    "wrong period": "UPDATE subscription SET current_period_end = 1 WHERE stripe_subscription_id = :sub",
    "wrong end": "UPDATE subscription SET cancel_at = 1900000000 WHERE stripe_subscription_id = :sub",
    "lost": "DELETE FROM subscription WHERE stripe_subscription_id = :sub",
    "another's": "UPDATE subscription SET customer_id = (SELECT min(id) FROM customer) WHERE stripe_subscription_id = :sub",
    "gone": "UPDATE subscription SET stripe_subscription_id = 'sub_gone' WHERE stripe_subscription_id = :sub",
    "unlinked": "UPDATE customer SET deleted = true WHERE stripe_customer_id = :cus",
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_difference_is_found_and_repaired(site, kind):
    customer, subscription = member(site, "john")
    before = rows(site.app, TRUTH)
    change(
        site,
        KINDS[kind],
        **{"sub": subscription, "cus": customer} if ":cus" not in KINDS[kind] else {"cus": customer},
    )
    assert site.work("audit").found >= 1
    site.work("repair")
    left = [row for row in rows(site.app, TRUTH) if row[0] != "sub_gone"]
    assert left == before
    assert roles_of(site.app, "john") == [role_for("active")]
    assert site.work("audit").found == 0


TRUTH = """SELECT s.stripe_subscription_id, s.status, s.stripe_price_id, s.current_period_end, s.cancel_at,
    s.ended_at, c.stripe_customer_id, c.deleted FROM subscription s JOIN customer c ON c.id = s.customer_id ORDER BY 1"""


def test_a_customer_who_is_gone_at_stripe_is_unlinked(site):
    customer, subscription = member(site, "john")
    site.simulator.do(f"/customers/{customer}/delete")
    job = site.work("audit")
    assert {one[1] for one in site.differences()} == {customer} and job.found == 1
    site.work("repair")
    assert site.status(subscription) == "canceled" and roles_of(site.app, "john") == [role_for("canceled")]


def test_customers_and_subscriptions_of_others_are_left_alone(site):
    stranger = site.simulator.call("POST", "/customers", email="x@example.org")["id"]
    site.subscribe(stranger)
    before = rows(site.app, "SELECT count(*) FROM subscription")
    assert site.work("audit", True).found == 0
    assert rows(site.app, "SELECT count(*) FROM subscription") == before


def test_the_live_key_of_another_account_ends_nobody_s_membership(site):
    """That account knows none of our customers, and would say “deleted” of every one."""
    from umstripe.database import writing
    from umstripe.jobs import audit
    from umstripe.models import Connection

    change(site, "UPDATE customer SET mode = 'live'")
    change(site, "UPDATE subscription SET mode = 'live'")
    change(site, "UPDATE price SET mode = 'live'")
    with site.app.app_context(), writing():
        Connection.of("live").keep_keys("", site.simulator.key("live"))
    for _ in range(2):
        audit.audit.__wrapped__("live", True)
        assert rows(site.app, "SELECT status FROM subscription") == [("active",)]
        assert rows(site.app, "SELECT deleted FROM customer") == [(0,)]
    assert roles_of(site.app, "jane") == [role_for("active")]
    ((kind, error),) = rows(site.app, "SELECT kind, error FROM difference WHERE mode = 'live'")
    assert kind == "customer" and "keys of another account?" in error
    assert rows(site.app, "SELECT state, found FROM job WHERE kind = 'audit' AND mode = 'live'") == [
        ("done", 1)
    ]


def test_the_audit_waits_for_nobody_s_delivery(site):
    """A delivery holds its customer, then wants its subscription. The other way round both would wait for ever."""
    from umstripe.database import write
    from umstripe.jobs import audit
    from umstripe.models import Customer
    from umstripe.stripe_api.calls import Page

    if site.app.config["SQLALCHEMY_DATABASE_URI"].startswith("sqlite"):
        pytest.skip("SQLite has one writer at a time")

    def look():
        with site.app.app_context(), write() as tx:
            return audit._compare_subscriptions(tx, "test", Page([site.now()], False, 1), 7)

    with ThreadPoolExecutor(1) as thread, site.app.app_context(), write() as tx:
        Customer.get_for_update(tx, "test", site.customer)
        assert thread.submit(look).result(timeout=10) == []


def linked_later(site, number):
    """Somebody's customer whose link is not here yet, and whose subscriptions' events came as foreign ones, two of a
    second each. Gives customer and subscriptions."""
    from umstripe.models import Settings

    make_user(site.app, "john", customer="cus_of_another_time")
    with site.app.app_context():
        instance = Settings.get().instance_id
    public_id = rows(site.app, "SELECT public_id FROM \"user\" WHERE username = 'john'")[0][0]
    metadata = {"metadata[umstripe_user]": public_id, "metadata[umstripe_instance]": instance}
    customer = site.simulator.call("POST", "/customers", **metadata)["id"]
    subscriptions = [site.subscribe(customer) for _ in range(number)]
    for one in subscriptions:
        for status in ("incomplete", "active"):
            made = {"price": site.price, "customer": customer, "id_": one}
            said = deliver(site.app.test_client(), subscription_event(status, 1_700_000_000, **made))
            assert said.json == {"result": "foreign"}
    return customer, subscriptions


def test_a_link_is_repaired_though_what_came_before_it_is_of_one_second(site):
    _, subscriptions = linked_later(site, 6)
    site.work("audit")
    site.work("repair")
    assert site.differences() == []
    assert {site.status(one) for one in subscriptions} == {"active"}


def test_a_link_asks_about_everything_that_came_before_it(site):
    customer, subscriptions = linked_later(site, 6)
    made = next(one for one in site.events() if one["data"]["object"]["id"] == customer)
    assert site.deliver(made).json == {"result": "processed"}
    assert {site.status(one) for one in subscriptions} == {"active"}
