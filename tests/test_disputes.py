"""Disputed payments: a lost dispute ends what was bought, whatever order the events come in."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.at_stripe import AtStripe
from tests.people import make_administrator
from tests.selling import PURCHASE_STATUSES, make_plan, open_shop, role_for, roles_of, rows
from tests.stripe_events import deliver, event, subscription_event
from tests.test_purchases import ALL, AT, FAILED, ON_ITS_WAY, PAID, charge, purchase, send, session

_payments = itertools.count(1)


@pytest.fixture
def shop(app):
    open_shop(app)
    make_administrator(app)
    return app


def dispute(type_, status, at, payment="pi_1", number=1, **changed):
    said = {"id": f"du_{number}_of_{payment}", "charge": f"ch_of_{payment}", "payment_intent": payment}
    said |= {"status": status, "amount": 2900, "currency": "usd", "created": AT + 50, "object": "dispute"}
    return event(f"charge.dispute.{type_}", at, **{**said, **changed})


def mails(app):
    return rows(app, "SELECT kind, about FROM mail WHERE kind != 'welcome' ORDER BY id")


def test_a_lost_dispute_takes_the_role_as_a_refund_does(shop):
    send(shop, charge("succeeded", AT, **PAID))
    send(shop, dispute("created", "needs_response", AT + 100))
    assert purchase(shop)["status"] == "paid" and roles_of(shop, "jane") == [role_for("paid")]
    assert send(shop, dispute("closed", "lost", AT + 200)) == "processed"
    assert purchase(shop)["status"] == "disputed" and purchase(shop)["ended_at"] == AT + 200
    assert roles_of(shop, "jane") == [role_for("refunded")]


def test_a_lost_dispute_is_the_same_in_lists(shop):
    from umstripe.database import db
    from umstripe.listings import users
    from umstripe.memberships.effective_roles import explained
    from umstripe.models import Role, User

    send(shop, charge("succeeded", AT, **PAID))
    send(shop, dispute("closed", "lost", AT + 200))
    with shop.app_context():
        user, role = User.with_username("jane"), Role.named(role_for("refunded"))
        assert explained(user, AT + 300) == [(role, "Lifetime: Disputed")]
        assert [one.username for one in users.listed(1, 10, role_id=role.id)] == ["jane"]
        assert [one.username for one in users.listed(1, 10, status="disputed")] == ["jane"]
        assert users.rows([user])[0].status == "disputed"
        db.session.rollback()


def test_a_dispute_that_is_won_or_reversed_gives_the_role_back(shop):
    send(shop, charge("succeeded", AT, **PAID))
    send(shop, dispute("closed", "lost", AT + 200))
    send(shop, dispute("updated", "won", AT + 300))
    assert purchase(shop)["status"] == "paid" and purchase(shop)["ended_at"] is None
    assert roles_of(shop, "jane") == [role_for("paid")]


@pytest.mark.parametrize("status", ["warning_needs_response", "warning_under_review", "warning_closed"])
def test_an_inquiry_takes_nothing(shop, status):
    send(shop, charge("succeeded", AT, **PAID))
    send(shop, dispute("closed", status, AT + 200))
    assert purchase(shop)["status"] == "paid" and roles_of(shop, "jane") == [role_for("paid")]


def test_a_refunded_purchase_stays_refunded_when_its_dispute_is_lost(shop):
    send(shop, charge("succeeded", AT, **PAID))
    send(shop, charge("refunded", AT + 100, **ALL))
    send(shop, dispute("closed", "lost", AT + 200))
    assert purchase(shop)["status"] == "refunded" and purchase(shop)["ended_at"] == AT + 100


def test_another_purchase_of_the_member_is_not_touched(shop):
    send(shop, charge("succeeded", AT, **PAID))
    send(shop, charge("succeeded", AT, "pi_2", **PAID))
    send(shop, dispute("closed", "lost", AT + 200))
    assert (purchase(shop)["status"], purchase(shop, "pi_2")["status"]) == ("disputed", "paid")
    assert roles_of(shop, "jane") == [role_for("paid")]


EVENTS = {
    "failed": lambda pi: charge("failed", AT - 60, pi, **FAILED, **{"id": f"ch_a_{pi}", "created": AT - 60}),
    "pending": lambda pi: charge("pending", AT, pi, **ON_ITS_WAY),
    "session": lambda pi: session("completed", AT + 2, pi),
    "succeeded": lambda pi: charge("succeeded", AT + 1, pi, **PAID),
    "refunded": lambda pi: charge("refunded", AT + 150, pi, **ALL),
    "inquiry": lambda pi: dispute("created", "warning_needs_response", AT + 90, pi),
    "opened": lambda pi: dispute("created", "needs_response", AT + 100, pi),
    "withdrawn": lambda pi: dispute("funds_withdrawn", "needs_response", AT + 100, pi),
    "answered": lambda pi: dispute("updated", "under_review", AT + 120, pi),
    "lost": lambda pi: dispute("closed", "lost", AT + 200, pi),
    "won": lambda pi: dispute("closed", "won", AT + 200, pi),
    "reversed": lambda pi: dispute("updated", "won", AT + 300, pi),
    "reinstated": lambda pi: dispute("funds_reinstated", "won", AT + 300, pi),
    "second lost": lambda pi: dispute("closed", "lost", AT + 250, pi, number=2),
}
OPENED = ("session", "succeeded", "inquiry", "opened", "withdrawn", "answered")
LIVES = {
    (*OPENED, "lost"): ("disputed", AT + 200),
    (*OPENED, "won"): ("paid", None),
    (*OPENED, "lost", "reversed", "reinstated"): ("paid", None),
    (*OPENED, "won", "second lost"): ("disputed", AT + 250),
    (*OPENED, "lost", "second lost"): ("disputed", AT + 200),
    (*OPENED, "refunded", "lost"): ("refunded", AT + 150),
    ("failed", "pending", "succeeded", "lost"): ("disputed", AT + 200),
    ("session", "succeeded", "inquiry"): ("paid", None),
}


@pytest.mark.parametrize("life", LIVES, ids=", ".join)
@hypothesis_settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_rule_3_charges_and_disputes_in_any_order_and_number_end_the_same(shop, life, data):
    payment = f"pi_of_{next(_payments)}"
    made = {name: EVENTS[name](payment) for name in life}
    again = data.draw(st.lists(st.sampled_from(life), max_size=4))
    for name in data.draw(st.permutations([*life, *again])):
        send(shop, made[name])
    found = purchase(shop, payment)
    assert (found["status"], found["ended_at"]) == LIVES[life]
    assert found["created"] == AT + 1
    waiting = "SELECT count(*) FROM delivery WHERE result IN ('foreign', 'failed')"
    assert rows(shop, waiting) == [(0,)]


def test_a_dispute_is_told_once_to_administrators_and_its_end_to_the_member(shop):
    now = int(time.time())
    due = {"evidence_details": {"due_by": now + 9 * 86400}}
    send(shop, charge("succeeded", now - 90, **PAID))
    for type_ in ("created", "funds_withdrawn"):
        send(shop, dispute(type_, "needs_response", now - 60, **due))
    assert mails(shop) == [("dispute_opened", "du_1_of_pi_1:2")]
    for _ in range(2):
        send(shop, dispute("closed", "lost", now - 30, **due))
    assert [kind for kind, _ in mails(shop)] == ["dispute_opened", "membership_ended", "dispute_lost"]
    send(shop, dispute("updated", "won", now - 10, **due))
    assert [kind for kind, _ in mails(shop)][-1] == "membership_restored"
    lines = rows(shop, "SELECT description FROM activity WHERE action LIKE 'charge.dispute%' ORDER BY id")
    assert [line for (line,) in lines] == [
        "Dispute of $29.00: Dispute open: answer it",
        "Dispute of $29.00: Dispute lost. One-time payment is Disputed (was Paid)",
        "Dispute of $29.00: Dispute won. One-time payment is Paid (was Disputed)",
    ]


def test_an_inquiry_is_told_as_an_inquiry(shop):
    from umstripe.database import db
    from umstripe.emails.outbox import render_mail
    from umstripe.models import Mail

    now = int(time.time())
    send(shop, charge("succeeded", now - 90, **PAID))
    send(shop, dispute("created", "warning_needs_response", now - 60))
    with shop.app_context():
        mail = db.session.query(Mail).filter(Mail.kind.like("dispute%")).one()
        text = render_mail(mail, with_secrets=False).text
        assert "This is an inquiry: no money has been taken back." in text
        assert "https://dashboard.stripe.com/test/disputes/du_1_of_pi_1" in text
        db.session.rollback()


def test_a_dispute_of_long_ago_is_applied_and_mailed_to_nobody(shop):
    send(shop, charge("succeeded", AT, **PAID))
    send(shop, dispute("closed", "lost", AT + 200, evidence_details={"due_by": AT + 100}))
    assert mails(shop) == []


def test_a_subscription_s_dispute_is_shown_and_changes_no_role(shop):
    send(shop, subscription_event("active", AT))
    paid = {**PAID, "metadata": {}}
    waiting = dispute("created", "needs_response", AT + 100)
    assert send(shop, waiting) == "foreign"
    assert send(shop, charge("succeeded", AT, **paid)) == "processed"
    assert send(shop, dispute("closed", "lost", AT + 200)) == "processed"
    assert rows(shop, "SELECT status FROM dispute") == [("lost",)]
    assert rows(shop, "SELECT count(*) FROM purchase") == [(0,)]
    assert roles_of(shop, "jane") == [role_for("active")]


def test_the_user_s_page_and_the_list_show_a_dispute(shop, client):
    client.log_in("admin")
    send(shop, charge("succeeded", AT, **PAID))
    send(shop, dispute("created", "needs_response", AT + 100, evidence_details={"due_by": AT + 900}))
    user_id = rows(shop, "SELECT id FROM \"user\" WHERE username = 'jane'")[0][0]
    page = client.get(f"/admin/users/{user_id}")
    assert "Dispute open: answer it" in page.text and "$29.00" in page.text
    assert 'href="https://dashboard.stripe.com/test/disputes/du_1_of_pi_1"' in page.html
    assert "Dispute open" in client.get("/admin/users/?search=jane").text


def test_a_member_reads_that_the_bank_took_the_payment_back(shop):
    from umstripe.billing.overview import summaries_of
    from umstripe.database import db
    from umstripe.models import User

    send(shop, charge("succeeded", AT, **PAID))
    send(shop, dispute("closed", "lost", AT + 200))
    with shop.app_context():
        standing = summaries_of(User.with_username("jane"))[0]
        assert standing.sentence == "Ended on November 14, 2023. Your bank took the payment back."
        assert standing.is_over and not standing.is_live
        db.session.rollback()


@pytest.fixture
def site(database_url, tmp_path):
    world = AtStripe(database_url, tmp_path)
    world.once = world.simulator.prices()["Lifetime Access"]
    make_plan(world.app, world.once, PURCHASE_STATUSES, type="one_time", nickname="Lifetime Access")
    make_administrator(world.app)
    yield world
    world.stop()


def events_of(site, *types):
    return [one for one in site.events() if one["type"] in types]


def test_a_dispute_that_is_the_first_news_of_a_payment_asks_stripe_whose_it_is(site):
    paid = site.simulator.do(f"/customers/{site.customer}/pay", price=site.once)
    site.simulator.do(f"/charges/{paid['id']}/dispute")
    site.simulator.do(f"/charges/{paid['id']}/lose_dispute")
    [closed] = events_of(site, "charge.dispute.closed")
    assert site.deliver(closed).json == {"result": "processed"}
    assert roles_of(site.app, "jane") == [role_for("refunded")]
    for one in events_of(site, "charge.succeeded", "charge.dispute.created"):
        assert site.deliver(one).status_code == 200
    assert rows(site.app, "SELECT status FROM purchase") == [("disputed",)]
    assert roles_of(site.app, "jane") == [role_for("refunded")]


def test_a_dispute_of_a_subscription_paid_before_this_site_was_connected_is_told(site):
    charge_id = site.simulator.call("GET", "/charges", customer=site.customer)["data"][0]["id"]
    site.simulator.do(f"/charges/{charge_id}/dispute")
    [opened] = events_of(site, "charge.dispute.created")
    assert site.deliver(opened).json == {"result": "processed"}
    assert rows(site.app, "SELECT kind FROM mail WHERE kind LIKE 'dispute%'") == [("dispute_opened",)]


def test_another_application_s_dispute_is_foreign_until_its_customer_is_linked(site):
    other = site.simulator.call("POST", "/customers", email="other@example.org")["id"]
    paid = site.simulator.do(f"/customers/{other}/pay", price=site.once)
    site.simulator.do(f"/charges/{paid['id']}/dispute")
    site.simulator.do(f"/charges/{paid['id']}/lose_dispute")
    [closed] = events_of(site, "charge.dispute.closed")
    assert site.deliver(closed).json == {"result": "foreign"}
    assert rows(site.app, "SELECT count(*) FROM dispute") == [(0,)]
    public_id, instance = rows(
        site.app, "SELECT public_id, instance_id FROM \"user\", settings WHERE username = 'jane'"
    )[0]
    made = event(
        "customer.created",
        id=other,
        metadata={"umstripe_user": public_id, "umstripe_instance": instance},
    )
    assert deliver(site.app.test_client(), made).status_code == 200
    assert rows(site.app, "SELECT status FROM purchase") == [("disputed",)]


def test_a_key_that_may_not_read_charges_leaves_the_dispute_to_the_charge_s_event(site):
    from umstripe.database import writing
    from umstripe.models import Connection

    restricted = site.simulator.do("/keys", rights=["customer_write", "subscription_write"])["key"]
    with site.app.app_context(), writing():
        Connection.of("test").secret_key = restricted
    paid = site.simulator.do(f"/customers/{site.customer}/pay", price=site.once)
    site.simulator.do(f"/charges/{paid['id']}/dispute")
    site.simulator.do(f"/charges/{paid['id']}/lose_dispute")
    [closed] = events_of(site, "charge.dispute.closed")
    assert site.deliver(closed).json == {"result": "foreign"}
    for one in events_of(site, "charge.succeeded"):
        site.deliver(one)
    assert rows(site.app, "SELECT status FROM purchase") == [("disputed",)]


def test_the_health_page_names_the_open_disputes(site):
    from umstripe import health
    from umstripe.database import db, now, writing
    from umstripe.models import Connection

    with site.app.app_context(), writing():
        Connection.of("test").connected_at = now()
    paid = site.simulator.do(f"/customers/{site.customer}/pay", price=site.once)
    site.simulator.do(f"/charges/{paid['id']}/dispute")
    [opened] = events_of(site, "charge.dispute.created")
    site.deliver(opened)
    with site.app.app_context():
        [check] = [one for one in health.mode_checks("test") if one.name == "Disputes"]
        assert check.state == "warning" and check.message.startswith("1 dispute of $499.00 is open")
        assert check.link == f"https://dashboard.stripe.com/test/disputes/{opened['data']['object']['id']}"
        db.session.rollback()
