"""An administrator sees trouble before a member does: the health page, the doctor, the mail, the buttons."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import pytest

from tests import forks
from tests.at_stripe import AtStripe
from tests.people import Browserless, make_administrator
from tests.processes import umstripe
from tests.selling import rows
from tests.stripe_events import SECRETS, body_of, signature
from umstripe.database import now

HEALTH = "/admin/health/"
HOST = "members.example.org"


@pytest.fixture
def site(database_url, tmp_path):
    world = AtStripe(database_url, tmp_path, "--resolve", f"{HOST}=http://127.0.0.1:9")
    yield world
    world.stop()


@pytest.fixture
def admin(site):
    """Somebody who has connected the site as it is reached from outside."""
    from umstripe import webhooks
    from umstripe.models import Connection

    make_administrator(site.app)
    site.app.config["SITE_URL"] = f"https://{HOST}"
    with site.app.app_context():
        keys = {"publishable": site.simulator.key("test", "publishable"), "secret": site.simulator.key()}
        Connection.of("test").connect(f"https://{HOST}", webhooks.HANDLERS, **keys)
        assert Connection.of("test").endpoint_problem == ""
    person = Browserless(site.app.test_client())
    person.log_in("admin")
    return person


def endpoint(site):
    return site.simulator.call("GET", "/webhook_endpoints")["data"][0]


def press(admin, what):
    return admin.press(HEALTH, f"{HEALTH}test/{what}")


def execute(site, query, **values):
    from sqlalchemy import text

    from umstripe.database import write

    with site.app.app_context(), write() as tx:
        tx.execute(text(query), values)


def test_a_healthy_endpoint_is_said_to_be_so(site, admin):
    assert "As it should be at Stripe" in press(admin, "refresh").text


WRONG = {
    "disabled": ({"disabled": "true"}, "is disabled at Stripe"),
    "address": (
        {"url": f"https://{HOST}/elsewhere"},
        "but this site is at https://members.example.org/webhooks",
    ),
    "events": ({"enabled_events[]": "price.updated"}, "does not send charge.captured"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_with_the_endpoint_is_said_and_mended_by_a_click(site, admin, wrong):
    changed, said = WRONG[wrong]
    site.simulator.call("POST", f"/webhook_endpoints/{endpoint(site)['id']}", **changed)
    assert said in press(admin, "refresh").text
    page = press(admin, "mend")
    assert "The webhook endpoint is as it should be." in page.text and said not in page.text
    assert endpoint(site)["status"] == "enabled" and endpoint(site)["url"].endswith("/webhooks/stripe/test")


def test_an_endpoint_that_is_gone_is_made_again(site, admin):
    before = endpoint(site)["id"]
    site.simulator.call("DELETE", f"/webhook_endpoints/{before}")
    assert "does not exist at Stripe any more" in press(admin, "refresh").text
    assert "does not exist" not in press(admin, "mend").text
    assert endpoint(site)["id"] != before


def test_when_stripe_is_down_the_page_is_there_and_says_so(site, admin):
    site.simulator.do("/faults", kind="500", path="/v1/", times=100)
    assert "Stripe could not be asked about the webhook endpoint" in press(admin, "refresh").text
    began = time.monotonic()
    admin.get(HEALTH)
    assert time.monotonic() - began < 5


REFUSALS = {
    "no signature": ({}, "{}"),
    "wrong secret": ({"secret": "whsec_of_somebody_else"}, None),
    "too old": ({"at": -1000}, None),
    "other mode": ({"livemode": True}, None),
    "unreadable": ({}, "[]"),
}


def refuse(site, reason):
    """Send a delivery that is turned away for a reason."""
    given, body = REFUSALS[reason]
    event = {**site.events()[0], "livemode": given.get("livemode", False)}
    sent = (body or body_of(event).decode()).encode() if isinstance(body, str) else body_of(event)
    at = int(time.time()) + given.get("at", 0)
    headers = {"Stripe-Signature": signature(sent, given.get("secret", SECRETS["test"]), at=at)}
    headers = {} if reason == "no signature" else headers
    return site.app.test_client().post("/webhooks/stripe/test", data=sent, headers=headers)


@pytest.mark.one_database
@pytest.mark.parametrize("reason", REFUSALS)
def test_every_reason_of_refusal_is_on_the_page_with_what_to_do(site, admin, reason):
    execute(site, "UPDATE connection SET endpoint_secret = NULL")
    secret(site, SECRETS["test"])
    assert f"Refused: {reason}" not in admin.get(HEALTH).text
    assert refuse(site, reason).status_code == 400
    text = admin.get(HEALTH).text
    assert f"Refused: {reason}" in text and "1 in all, the last" in text


def test_without_a_signing_secret_the_page_says_that_too(site, admin):
    secret(site, None)
    assert refuse(site, "no signature").status_code == 400
    assert "Refused: no signing secret here" in admin.get(HEALTH).text


def secret(site, value):
    from umstripe.database import writing
    from umstripe.models import Connection

    with site.app.app_context(), writing():
        Connection.of("test").endpoint_secret = value
    site.app.extensions.pop("signing_secrets", None)


def test_failed_deliveries_are_shown_and_processed_by_a_click(site, admin):
    secret(site, SECRETS["test"])
    site.deliver(site.event("trialing", int(time.time())))
    site.simulator.do("/faults", kind="500", path="/v1/subscriptions", times=100)
    assert site.deliver(site.event("past_due", int(time.time()))).status_code == 500
    assert "1 deliveries failed and wait" in admin.get(HEALTH).text
    assert "0 of 1 were applied. 1 fail still." in press(admin, "process").text
    site.simulator.mend()
    page = press(admin, "process")
    assert "1 of 1 were applied." in page.text and "deliveries failed and wait" not in page.text
    assert site.status() == "active"


def test_silence_is_on_the_page_and_mailed_once_a_day(site, admin, tmp_path):
    site.work("catch_up")
    execute(site, "UPDATE delivery SET created = created - 1000")
    for _ in range(2):
        site.work("catch_up")
    assert "no delivery brought them" in admin.get(HEALTH).text
    (one,) = rows(site.app, "SELECT kind, address, state FROM mail")
    assert one == ("health", "admin@example.org", "queued")


def test_silence_is_mailed_again_on_the_next_day_and_no_more_when_it_is_over(site, admin):
    site.work("catch_up")
    execute(site, "UPDATE delivery SET created = created - 1000")
    site.work("catch_up")
    yesterday = (now() - timedelta(hours=25)).replace(tzinfo=None)
    execute(site, "UPDATE connection SET silence_told_at = :at", at=yesterday)
    execute(site, "UPDATE mail SET about = 'yesterday'")
    site.work("catch_up")
    assert rows(site.app, "SELECT count(*) FROM mail WHERE kind = 'health'") == [(2,)]
    execute(site, "UPDATE connection SET silence_told_at = :at", at=yesterday)
    execute(site, "UPDATE delivery SET arrived = :yes", yes=True)
    site.work("catch_up")
    assert rows(site.app, "SELECT count(*) FROM mail WHERE kind = 'health'") == [(2,)]
    assert "no delivery brought them" not in admin.get(HEALTH).text


def test_what_was_just_on_its_way_is_no_silence(site, admin):
    site.work("catch_up")
    assert rows(site.app, "SELECT count(*) FROM mail WHERE kind = 'health'") == [(0,)]
    assert "no delivery brought them" not in admin.get(HEALTH).text


def test_the_last_delivery_is_told_for_every_type(site, admin):
    secret(site, SECRETS["test"])
    for event in site.events():
        assert site.deliver(event).status_code == 200
    execute(site, "UPDATE delivery SET received_at = :at", at=datetime(2026, 11, 3, 14, 5))
    execute(site, "UPDATE connection SET endpoint_check = '{}'")
    text = admin.get(HEALTH).text
    types = {event["type"] for event in site.events()} & {row[0] for row in rows(site.app, TYPES)}
    assert types >= {"customer.created", "customer.subscription.created", "charge.succeeded"}
    for type_ in types:
        assert f"{type_} 1 Nov 3, 2026, 2:05 PM UTC" in text or f"{type_} 2 Nov 3" in text, type_


TYPES = "SELECT type FROM delivery WHERE result <> 'ignored'"


def test_the_worker_s_heartbeat_is_asked_for(site, admin):
    assert "It has never run." in admin.get(HEALTH).text
    from umstripe.database import write
    from umstripe.models import WorkerHeartbeat

    with site.app.app_context(), write() as tx:
        WorkerHeartbeat.beat(tx, "here")
    text = admin.get(HEALTH).text
    assert "It has never run." not in text and "Running." in text


def test_differences_are_listed_with_their_effect_and_repaired_by_a_click(site, admin):
    from umstripe.webhooks import reconcile

    with site.app.app_context():
        reconcile.sync("test", site.customer)
    execute(site, "UPDATE subscription SET status = 'unpaid'")
    site.work("audit")
    page = admin.get(HEALTH)
    assert "jane gets Active Member and loses Unpaid Member." in page.text
    page = admin.press(HEALTH, f"{HEALTH}test/repair/{site.customer}")
    assert "Repaired" in page.text and "Differences to Stripe" not in page.text
    assert site.status() == "active"


def test_sync_now_on_a_user_s_page(site, admin):
    user = rows(site.app, "SELECT id FROM \"user\" WHERE username = 'jane'")[0][0]
    page = admin.press(f"/admin/users/{user}", f"/admin/users/{user}/sync")
    assert "Put right" in page.text and site.status() == "active"
    page = admin.press(f"/admin/users/{user}", f"/admin/users/{user}/sync")
    assert "Everything was right." in page.text
    site.simulator.do("/faults", kind="500", path="/v1/customers", times=100)
    page = admin.press(f"/admin/users/{user}", f"/admin/users/{user}/sync")
    assert "Stripe has a problem" in page.text


def test_the_work_s_buttons_put_it_in_the_queue_once(site, admin):
    for what, kind in (("catch-up", "catch_up"), ("audit", "audit")):
        for _ in range(2):
            assert "Waiting for the background worker" in press(admin, what).text
        assert admin.client.get(f"{HEALTH}test/{kind}").json["state"] == "queued"


def test_the_dashboard_says_what_is_wrong(site, admin):
    text = admin.get("/admin/").text
    assert "Background worker: It has never run." in text


def test_doctor_says_the_same_and_exits_with_1(site, admin, tmp_path):
    from tests.databases import environ_for

    environ = environ_for(
        site.app.config["SQLALCHEMY_DATABASE_URI"].replace("+psycopg", ""), tmp_path / "instance"
    )
    environ |= {"UMSTRIPE_STRIPE_API_BASE": site.simulator.url, "UMSTRIPE_SITE_URL": f"https://{HOST}"}
    done = forks.run(umstripe("doctor"), environ)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "WRONG   Background worker: It has never run." in done.stdout
    assert "ok      Webhook endpoint: As it should be" in done.stdout


def test_an_endpoint_that_is_wrong_is_mailed_before_anything_is_lost(site, admin):
    site.simulator.call("POST", f"/webhook_endpoints/{endpoint(site)['id']}", disabled="true")
    for _ in range(2):
        site.work("catch_up")
    ((kind, given),) = rows(site.app, "SELECT kind, given FROM mail")
    assert kind == "health" and "is disabled at Stripe" in str(given)


def test_a_key_that_stripe_refuses_is_trouble(site, admin):
    from umstripe import health

    site.simulator.do("/outage")
    press(admin, "refresh")
    assert states(site, health, "Webhook endpoint") == [health.WARNING]
    site.simulator.mend()
    secret_key(site, "sk_test_that_was_taken_back")
    assert "Stripe could not be asked about the webhook endpoint" in press(admin, "refresh").text
    assert states(site, health, "Webhook endpoint") == [health.ERROR]


def secret_key(site, value):
    from umstripe.database import writing
    from umstripe.models import Connection

    with site.app.app_context(), writing():
        Connection.of("test").secret_key = value


def states(site, health, name):
    with site.app.app_context():
        return [one.state for _, some in health.all_checks() for one in some if one.name == name]


def test_keys_that_are_not_connected_are_trouble(site, admin):
    execute(site, "UPDATE connection SET connected_at = NULL WHERE mode = 'test'")
    assert "There are keys, but they are not connected." in admin.get(HEALTH).text
    assert "There are keys, but they are not connected." in admin.get("/admin/").text


def test_catch_up_that_stands_still_is_trouble(site, admin):
    from umstripe import health

    site.work("catch_up")
    assert states(site, health, "Catch-up") == [health.GOOD]
    execute(site, "UPDATE job SET state = 'running', at = '2026-01-01 00:00:00' WHERE kind = 'catch_up'")
    assert states(site, health, "Catch-up") == [health.ERROR]
