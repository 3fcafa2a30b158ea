"""Many deliveries at once, on two real gunicorn workers: each is processed, and each once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.people import make_user
from tests.processes import Site
from tests.selling import open_shop, rows
from tests.stripe_events import SECRETS, body_of, signature, subscription_event

AT = 1_700_000_000


@pytest.fixture
def running(app, environ, tmp_path):
    open_shop(app)
    site = Site(environ, tmp_path, WEB_CONCURRENCY="2")
    site.start()
    yield site
    site.stop()


def send(site, body):
    header = {"Stripe-Signature": signature(body, SECRETS["test"])}
    answer = requests.post(f"{site.url}/webhooks/stripe/test", data=body, headers=header, timeout=60)
    return answer.status_code, answer.json().get("result")


def at_once(site, bodies):
    with ThreadPoolExecutor(len(bodies)) as threads:
        return list(threads.map(lambda body: send(site, body), bodies))


def test_the_same_delivery_16_times_at_once_is_processed_once(app, running):
    body = body_of(subscription_event("active", AT))
    answers = at_once(running, [body] * 16)
    assert sorted(answers) == [(200, "processed")] + [(200, "repeated")] * 15
    assert rows(app, "SELECT result, tries FROM delivery") == [("processed", 1)]
    assert rows(app, "SELECT status FROM subscription") == [("active",)]
    assert rows(app, "SELECT count(*) FROM activity WHERE trigger = 'stripe'") == [(1,)]


def test_events_of_one_subscription_at_once_end_in_the_newest(app, running):
    states = ["trialing", "active", "past_due", "active", "unpaid", "active", "past_due", "unpaid"] * 2
    bodies = [body_of(subscription_event(state, AT + 60 * n)) for n, state in enumerate(states)]
    answers = at_once(running, bodies[::-1])
    assert {code for code, _ in answers} == {200}
    assert rows(app, "SELECT status, as_of FROM subscription") == [("unpaid", AT + 60 * 15)]
    assert rows(app, "SELECT count(*) FROM delivery") == [(16,)]


def test_deliveries_of_many_members_at_once_all_arrive(app, running):
    for number in range(24):
        make_user(app, f"member{number}")
    bodies = [
        body_of(subscription_event(state, AT + 60 * n, customer=f"cus_member{number}", id_=f"sub_{number}"))
        for number in range(24)
        for n, state in enumerate(("trialing", "active"))
    ]
    answers = at_once(running, bodies)
    assert {code for code, _ in answers} == {200}
    assert rows(app, "SELECT status, count(*) FROM subscription GROUP BY status") == [("active", 24)]


def test_a_site_that_is_killed_after_its_answer_has_kept_the_delivery(app, running):
    body = body_of(subscription_event("active", AT))
    assert send(running, body) == (200, "processed")
    running.kill()
    assert rows(app, "SELECT status FROM subscription") == [("active",)]
    running.start()
    assert send(running, body) == (200, "repeated")


def test_a_slow_writer_elsewhere_delays_a_delivery_and_loses_nothing(app, running):
    """Somebody else holds the write lock for a second: a backup, an import, another delivery."""
    body = body_of(subscription_event("active", AT))
    with app.app_context(), ThreadPoolExecutor(1) as thread:
        from umstripe.database import write

        with write() as tx:
            tx.exec_driver_sql("UPDATE settings SET site_name = 'Busy'")
            waiting = thread.submit(send, running, body)
            time.sleep(1)
        assert waiting.result(timeout=30) == (200, "processed")
