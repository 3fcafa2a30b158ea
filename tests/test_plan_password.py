"""A plan's password opens the plan for as long as the plan has it."""

from __future__ import annotations

from tests.people import Browserless
from tests.selling import rows
from tests.shop import offer

ASKS = "This offer is for people who have its password."


def set_password(app, key, text):
    from umstripe.database import writing
    from umstripe.models import Plan

    with app.app_context(), writing():
        Plan.with_key(key).set_password(text)


def test_a_new_password_of_a_plan_locks_out_who_knew_the_earlier_one(app, client):
    key = offer(app, "Choir", visibility="password", password="soprano")
    client.submit(f"/register?plan={key}", plan_password="soprano")
    assert ASKS not in client.get(f"/register?plan={key}").text
    set_password(app, key, "tenor")
    assert ASKS in client.get(f"/register?plan={key}").text
    client.submit(f"/register?plan={key}", plan_password="soprano")
    assert ASKS in client.get(f"/register?plan={key}").text
    client.submit(f"/register?plan={key}", plan_password="tenor")
    assert ASKS not in client.get(f"/register?plan={key}").text


def test_the_password_of_one_plan_does_not_open_another_with_the_same(app, client):
    first = offer(app, "Choir", visibility="password", password="soprano")
    second = offer(app, "Band", visibility="password", password="soprano")
    client.submit(f"/register?plan={first}", plan_password="soprano")
    assert ASKS in client.get(f"/register?plan={second}").text


def test_the_session_does_not_carry_the_stored_password(app):
    visitor = Browserless(app.test_client())
    key = offer(app, "Choir", visibility="password", password="soprano")
    visitor.submit(f"/register?plan={key}", plan_password="soprano")
    stored = rows(app, "SELECT password_hash FROM plan WHERE short_key = :key", key=key)[0][0]
    with visitor.client.session_transaction() as session:
        assert stored not in str(dict(session)) and "soprano" not in str(dict(session))


def test_a_session_from_before_this_version_asks_again(app):
    visitor = Browserless(app.test_client())
    key = offer(app, "Choir", visibility="password", password="soprano")
    with visitor.client.session_transaction() as session:
        session["unlocked_plans"] = [1]
    assert ASKS in visitor.get(f"/register?plan={key}").text
