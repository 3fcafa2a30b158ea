"""One-time plans: how long they last, what refunds do, and that the order of events does no harm."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime

import pytest
import time_machine
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.people import make_administrator, make_user
from tests.selling import open_shop, role_for, roles_of, rows
from tests.stripe_events import deliver, event
from umstripe.models.plan import end_after
from umstripe.models.purchase import RESERVED_SECONDS

AT = 1_700_000_000
DAY = 24 * 3600
PAID = {"status": "succeeded", "captured": True, "refunded": False, "amount_refunded": 0}
RESERVED = {**PAID, "captured": False}
PART = {**PAID, "amount_refunded": 1000}
MORE = {**PAID, "amount_refunded": 1500}
ALL = {**PAID, "amount_refunded": 2900, "refunded": True}
ON_ITS_WAY = {**RESERVED, "status": "pending"}
FAILED = {**RESERVED, "status": "failed"}
GIVEN_BACK = {**RESERVED, "refunded": True, "amount_refunded": 2900}
_payments = itertools.count(1)


@pytest.fixture
def shop(app):
    open_shop(app)
    return app


def lasts(app, count, unit):
    from umstripe.database import db, writing
    from umstripe.models import Plan, Price

    with app.app_context(), writing():
        plan = db.session.query(Plan).join(Price).filter(Price.stripe_price_id == "price_lifetime").one()
        plan.duration_count, plan.duration_unit = count, unit


def charge(type_, at, payment="pi_1", **changed):
    said = {"customer": "cus_jane", "metadata": {"umstripe_price": "price_lifetime"}, "currency": "usd"}
    said |= {"id": f"ch_of_{payment}", "amount": 2900, "created": AT, "payment_intent": payment}
    return event(f"charge.{type_}", at, **{**said, **changed})


def session(type_, at, payment="pi_1", paid="paid", **changed):
    said = {"customer": "cus_jane", "metadata": {"umstripe_price": "price_lifetime"}, "mode": "payment"}
    said |= {"id": f"cs_of_{payment}", "amount_total": 2900, "currency": "usd", "payment_intent": payment}
    said |= {"created": AT - 60, "payment_status": paid, "payment_link": None, "subscription": None}
    return event(f"checkout.session.{type_}", at, **{**said, "client_reference_id": None, **changed})


def send(app, made):
    answer = deliver(app.test_client(), made)
    assert answer.status_code == 200, answer.json
    return answer.json["result"]


def purchase(app, payment="pi_1"):
    query = """SELECT status, amount, currency, created, charged_at, amount_refunded, capture_before, ends_at, ended_at
        FROM purchase WHERE stripe_payment_intent_id = :id"""
    names = ("status", "amount", "currency", "created", "charged_at", "refunded", "capture_before")
    found = rows(app, query, id=payment)
    return dict(zip((*names, "ends_at", "ended_at"), found[0], strict=True)) if found else None


def seconds(*when):
    return int(datetime(*when, tzinfo=UTC).timestamp())


def test_a_month_after_the_last_day_of_january_is_the_last_of_february():
    assert end_after(seconds(2027, 1, 31, 10), 1, "month") == seconds(2027, 2, 28, 10)
    assert end_after(seconds(2028, 1, 31, 10), 1, "month") == seconds(2028, 2, 29, 10)
    assert end_after(seconds(2027, 1, 31, 10), 12, "month") == seconds(2028, 1, 31, 10)


def test_days_and_weeks_are_counted_in_utc_whatever_summer_time_does():
    assert end_after(AT, 10, "day") == AT + 10 * DAY
    assert end_after(AT, 30, "week") == AT + 210 * DAY


def test_what_has_no_duration_or_one_beyond_all_calendars_lasts_for_ever():
    assert end_after(AT, None, "") is None
    assert end_after(AT, 3, "") is None
    assert end_after(AT, 2_000_000_000, "month") is None


def test_a_plan_without_a_duration_lasts_for_ever(shop):
    send(shop, charge("succeeded", AT + 1, **PAID))
    assert purchase(shop)["ends_at"] is None


def test_a_purchase_lasts_from_when_it_was_paid_as_long_as_the_plan_says(shop):
    lasts(shop, 2, "week")
    send(shop, charge("succeeded", AT, **PAID))
    assert purchase(shop)["ends_at"] == AT + 14 * DAY


def test_a_plan_that_is_shortened_later_leaves_what_was_sold(shop):
    lasts(shop, 12, "month")
    send(shop, charge("succeeded", AT, **PAID))
    sold = purchase(shop)["ends_at"]
    lasts(shop, 1, "day")
    send(shop, charge("refunded", AT + 100, **PART))
    send(shop, charge("succeeded", AT, **PAID))
    assert purchase(shop)["ends_at"] == sold
    send(shop, charge("succeeded", AT + 200, "pi_2", **PAID))
    assert purchase(shop, "pi_2")["ends_at"] == AT + 200 + DAY


def test_a_debit_that_takes_days_costs_the_member_none_of_them(shop):
    lasts(shop, 1, "week")
    send(shop, charge("pending", AT, **ON_ITS_WAY))
    assert purchase(shop)["status"] == "pending" and purchase(shop)["ends_at"] is None
    assert purchase(shop)["capture_before"] is None and roles_of(shop, "jane") == [role_for("pending")]
    send(shop, charge("succeeded", AT + 5 * DAY, **PAID))
    assert purchase(shop)["ends_at"] == AT + 12 * DAY


def test_it_expires_at_the_right_second_in_python_and_in_lists(shop):
    from umstripe.database import db
    from umstripe.listings import plans, users
    from umstripe.memberships.effective_roles import effective_roles, explained
    from umstripe.models import Plan, Role, User

    lasts(shop, 1, "day")
    send(shop, charge("succeeded", AT, **PAID))
    for at, status in ((AT + DAY - 1, "paid"), (AT + DAY, "expired")):
        with time_machine.travel(at, tick=False), shop.app_context():
            user, role = User.with_username("jane"), Role.named(role_for(status))
            assert effective_roles(user, at) == [role]
            assert explained(user, at) == [(role, f"Lifetime: {status.title()}")]
            assert [one.username for one in users.page(1, 10, role_id=role.id)] == ["jane"]
            assert [one.username for one in users.page(1, 10, status=status)] == ["jane"]
            assert users.rows([user])[0].status == status
            plan = db.session.query(Plan).filter(Plan.roles.any(role=role)).one()
            assert plans.subscribers([plan]) == {plan.id: int(status == "paid")}
            assert users.rows([user])[0].roles == [role.name]
            db.session.rollback()


def test_the_user_s_page_shows_what_is_over(shop, admin):
    lasts(shop, 1, "day")
    send(shop, charge("succeeded", AT, **PAID))
    user_id = rows(shop, "SELECT id FROM \"user\" WHERE username = 'jane'")[0][0]
    text = admin.get(f"/admin/users/{user_id}").text
    assert "Expired" in text and "Ended Nov 15, 2023" in text


@pytest.mark.parametrize("order", list(itertools.permutations((PART, MORE, PAID))))
def test_partial_refunds_in_any_order_end_in_the_largest(shop, order):
    for number, state in enumerate(order):
        send(shop, charge("refunded" if state is not PAID else "succeeded", AT + number, **state))
    assert (purchase(shop)["status"], purchase(shop)["refunded"]) == ("paid", 1500)
    assert roles_of(shop, "jane") == [role_for("paid")]


def test_refunds_are_told_in_words_and_shown_on_the_user_s_page(shop, admin):
    send(shop, charge("succeeded", AT, **PAID))
    send(shop, charge("refunded", AT + 100, **PART))
    user_id = rows(shop, "SELECT id FROM \"user\" WHERE username = 'jane'")[0][0]
    assert "$10.00 of $29.00 refunded" in admin.get(f"/admin/users/{user_id}").text
    send(shop, charge("refunded", AT + 200, **ALL))
    told = [
        line for (line,) in rows(shop, "SELECT description FROM activity WHERE action = 'charge.refunded'")
    ]
    assert sorted(told) == [
        "One-time payment: $10.00 of $29.00 refunded",
        "One-time payment: $29.00 of $29.00 refunded (now Refunded)",
    ]
    assert roles_of(shop, "jane") == [role_for("refunded")]


def test_a_reserved_amount_waits_until_stripe_s_date_or_seven_days(shop):
    send(shop, charge("succeeded", AT, **RESERVED, payment_method_details={"type": "link", "link": {}}))
    assert purchase(shop)["capture_before"] == AT + RESERVED_SECONDS
    card = {"type": "card", "card": {"capture_before": AT + 5 * DAY}}
    send(shop, charge("succeeded", AT, "pi_2", **RESERVED, payment_method_details=card))
    assert purchase(shop, "pi_2")["capture_before"] == AT + 5 * DAY
    assert roles_of(shop, "jane") == [role_for("pending")]


def test_an_approved_payment_lasts_from_its_capture(shop):
    lasts(shop, 1, "day")
    send(shop, charge("succeeded", AT, **RESERVED))
    send(shop, charge("captured", AT + 3 * DAY, **PAID))
    found = purchase(shop)
    assert (found["status"], found["capture_before"], found["ends_at"]) == ("paid", None, AT + 4 * DAY)


@pytest.mark.parametrize(("type_", "state"), [("expired", RESERVED), ("refunded", GIVEN_BACK)])
def test_a_reservation_that_ends_unpaid_gives_nothing(shop, type_, state):
    send(shop, charge("succeeded", AT, **RESERVED))
    send(shop, charge(type_, AT + 100, **state))
    assert purchase(shop)["status"] == "failed" and roles_of(shop, "jane") == []
    told = rows(shop, "SELECT description FROM activity WHERE action = :a", a=f"charge.{type_}")
    assert told == [("One-time payment is Failed (was Pending)",)]


def test_a_paid_session_is_believed_after_a_declined_card_and_before_the_charge(shop):
    """The success page is there before the delivery of the charge; the card that was declined first came in time."""
    send(shop, charge("failed", AT, **FAILED))
    assert send(shop, session("completed", AT + 30)) == "processed"
    assert purchase(shop)["status"] == "paid"
    send(shop, charge("succeeded", AT + 20, **{**PAID, "id": "ch_2", "created": AT + 20}))
    assert (purchase(shop)["status"], purchase(shop)["created"]) == ("paid", AT + 20)


DECLINED_FIRST = {"id": "ch_2", "created": AT + 20}
CARD = [
    (charge, "failed", AT, FAILED),
    (charge, "succeeded", AT + 20, {**PAID, **DECLINED_FIRST}),
    (session, "completed", AT + 22, {}),
    (charge, "refunded", AT + 90, {**PART, **DECLINED_FIRST}),
    (charge, "refunded", AT + 90, {**MORE, **DECLINED_FIRST}),
]
LIVES = {
    "a declined card, then another, refunded in part": CARD,
    "refunded": [*CARD, (charge, "refunded", AT + 95, {**ALL, **DECLINED_FIRST})],
    "declined and paid in the same second": [
        (charge, "failed", AT, FAILED),
        (charge, "succeeded", AT, {**PAID, "id": "ch_2"}),
        (session, "completed", AT, {}),
    ],
    "a slow debit": [
        (charge, "pending", AT, ON_ITS_WAY),
        (session, "completed", AT + 1, {"paid": "unpaid"}),
        (charge, "succeeded", AT + 3 * DAY, PAID),
        (session, "async_payment_succeeded", AT + 3 * DAY, {}),
        (charge, "refunded", AT + 4 * DAY, ALL),
    ],
    "a slow debit in vain": [
        (charge, "pending", AT, ON_ITS_WAY),
        (session, "completed", AT + 1, {"paid": "unpaid"}),
        (charge, "failed", AT + 3 * DAY, FAILED),
    ],
    "approved": [
        (charge, "succeeded", AT, RESERVED),
        (session, "completed", AT + 1, {"paid": "unpaid", "created": AT}),
        (charge, "captured", AT + 2 * DAY, PAID),
        (charge, "refunded", AT + 3 * DAY, PART),
    ],
    "refused": [
        (charge, "succeeded", AT, RESERVED),
        (session, "completed", AT + 1, {"paid": "unpaid"}),
        (charge, "refunded", AT + 2 * DAY, GIVEN_BACK),
    ],
}
"""What happens to a payment, as Stripe tells it: event, when, the object's fields."""


