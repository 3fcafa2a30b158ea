"""Plans: what is for sale, to whom and when; what an administrator says of them, and what that does to members."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.selling import make_plan, open_shop

TOMORROW = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def shop(app, admin):
    """The administrator has id 1, Jane 2; the plans are 1 (recurring) and 2 (one-time)."""
    open_shop(app)
    return admin


def set_plan(app, plan_id=1, **values):
    """Set columns of a plan; `password` sets its password, `price` columns of its price."""
    from umstripe.database import db, writing
    from umstripe.models import Plan

    with app.app_context(), writing():
        plan = db.session.get(Plan, plan_id)
        for name, value in values.pop("price", {}).items():
            setattr(plan.price, name, value)
        if "password" in values:
            plan.set_password(values.pop("password"))
        for name, value in values.items():
            setattr(plan, name, value)


def why(app, mode="test", **visitor):
    from umstripe.database import db
    from umstripe.models import Plan

    with app.app_context():
        return db.session.get(Plan, 1).why_not_for_sale(mode, **visitor)


# What is for sale


def test_a_published_public_plan_can_be_bought(app, shop):
    assert why(app) == ""


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"status": "draft"}, "is not open"),
        ({"status": "closed"}, "has ended"),
        ({"visibility": "private"}, "is not open"),
        ({"published_at": TOMORROW}, "opens on"),
        ({"visibility": "password", "password": "sesame"}, "password"),
        ({"price": {"active": False}}, "has ended"),
        ({"price": {"deleted": True, "active": False}}, "has ended"),
        ({"price": {"skipped": "Tiered prices are not supported."}}, "has ended"),
    ],
)
def test_what_cannot_be_bought_says_why_and_is_not_on_offer(app, shop, values, words):
    set_plan(app, **values)
    assert words in why(app)
    assert on_offer(app) == ["Lifetime"]


def on_offer(app, mode="test"):
    from umstripe.models import Plan

    with app.app_context():
        return [plan.title for plan in Plan.on_offer(mode)]


def test_a_plan_of_the_other_mode_does_not_exist(app, shop):
    assert "does not exist" in why(app, "live") and on_offer(app, "live") == []


def test_a_date_that_has_come_opens_the_offer(app, shop):
    set_plan(app, published_at=datetime.now(UTC) - timedelta(minutes=1))
    assert why(app) == "" and on_offer(app) == ["Basic", "Lifetime"]


def test_a_private_plan_is_for_administrators_and_a_locked_one_for_who_knows_the_password(app, shop):
    set_plan(app, visibility="private")
    assert why(app, is_administrator=True) == ""
    set_plan(app, visibility="password", password="sesame")
    assert why(app, unlocked=True) == ""


def test_a_password_is_stored_as_a_hash_and_no_password_opens_nothing(app, shop):
    from umstripe.database import db
    from umstripe.models import Plan

    set_plan(app, password="sesame")
    with app.app_context():
        plan, other = db.session.get(Plan, 1), db.session.get(Plan, 2)
        assert "sesame" not in plan.password_hash
        assert plan.check_password("sesame") and not plan.check_password("Sesame")
        assert not plan.check_password("") and not other.check_password("") and not other.check_password("x")


def test_a_plan_is_found_by_either_key_exactly(app, shop):
    from umstripe.database import db
    from umstripe.models import Plan

    make_plan(app, "price_live", ["active"], mode="live")
    with app.app_context():
        plan = db.session.get(Plan, 1)
        assert Plan.with_key(plan.key) is plan and Plan.with_key(plan.short_key) is plan
        for wrong in (
            "",
            plan.key[:-1],
            plan.key + "\x00",
            "%",
            "Ünïcödé 🎻",
            "1",
            plan.key.swapcase() + "x",
        ):
            assert Plan.with_key(wrong) is None, wrong
