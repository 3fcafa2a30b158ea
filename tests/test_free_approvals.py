"""An order with nothing to pay of a plan with approval waits for an administrator, as a paid one does."""

from __future__ import annotations

import pytest

from tests.people import Browserless, make_administrator
from tests.selling import role_for, roles_of, rows
from tests.shop import Shop
from tests.shopper import Walk

LIST = "/admin/approvals/"


@pytest.fixture
def shop(database_url, tmp_path):
    world = Shop(database_url, tmp_path)
    make_administrator(world.app)
    yield world
    world.stop()


@pytest.fixture
def order(shop):
    """Karl has ordered a free course that needs approval. Return the page that Checkout leads back to."""
    shop.key = shop.offer("Course", interval="", unit_amount=0, approval=True)
    member = shop.member()
    shop.karl = member
    walk = Walk(shop.pay_url(member, shop.key)).press()
    return walk.left_for.removeprefix("http://127.0.0.1:8000")


@pytest.fixture
def admin(shop):
    person = Browserless(shop.app.test_client())
    person.log_in("admin")
    return person


def address(shop, verb):
    return f"{LIST}{rows(shop.app, 'SELECT id FROM purchase')[0][0]}/{verb}"


def decided(shop, **plan):
    from umstripe.database import writing
    from umstripe.models import Plan

    with shop.app.app_context(), writing():
        for name, value in plan.items():
            setattr(Plan.with_key(shop.key), name, value)


def test_it_waits_whichever_brings_it_first(shop, order):
    assert "look at your order first" in shop.karl.get(order).text
    assert shop.statuses() == ["pending"] and role_for("paid") not in roles_of(shop.app, "karl")
    shop.deliver()
    assert shop.statuses() == ["pending"] and role_for("pending") in roles_of(shop.app, "karl")
    assert rows(shop.app, "SELECT kind FROM mail WHERE kind LIKE 'free%'") == [("free_order",)]


def test_its_administrator_sees_it_without_a_time_limit(shop, order, admin):
    shop.deliver()
    page = admin.get(LIST)
    assert "Course" in page.text and "No time limit: nothing to pay" in page.text
    assert "The time is over" not in page.text and "1 waiting" in admin.get("/admin/").text
    assert "There is nothing to pay." in admin.get(address(shop, "approve")).text


def test_approving_it_makes_it_paid_and_asks_stripe_nothing(shop, order, admin):
    shop.deliver()
    shop.simulator.do("/faults", kind="500", times=100)
    page = admin.submit(address(shop, "approve"))
    assert "Approved: karl has Course now." in page.text
    assert shop.statuses() == ["paid"] and role_for("paid") in roles_of(shop.app, "karl")
    assert rows(shop.app, "SELECT kind FROM mail WHERE kind = 'free_order_approved'")


def test_refusing_it_makes_it_failed_for_good(shop, order, admin):
    shop.deliver()
    assert "Refused. There was nothing to pay." in admin.submit(address(shop, "refuse")).text
    assert shop.statuses() == ["failed"]
    decided(shop, approval=False)
    assert "did not approve your order" in shop.karl.get(order).text
    assert shop.statuses() == ["failed"] and role_for("paid") not in roles_of(shop.app, "karl")
    shop.seen = set()
    shop.deliver("checkout.session.completed")
    assert shop.statuses() == ["failed"]


@pytest.mark.parametrize("first", ["approve", "refuse"])
def test_the_second_of_two_answers_hears_of_the_first(shop, order, admin, first):
    shop.deliver()
    second = "refuse" if first == "approve" else "approve"
    page = admin.get(address(shop, second))
    admin.submit(address(shop, first))
    status = shop.statuses()
    form = page.forms[-1]
    answer = admin.client.post(address(shop, second), data=form["fields"], follow_redirects=True)
    assert "already" in answer.text and shop.statuses() == status


def test_a_plan_that_wants_no_approval_gives_a_free_order_at_once_and_keeps_it(shop, admin):
    shop.key = shop.offer("Gift", interval="", unit_amount=0)
    walk = Walk(shop.pay_url(shop.member(), shop.key)).press()
    shop.deliver()
    assert walk.left_for and shop.statuses() == ["paid"]
    decided(shop, approval=True)
    shop.seen = set()
    shop.deliver("checkout.session.completed")
    assert shop.statuses() == ["paid"] and "Nothing waits for your approval." in admin.get(LIST).text


def test_a_promotion_code_for_everything_does_not_get_around_the_approval(shop):
    coupon = shop.simulator.call("POST", "/coupons", percent_off=100, duration="once")["id"]
    promotion = {"promotion[type]": "coupon", "promotion[coupon]": coupon}
    shop.simulator.call("POST", "/promotion_codes", code="ALLOFIT", **promotion)
    shop.key = shop.offer("Course", interval="", unit_amount=2900, promotion_codes=True)
    walk = Walk(shop.pay_url(shop.member(), shop.key))
    decided(shop, approval=True)
    walk.press("apply", promotion_code="ALLOFIT").press()
    shop.deliver()
    assert shop.statuses() == ["pending"] and role_for("paid") not in roles_of(shop.app, "karl")


def test_health_counts_what_waits_without_a_time_limit(shop, order):
    from umstripe import health
    from umstripe.database import db, now, writing
    from umstripe.models import Connection

    shop.deliver()
    with shop.app.app_context(), writing():
        Connection.of("test").connected_at = now()
    with shop.app.app_context():
        [check] = [one for one in health.mode_checks("test") if one.name == "Approvals"]
        assert (
            check.message
            == "1 order waits for your approval. Nothing is to be paid, so there is no time limit."
        )
        db.session.rollback()