@pytest.mark.parametrize("life", LIVES)
@hypothesis_settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_rule_3_the_same_row_from_any_order_and_repetition(shop, life, data):
    lasts(shop, 1, "month")
    expected = _lived(shop, LIVES[life])
    again = data.draw(st.lists(st.sampled_from(LIVES[life]), max_size=3))
    assert _lived(shop, data.draw(st.permutations([*LIVES[life], *again]))) == expected


def _lived(app, events):
    payment = f"pi_{next(_payments)}_{time.monotonic_ns()}"
    for of, type_, at, changed in events:
        send(app, of(type_, at, payment, **changed))
    return purchase(app, payment)


def test_a_free_order_has_no_charge_and_is_a_membership_all_the_same(shop):
    free = session("completed", AT, payment=None, id="cs_free", paid="no_payment_required", amount_total=0)
    assert send(shop, free) == "processed"
    assert purchase(shop, "cs_free")["status"] == "paid" and roles_of(shop, "jane") == [role_for("paid")]


def test_a_charge_that_says_no_price_and_belongs_to_nobody_is_foreign(shop):
    make_administrator(shop)
    make_user(shop, "john")
    assert send(shop, charge("succeeded", AT, customer=None, metadata={}, **PAID)) == "foreign"
    assert send(shop, charge("succeeded", AT, customer="cus_john", metadata={}, **PAID)) == "processed"
    assert purchase(shop) is None
