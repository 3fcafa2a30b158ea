"""Payments that an administrator approves: reserved at Stripe, then taken or given back."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import time_machine

from tests.at_stripe import AtStripe
from tests.people import Browserless, make_administrator
from tests.selling import PURCHASE_STATUSES, make_plan, role_for, roles_of, rows
from umstripe.models.plan import end_after

DAY = 24 * 3600
LIST = "/admin/approvals/"


@pytest.fixture
def site(database_url, tmp_path):
    world = AtStripe(database_url, tmp_path)
    price = world.simulator.prices()["Lifetime Access"]
    plan_id = make_plan(world.app, price, PURCHASE_STATUSES, type="one_time", nickname="Lifetime Access")
    lasts_a_month(world.app, plan_id)
    world.charge = world.simulator.do(f"/customers/{world.customer}/pay", price=price, status="uncaptured")
    told(world, "charge.succeeded")
    yield world
    world.stop()


def lasts_a_month(app, plan_id):
    from umstripe.database import db, writing
    from umstripe.models import Plan

    with app.app_context(), writing():
        plan = db.session.get_one(Plan, plan_id)
        plan.duration_count, plan.duration_unit = 1, "month"


def connected(app):
    from umstripe.database import now, writing
    from umstripe.models import Connection

    with app.app_context(), writing():
        Connection.of("test").connected_at = now()


@pytest.fixture
def admin(site):
    make_administrator(site.app)
    return logged_in(site)


def logged_in(site, username="admin"):
    person = Browserless(site.app.test_client())
    person.log_in(username)
    return person


def told(site, type_):
    """The deliveries of a type, all over again."""
    for event in site.events():
        if event["type"] == type_ and event["data"]["object"]["customer"] == site.customer:
            assert site.deliver(event).status_code == 200


def status(site):
    return rows(site.app, "SELECT status FROM purchase")[0][0]


def must_last_a_month(site, since):
    """It is paid since that second or later, and ends a calendar month after."""
    created, ends_at = rows(site.app, "SELECT created, ends_at FROM purchase")[0]
    assert since <= created <= time.time() + 1
    assert ends_at == end_after(created, 1, "month")


def address(site, verb):
    return f"{LIST}{rows(site.app, 'SELECT id FROM purchase')[0][0]}/{verb}"


def at_stripe(site):
    return site.simulator.call("GET", f"/charges/{site.charge['id']}")


def test_a_payment_that_waits_is_listed_and_counted_in_the_menu(site, admin):
    page = admin.get(LIST)
    assert "jane@example.org" in page.text and "Lifetime Access" in page.text and "$499.00" in page.text
    assert "1 waiting" in admin.get("/admin/").text
    assert roles_of(site.app, "jane") == [role_for("pending")]


def test_approving_takes_the_money_and_gives_the_role_at_once(site, admin):
    assert "Approve and take $499.00" in admin.get(address(site, "approve")).html
    page = admin.submit(address(site, "approve"))
    assert "Approved: jane has paid $499.00 for Lifetime Access." in page.text
    assert at_stripe(site)["captured"] and status(site) == "paid"
    assert roles_of(site.app, "jane") == [role_for("paid")]
    assert "Nothing waits for your approval." in page.text and "waiting" not in page.text
    lines = rows(site.app, "SELECT trigger, description FROM activity WHERE action = 'purchase.approve'")
    assert lines == [("admin", "jane: Approved: jane has paid $499.00 for Lifetime Access.")]
    told(site, "charge.captured")
    assert rows(site.app, "SELECT kind, about FROM mail") == [("order_paid", site.charge["payment_intent"])]


def test_the_delivery_that_follows_changes_nothing(site, admin):
    admin.submit(address(site, "approve"))
    before = rows(site.app, "SELECT status, amount, charged_at, ends_at FROM purchase")
    told(site, "charge.captured")
    assert rows(site.app, "SELECT status, amount, charged_at, ends_at FROM purchase") == before


def test_refusing_gives_it_back(site, admin):
    page = admin.submit(address(site, "refuse"))
    assert "Refused: the $499.00 that were reserved are given back" in page.text
    assert at_stripe(site)["refunded"] and not at_stripe(site)["captured"]
    assert status(site) == "failed" and roles_of(site.app, "jane") == []
    told(site, "charge.refunded")
    assert status(site) == "failed"
    assert rows(site.app, "SELECT kind FROM mail") == [("order_failed",)]


def test_without_a_yes_nothing_is_asked_of_stripe(site, admin):
    admin.get(address(site, "approve"))
    admin.get(address(site, "refuse"))
    assert status(site) == "pending" and not at_stripe(site)["captured"]


def test_one_that_was_captured_in_stripe_s_dashboard_is_said_to_be_approved(site, admin):
    site.simulator.do(f"/charges/{site.charge['id']}/capture")
    page = admin.submit(address(site, "refuse"))
    assert "This payment has been approved already." in page.text
    assert status(site) == "paid" and at_stripe(site)["captured"]


def test_one_whose_time_was_over_takes_nothing(site, admin):
    site.simulator.do(f"/charges/{site.charge['id']}/expire")
    page = admin.submit(address(site, "approve"))
    assert "The reservation has ended already" in page.text and "Nothing was taken." in page.text
    assert status(site) == "failed"


def test_the_second_of_two_administrators_hears_what_the_first_has_done(site, admin):
    where = address(site, "approve")
    form = admin.get(where).form()
    admin.submit(where)
    answer = admin.client.post(where, data=form["fields"], follow_redirects=True)
    assert "This payment has been approved already." in answer.text
    make_administrator(site.app, "bob")
    page = logged_in(site, "bob").get(where.replace("approve", "refuse"))
    assert "This payment does not wait any more." in page.text


def test_a_double_click_and_two_answers_at_once_end_in_one(site, admin):
    where = [address(site, ("approve", "refuse")[number % 2]) for number in range(4)]
    people = [logged_in(site) for _ in where]
    forms = [person.get(there).form()["fields"] for person, there in zip(people, where, strict=True)]

    def click(number):
        person = people[number].client
        return person.post(where[number], data=forms[number], follow_redirects=True).text

    with ThreadPoolExecutor(4) as threads:
        pages = list(threads.map(click, range(4)))
    charge = at_stripe(site)
    assert status(site) == ("paid" if charge["captured"] else "failed")
    assert charge["captured"] != charge["refunded"]
    done = "Approved: jane" if charge["captured"] else "Refused: the"
    assert any(done in page for page in pages)
    assert all(done in page or "already" in page for page in pages)


def test_when_stripe_is_down_it_waits_as_before(site, admin):
    site.simulator.do("/faults", kind="500", path="/v1/payment_intents", times=50)
    page = admin.submit(address(site, "approve"))
    assert "Nothing has changed: Stripe has a problem at the moment" in page.text
    assert status(site) == "pending"
    site.simulator.mend()
    assert "Approved: jane" in admin.submit(address(site, "approve")).text


def test_an_answer_of_stripe_s_that_gets_lost_takes_the_money_once(site, admin):
    site.simulator.do("/faults", kind="drop", path="/v1/payment_intents", times=1, when="after")
    began = int(time.time())
    admin.submit(address(site, "approve"))
    assert status(site) == "paid" and at_stripe(site)["amount_captured"] == 49900
    must_last_a_month(site, began)
    told(site, "charge.captured")
    must_last_a_month(site, began)
    assert roles_of(site.app, "jane") == [role_for("paid")]


@pytest.mark.parametrize("when", ["amid", "after"])
def test_a_failure_that_stripe_repeats_for_a_day_keeps_nobody_from_approving(site, admin, when):
    site.simulator.do("/faults", kind="500", path="/v1/payment_intents", method="POST", times=1, when=when)
    site.simulator.do("/faults", kind="500", path="/v1/payment_intents", method="GET", times=1)
    began = int(time.time())
    for _ in range(2):
        admin.submit(address(site, "approve"))
        if status(site) == "paid":
            break
    assert status(site) == "paid" and at_stripe(site)["amount_captured"] == 49900
    must_last_a_month(site, began)


def test_two_administrators_who_approve_at_once_start_the_membership_once(site, admin):
    where, began = address(site, "approve"), int(time.time())
    people = [logged_in(site) for _ in range(3)]
    forms = [one.get(where).form()["fields"] for one in people]
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda one, form: one.client.post(where, data=form), people, forms))
    assert status(site) == "paid"
    must_last_a_month(site, began)
    told(site, "charge.captured")
    must_last_a_month(site, began)


def test_health_and_a_mail_warn_two_days_before_the_amount_goes_back(site, admin):
    from umstripe.health import mode_checks
    from umstripe.jobs import schedule

    connected(site.app)
    until = rows(site.app, "SELECT capture_before FROM purchase")[0][0]
    for at, state, mails in (
        (until - 3 * DAY, "good", 0),
        (until - DAY, "warning", 1),
        (until, "warning", 1),
    ):
        with time_machine.travel(at, tick=False):
            schedule.every_ten_minutes.__wrapped__(None, None)
            schedule.every_ten_minutes.__wrapped__(None, None)
            with site.app.app_context():
                assert [one.state for one in mode_checks("test") if one.name == "Approvals"] == [state]
        assert rows(site.app, "SELECT count(*) FROM mail WHERE kind = 'approval'") == [(mails,)]
    with site.app.app_context():
        from umstripe.database import db
        from umstripe.emails import outbox
        from umstripe.models import Mail

        mail = db.session.query(Mail).filter_by(kind="approval").one()
        text = outbox.render_mail(mail, with_secrets=True).text
    assert mail.address == "admin@example.org" and "/admin/approvals/" in text
    assert "jane has paid $499.00 for Lifetime Access" in text


def test_the_list_says_how_urgent_it_is(site, admin):
    until = rows(site.app, "SELECT capture_before FROM purchase")[0][0]
    assert until > time.time() + 6 * DAY
    assert "Less than two days" not in admin.get(LIST).text
    for at, words in ((until - DAY, "Less than two days are left."), (until + 1, "The time is over")):
        with time_machine.travel(at, tick=False):
            assert words in logged_in(site).get(LIST).text


def test_the_user_s_page_shows_until_when_and_leads_to_the_answer(site, admin):
    user_id = rows(site.app, "SELECT id FROM \"user\" WHERE username = 'jane'")[0][0]
    page = admin.get(f"/admin/users/{user_id}")
    assert "Reserved until" in page.text
    assert address(site, "approve") in page.html and address(site, "refuse") in page.html


def test_a_payment_that_nobody_knows_is_no_page(site, admin):
    admin.get(f"{LIST}99/approve", 404)
    admin.get(f"{LIST}1/steal", 404)
