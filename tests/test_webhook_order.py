"""Rules 2 and 3: all or nothing, and order does no harm."""

from __future__ import annotations

import time
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.at_stripe import AtStripe
from tests.selling import open_shop, role_for, roles_of, rows
from tests.stripe_events import SECRETS, deliver, event, subscription_event

AT = 1_700_000_000


@pytest.fixture
def shop(app):
    open_shop(app)
    return app


def status(app, id_="sub_jane"):
    return rows(app, "SELECT status FROM subscription WHERE stripe_subscription_id = :id", id=id_)[0][0]


def result(app, made):
    answer = deliver(app.test_client(), made)
    return answer.json["result"] if answer.status_code == 200 else answer.status_code


def test_rule_3_an_older_state_after_a_newer_one_changes_nothing(shop):
    assert result(shop, subscription_event("past_due", AT + 100)) == "processed"
    before = rows(shop, "SELECT * FROM subscription")
    assert result(shop, subscription_event("active", AT)) == "stale"
    assert rows(shop, "SELECT * FROM subscription") == before
    assert roles_of(shop, "jane") == [role_for("past_due")]


def test_the_same_event_twice_is_processed_once(shop):
    made = subscription_event("active", AT)
    assert [result(shop, made), result(shop, made)] == ["processed", "repeated"]
    assert rows(shop, "SELECT tries, result FROM delivery") == [(1, "processed")]
    assert rows(shop, "SELECT count(*) FROM activity WHERE trigger = 'stripe'") == [(1,)]


@pytest.mark.parametrize("final", ["canceled", "incomplete_expired"])
def test_final_states_stay_final_whatever_comes_later(shop, final):
    result(shop, subscription_event(final, AT))
    assert result(shop, subscription_event("active", AT + 1000)) == "stale"
    assert status(shop) == final


def test_what_happens_after_the_customer_was_deleted_makes_nobody_a_member(shop):
    result(shop, event("customer.deleted", AT + 50, id="cus_jane"))
    result(shop, subscription_event("active", AT))
    assert status(shop) == "canceled"


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_three_states_in_any_order_end_in_the_newest(shop, order):
    states = [
        subscription_event(name, AT + 100 * n) for n, name in enumerate(("trialing", "active", "past_due"))
    ]
    for place in order:
        result(shop, states[place])
    assert status(shop) == "past_due"


CHARGE = {
    "customer": "cus_jane",
    "payment_intent": "pi_one",
    "metadata": {"umstripe_price": "price_lifetime"},
}
STEPS = [
    (
        "charge.failed",
        {"id": "ch_1", "created": AT, "status": "failed", "captured": False, "refunded": False},
    ),
    (
        "charge.pending",
        {"id": "ch_2", "created": AT + 60, "status": "pending", "captured": False, "refunded": False},
    ),
    (
        "charge.succeeded",
        {"id": "ch_2", "created": AT + 60, "status": "succeeded", "captured": True, "refunded": False},
    ),
    (
        "charge.refunded",
        {"id": "ch_2", "created": AT + 60, "status": "succeeded", "captured": True, "refunded": True},
    ),
]


@pytest.mark.parametrize("last", ["paid", "refunded"])
@hypothesis_settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_payment_s_charges_in_any_order_and_number_end_the_same(shop, last, data):
    steps = STEPS if last == "refunded" else STEPS[:3]
    order = data.draw(st.permutations([*steps, *data.draw(st.lists(st.sampled_from(steps), max_size=3))]))
    payment = f"pi_{time.monotonic_ns()}"
    for type_, changed in order:
        result(shop, event(type_, AT + 100, **{**CHARGE, **changed, "payment_intent": payment}))
    query = "SELECT status FROM purchase WHERE stripe_payment_intent_id = :id"
    assert rows(shop, query, id=payment) == [(last,)]


@pytest.fixture
def at_stripe(database_url, tmp_path):
    world = AtStripe(database_url, tmp_path)
    yield world
    world.stop()


