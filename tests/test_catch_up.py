"""Rule 4: events that no delivery brought are read from Stripe's list and applied."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from tests.at_stripe import AtStripe
from tests.people import make_user
from tests.selling import role_for, roles_of, rows


@pytest.fixture
def site(database_url, tmp_path):
    world = AtStripe(database_url, tmp_path)
    yield world
    world.stop()


def connected(site, seconds_ago: int = 3600):
    set_connection(site, events_read_until=int(time.time()) - seconds_ago)


def set_connection(site, **values):
    from umstripe.database import writing
    from umstripe.models import Connection

    with site.app.app_context(), writing():
        for name, value in values.items():
            setattr(Connection.of("test"), name, value)


def keep_keys(site, secret):
    from umstripe.database import writing
    from umstripe.models import Connection

    with site.app.app_context(), writing():
        Connection.of("test").keep_keys("", secret)


def execute(site, query):
    from sqlalchemy import text

    from umstripe.database import write

    with site.app.app_context(), write() as tx:
        tx.execute(text(query))


def read_until(site):
    return rows(site.app, "SELECT events_read_until FROM connection WHERE mode = 'test'")[0][0]


def test_what_was_never_delivered_is_brought(site):
    connected(site)
    site.simulator.do(f"/subscriptions/{site.subscription}/fail")
    job = site.work("catch_up")
    assert (job.state, site.status()) == ("done", "past_due") and job.found >= 2
    assert roles_of(site.app, "jane") == [role_for("past_due")]
    assert {row[0] for row in rows(site.app, "SELECT arrived FROM delivery")} <= {0}
    assert abs(read_until(site) - time.time()) < 5


def test_what_is_here_already_is_not_applied_again(site):
    connected(site)
    assert site.work("catch_up").found > 0
    before = rows(site.app, "SELECT * FROM subscription"), rows(site.app, "SELECT * FROM delivery")
    job = site.work("catch_up")
    assert job.found == 0 and job.seen > 0
    assert (rows(site.app, "SELECT * FROM subscription"), rows(site.app, "SELECT * FROM delivery")) == before


def test_a_delivery_that_comes_after_all_is_known_and_counts_as_arrived(site):
    connected(site)
    site.work("catch_up")
    made = site.events()[-1]
    assert site.deliver(made).json == {"result": "repeated"}
    query = "SELECT arrived, tries FROM delivery WHERE stripe_event_id = :id"
    assert rows(site.app, query, id=made["id"]) == [(1, 1)]


def test_one_event_that_cannot_be_applied_stops_nobody_else_and_is_tried_again(site):
    connected(site)
    site.deliver(site.event("trialing", int(time.time())))
    site.simulator.do(f"/subscriptions/{site.subscription}/pause")
    site.simulator.do("/faults", kind="500", path="/v1/subscriptions", times=100)
    assert site.work("catch_up").state == "done"
    assert rows(site.app, "SELECT count(*) FROM delivery WHERE result = 'failed'")[0][0] > 0
    site.simulator.mend()
    site.work("catch_up")
    assert rows(site.app, "SELECT count(*) FROM delivery WHERE result = 'failed'") == [(0,)]
    assert site.status() == "paused"


def test_beyond_30_days_an_audit_does_the_rest(site, monkeypatch):
    connected(site, 31 * 24 * 3600)
    asked = queued(monkeypatch)
    assert site.work("catch_up").state == "done"
    assert asked == [("test", "audit", True)]


def test_a_key_that_may_not_read_events_is_told_and_an_audit_does_it_instead(site, monkeypatch):
    connected(site)
    rights = ["rak_customer_write", "rak_subscription_read", "rak_price_read"]
    key = site.simulator.do("/keys", rights=rights, mode="test")["key"]
    set_connection(site, secret_key=key)
    asked = queued(monkeypatch)
    job = site.work("catch_up")
    assert job.state == "failed" and "Events: Read" in job.error
    assert asked == [("test", "audit", True)]
    assert site.work("audit", True).state == "done"
    assert site.status() == "active"


def queued(monkeypatch):
    """What is put in the queue, which only a running worker takes from."""
    from umstripe.jobs import catch_up

    asked: list[tuple] = []
    monkeypatch.setattr(catch_up, "enqueue", lambda *arguments: asked.append(arguments))
    return asked


def test_events_of_a_customer_who_was_not_known_are_applied_once_the_link_is(site):
    """As after a restore from last night: the subscription's events come before the customer's."""
    from umstripe.models.settings import Settings

    connected(site)
    make_user(site.app, "john", customer="cus_of_another_time")
    with site.app.app_context():
        instance = Settings.get().instance_id
    public_id = rows(site.app, "SELECT public_id FROM \"user\" WHERE username = 'john'")[0][0]
    metadata = {"metadata[umstripe_user]": public_id, "metadata[umstripe_instance]": instance}
    customer = site.simulator.call("POST", "/customers", **metadata)["id"]
    subscription = site.subscribe(customer)
    site.work("catch_up")
    assert site.status(subscription) == "active"
    assert roles_of(site.app, "john") == [role_for("active")]


def test_a_failed_page_is_tried_again_by_the_next_run_from_the_same_mark(site):
    connected(site)
    before = read_until(site)
    site.simulator.do("/faults", kind="429", path="/v1/events", times=100)
    job = site.work("catch_up")
    assert job.state == "failed" and "slow down" in job.error and read_until(site) == before
    site.simulator.mend()
    site.work("catch_up")
    assert site.status() == "active"


def test_what_failed_is_no_lost_delivery_once_it_has_come(site):
    """Catch-up found it first and could not apply it; then Stripe delivered it, in vain too."""
    connected(site)
    site.deliver(site.event("trialing", int(time.time())))
    site.simulator.do("/faults", kind="500", path="/v1/subscriptions", times=100)
    site.work("catch_up")
    lost = "SELECT stripe_event_id FROM delivery WHERE result = 'failed' AND arrived = false"
    (failed,) = rows(site.app, lost)[0]
    made = next(event for event in site.events() if event["id"] == failed)
    assert site.deliver(made).status_code == 500
    assert (failed,) not in rows(site.app, lost)


def test_what_catch_up_found_is_no_delivery_on_the_health_page(site):
    from umstripe.models import Delivery

    connected(site)
    assert site.work("catch_up").found > 0
    with site.app.app_context():
        assert Delivery.last("test") is None and Delivery.by_type("test", timedelta(days=1)) == []
    made = site.events()[0]
    site.deliver(made)
    with site.app.app_context():
        assert Delivery.last("test").stripe_event_id == made["id"]


def test_new_keys_or_a_new_connection_read_the_whole_list_and_compare(site, monkeypatch):
    """Other keys may be another account's, and nothing was delivered while there was no connection."""
    connected(site, 5)
    subscription = site.subscribe(site.customer)
    asked = queued(monkeypatch)
    set_connection(site, secret_key="sk_test_of_another_account")
    keep_keys(site, site.simulator.key())
    assert site.work("catch_up").state == "done"
    assert asked == [("test", "audit", True)] and site.status(subscription) == "active"
    assert site.work("catch_up").found == 0 and len(asked) == 1, "the next time is as ever"


def test_a_new_site_begins_where_it_is_connected(site, monkeypatch):
    from umstripe import webhooks
    from umstripe.models import Connection

    execute(site, "DELETE FROM customer")
    keys = {"publishable": site.simulator.key("test", "publishable"), "secret": site.simulator.key()}
    with site.app.app_context():
        Connection.of("test").connect("http://127.0.0.1:9", webhooks.HANDLERS, **keys)
    asked = queued(monkeypatch)
    assert abs(read_until(site) - time.time()) < 30
    assert site.work("catch_up").state == "done" and asked == []
