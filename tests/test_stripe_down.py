"""Stripe is down for the whole time: what needs no answer of Stripe's is applied, the rest later; pages stay fast."""

from __future__ import annotations

import time

import pytest

from tests.at_stripe import AtStripe
from tests.people import Browserless, make_administrator
from tests.selling import role_for, roles_of, rows
from tests.stripe_events import SECRETS

PAGES = {
    "admin": ["/admin/", "/admin/users/", "/admin/health/", "/admin/deliveries/", "/admin/settings/stripe"],
    "jane": ["/account", "/account/billing"],
}
FAST_SECONDS = 5.0
PATIENCE_SECONDS = 10 + 5
"""One time-out of a call to Stripe, and a little for the page itself."""


@pytest.fixture
def site(database_url, tmp_path):
    world = AtStripe(database_url, tmp_path)
    make_administrator(world.app)
    connect(world)
    yield world
    world.simulator.mend()
    world.stop()


def connect(site):
    """As an administrator does; but the tests bring the deliveries themselves."""
    from umstripe import webhooks
    from umstripe.database import writing
    from umstripe.models import Connection

    keys = {"publishable": site.simulator.key("test", "publishable"), "secret": site.simulator.key()}
    with site.app.app_context():
        Connection.of("test").connect("http://127.0.0.1:9", webhooks.HANDLERS, **keys)
        with writing():
            Connection.of("test").endpoint_secret = SECRETS["test"]


def person(site, username):
    one = Browserless(site.app.test_client())
    one.log_in(username)
    return one


@pytest.mark.parametrize("kind", ["500", "429", "drop"])
def test_what_needs_no_fetch_is_applied_and_the_rest_later(site, kind):
    now = int(time.time())
    site.simulator.do("/outage", kind=kind)
    assert site.deliver(site.event("active", now - 100)).json["result"] == "processed"
    assert site.deliver(site.event("past_due", now - 50)).json["result"] == "processed"
    assert roles_of(site.app, "jane") == [role_for("past_due")]
    unclear = site.event("unpaid", now - 50)
    assert site.deliver(unclear).status_code == 500
    assert site.status() == "past_due", "nobody guesses"
    assert rows(site.app, "SELECT result, tries FROM delivery WHERE error <> ''") == [("failed", 1)]
    site.simulator.mend()
    assert site.deliver(unclear).json["result"] == "processed"
    assert site.status() == "active", "as it is at Stripe"
    assert rows(site.app, "SELECT count(*) FROM delivery WHERE result = 'failed'") == [(0,)]


def test_what_failed_is_applied_by_catch_up_when_stripe_sends_it_no_more(site):
    now = int(time.time())
    site.simulator.do("/outage")
    site.deliver(site.event("past_due", now - 50))
    assert site.deliver(site.event("unpaid", now - 50)).status_code == 500
    site.simulator.mend()
    assert site.work("catch_up").state == "done"
    assert site.status() == "active"
    assert rows(site.app, "SELECT count(*) FROM delivery WHERE result = 'failed'") == [(0,)]


@pytest.mark.one_database
@pytest.mark.parametrize("kind", ["500", "hang"])
def test_pages_are_as_fast_as_ever(site, kind):
    site.simulator.do("/outage", kind=kind, seconds=60)
    for username, pages in PAGES.items():
        began = time.monotonic()
        one = person(site, username)
        assert time.monotonic() - began < FAST_SECONDS, "logging in"
        for page in pages:
            began = time.monotonic()
            assert one.get(page).text
            assert time.monotonic() - began < FAST_SECONDS, page


def sync(site, admin):
    user = rows(site.app, "SELECT id FROM \"user\" WHERE username = 'jane'")[0][0]
    return admin.press(f"/admin/users/{user}", f"/admin/users/{user}/sync")


def look(_site, admin):
    return admin.press("/admin/health/", "/admin/health/test/refresh")


ASKING = {
    "sync": (sync, "Stripe did not answer within 10 seconds."),
    "look": (look, "Stripe did not answer within 10 seconds."),
}


@pytest.mark.one_database
@pytest.mark.parametrize("what", ASKING)
def test_who_must_ask_stripe_waits_for_one_time_out_and_reads_why(site, what):
    press, sentence = ASKING[what]
    admin = person(site, "admin")
    site.simulator.do("/outage", kind="hang", seconds=60)
    began = time.monotonic()
    assert sentence in press(site, admin).text
    assert time.monotonic() - began < PATIENCE_SECONDS


def test_failed_ones_are_tried_until_stripe_has_no_answer(site):
    """Five that must be asked about would be five time-outs; and the next time another one comes first."""
    now = int(time.time())
    site.deliver(site.event("past_due", now))
    site.simulator.do("/outage")
    for _ in range(5):
        assert site.deliver(site.event("unpaid", now)).status_code == 500
    site.simulator.mend()
    site.simulator.do("/outage", kind="hang", seconds=60)
    admin, began = person(site, "admin"), time.monotonic()
    assert (
        "0 of 5 were applied. 5 fail still."
        in admin.press("/admin/health/", "/admin/health/test/process").text
    )
    assert time.monotonic() - began < PATIENCE_SECONDS
    assert rows(
        site.app, "SELECT tries, count(*) FROM delivery WHERE result = 'failed' GROUP BY 1 ORDER BY 1"
    ) == [(1, 4), (2, 1)]
    site.simulator.mend()
    assert "5 of 5 were applied." in admin.press("/admin/health/", "/admin/health/test/process").text