def test_two_states_of_the_same_second_are_settled_by_asking_stripe(at_stripe):
    now = int(time.time())
    assert at_stripe.now()["status"] == "active"
    assert result(at_stripe.app, at_stripe.event("past_due", now)) == "processed"
    assert result(at_stripe.app, at_stripe.event("trialing", now)) == "processed"
    assert status(at_stripe.app, at_stripe.subscription) == "active"


def test_a_fetched_state_is_as_new_as_stripe_s_clock_says_when_it_answered(at_stripe):
    now = int(time.time())
    result(at_stripe.app, at_stripe.event("past_due", now - 1))
    result(at_stripe.app, at_stripe.event("trialing", now - 1))
    as_of = rows(at_stripe.app, "SELECT as_of FROM subscription")[0][0]
    assert as_of >= now


def test_when_stripe_cannot_be_asked_the_delivery_fails_and_its_next_try_succeeds(at_stripe):
    now = int(time.time())
    result(at_stripe.app, at_stripe.event("past_due", now))
    before = rows(at_stripe.app, "SELECT * FROM subscription")
    at_stripe.simulator.do("/faults", kind="500", path="/v1/subscriptions", times=20)
    late = at_stripe.event("trialing", now)
    assert result(at_stripe.app, late) == 500
    assert rows(at_stripe.app, "SELECT * FROM subscription") == before
    found = rows(
        at_stripe.app, "SELECT result, tries, error FROM delivery WHERE stripe_event_id = :id", id=late["id"]
    )
    assert found[0][:2] == ("failed", 1) and "Stripe has a problem" in found[0][2]
    assert rows(at_stripe.app, "SELECT count(*) FROM activity WHERE trigger = 'stripe'") == [(1,)]
    at_stripe.simulator.mend()
    assert result(at_stripe.app, late) == "processed"
    found = rows(
        at_stripe.app, "SELECT result, tries, error FROM delivery WHERE stripe_event_id = :id", id=late["id"]
    )
    assert found[0][:2] == ("processed", 2)
    assert status(at_stripe.app, at_stripe.subscription) == "active"


def test_rule_2_a_failure_half_way_rolls_everything_back(shop):
    """A database that refuses the activity line, as a full disk would."""
    with shop.app_context():
        from umstripe.database import db, write

        with write() as tx:
            tx.exec_driver_sql("ALTER TABLE activity RENAME TO activity_away")
        made = subscription_event("active", AT)
        assert result(shop, made) == 500
        assert rows(shop, "SELECT count(*) FROM subscription") == [(0,)]
        found = rows(shop, "SELECT result, tries, error FROM delivery")
        assert found[0][:2] == ("failed", 1) and "The log has the details" in found[0][2]
        assert SECRETS["test"] not in found[0][2]
        with write() as tx:
            tx.exec_driver_sql("ALTER TABLE activity_away RENAME TO activity")
        assert result(shop, made) == "processed"
        assert rows(shop, "SELECT count(*) FROM subscription") == [(1,)]
        db.session.remove()


def test_a_session_only_names_its_subscription_so_it_is_fetched(at_stripe):
    made = event(
        "checkout.session.completed",
        customer=at_stripe.customer,
        mode="subscription",
        subscription=at_stripe.subscription,
        payment_link=None,
        client_reference_id=None,
    )
    assert result(at_stripe.app, made) == "processed"
    assert status(at_stripe.app, at_stripe.subscription) == "active"


def test_a_subscription_that_is_gone_at_stripe_has_ended(at_stripe):
    now = int(time.time())
    made = at_stripe.event("active", now)
    made["data"]["object"]["id"] = "sub_gone"
    other = at_stripe.event("trialing", now)
    other["data"]["object"]["id"] = "sub_gone"
    assert [result(at_stripe.app, made), result(at_stripe.app, other)] == ["processed", "processed"]
    assert status(at_stripe.app, "sub_gone") == "canceled"
