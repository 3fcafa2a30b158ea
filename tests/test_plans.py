"""Plans: what is for sale, to whom and when; what an administrator says of them, and what that does to members."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from tests.people import Browserless, make_administrator, make_user
from tests.selling import (
    PURCHASE_STATUSES,
    STATUSES,
    make_plan,
    open_shop,
    role_for,
    roles_of,
    rows,
    settings,
)
from tests.stripe_events import deliver, subscription_event

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


# The edit screen

EDIT = "/admin/plans/1"
ONE_TIME = "/admin/plans/2"


def stored(app, column, plan_id=1):
    return rows(app, f"SELECT {column} FROM plan WHERE id = :id", id=plan_id)[0][0]


def said(app):
    return [
        one for (one,) in rows(app, "SELECT description FROM activity WHERE action LIKE 'plan.%' ORDER BY id")
    ]


def test_everything_a_recurring_plan_says_is_saved_and_shown_again(app, shop):
    other = make_plan(app, "price_gold", [], nickname="Gold", interval="month", unit_amount=1999)
    (price,) = rows(app, "SELECT price_id FROM plan WHERE id = :id", id=other)[0]
    typed = {"description": "All of it.\nEvery month.", "trial_days": "14", "incomplete_role": "2"}
    page = shop.submit(EDIT, **typed, promotion_codes="y", extra={"switch_prices": [str(price)]})
    assert "Plan updated." in page.text
    fields = page.form("trial_days")["fields"]
    assert fields["trial_days"] == ["14"] and fields["description"] == ["All of it.\nEvery month."]
    assert fields["promotion_codes"] and fields["switch_prices"] == [str(price)]
    assert fields["incomplete_role"] == ["2"]
    (line,) = said(app)
    for words in ("description changed", "trial days: none → 14", "promotion codes: no → yes"):
        assert words in line
    assert "switch prices: Gold – $19.99 / month" in line and "Incomplete Role: none → Subscriber" in line


def test_everything_a_one_time_plan_says_is_saved_and_shown_again(app, shop):
    typed = {"duration_count": "3", "duration_unit": "month", "pending_role": "2", "approval": "y"}
    page = shop.submit(ONE_TIME, **typed)
    assert "Plan updated." in page.text
    fields = page.form("duration_count")["fields"]
    assert fields["duration_count"] == ["3"] and fields["duration_unit"] == ["month"] and fields["approval"]
    assert fields["pending_role"] == ["2"] and "trial_days" not in fields
    page = shop.submit(ONE_TIME, duration_count="", duration_unit="")
    assert "Plan updated." in page.text and stored(app, "duration_count", 2) is None


def test_a_plan_with_a_price_of_0_can_wait_for_approval(app, shop):
    set_plan(app, 2, price={"unit_amount": 0})
    assert "Plan updated." in shop.submit(ONE_TIME, approval="y").text
    assert stored(app, "approval", 2)


def test_the_screen_says_what_approval_asks_of_payment_links_and_codes(app, shop):
    assert "captures later" not in shop.get(EDIT).text and "nothing to reserve" not in shop.get(EDIT).text
    assert "capture later" not in shop.get(ONE_TIME).text
    set_plan(app, 2, approval=True)
    text = shop.get(ONE_TIME).text
    assert "“capture later”" in text and "a code for the whole amount would leave nothing to reserve" in text


NUMBERS = ["1", "0", "-3", "731", "1.5", "1e2", "abc", "٣", "9" * 40, "%00"]


@pytest.mark.one_database
@pytest.mark.parametrize("typed", NUMBERS)
def test_a_wrong_trial_is_refused_at_its_field_and_nothing_is_lost(app, shop, typed):
    page = shop.submit(EDIT, trial_days=typed, title="Kept")
    assert 'id="trial_days-error"' in page.html and "The plan is not saved yet." in page.text
    assert page.form("trial_days")["fields"]["title"] == ["Kept"]
    assert page.form("trial_days")["fields"]["trial_days"] == [typed]
    assert stored(app, "trial_days") is None and stored(app, "own_title") == ""


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("count", "unit"), [("0", "day"), ("", "week"), ("3", ""), ("1201", "month"), ("x", ""), ("1", "year")]
)
def test_a_wrong_duration_is_refused_at_its_field(app, shop, count, unit):
    page = shop.submit(ONE_TIME, duration_count=count, duration_unit=unit)
    assert "The plan is not saved yet." in page.text and stored(app, "duration_count", 2) is None
    assert page.form("duration_count")["fields"]["duration_count"] == [count]


@pytest.mark.one_database
@pytest.mark.parametrize("status", [*STATUSES, "incomplete"])
def test_a_role_that_does_not_exist_is_refused_in_words(shop, status):
    page = shop.submit(EDIT, **{f"{status}_role": "99"})
    assert f'id="{status}_role-error"' in page.html and "This role does not exist any more." in page.text


def test_switch_prices_are_recurring_ones_of_the_same_mode_and_currency(app, shop):
    make_plan(app, "price_euro", [], nickname="Euro", currency="eur")
    make_plan(app, "price_live", [], nickname="Live", mode="live")
    make_plan(app, "price_old", [], nickname="Archived", active=False)
    make_plan(app, "price_gold", [], nickname="Gold")
    page = shop.get(EDIT)
    options = page.html.split("<template>")[1].split("</template>")[0]
    assert "Gold" in options
    for other in ("Euro", "Live", "Archived", "Lifetime", "Basic"):
        assert other not in options, other
    ids = dict(rows(app, "SELECT nickname, id FROM price"))
    for name in ("Euro", "Live", "Archived", "Lifetime", "Basic"):
        page = shop.submit(EDIT, title="Kept", extra={"switch_prices": [str(ids[name]), str(ids["Gold"])]})
        assert 'id="switch_prices-error"' in page.html and "Kept" in page.html, name
        assert page.form("title")["fields"]["switch_prices"] == ["0", str(ids["Gold"])] or name in ("Basic",)
    assert rows(app, "SELECT * FROM plan_switch_price") == []


def test_a_switch_price_that_was_archived_meanwhile_stays_until_it_is_removed(app, shop):
    gold = make_plan(app, "price_gold", [], nickname="Gold")
    (price,) = rows(app, "SELECT price_id FROM plan WHERE id = :id", id=gold)[0]
    shop.submit(EDIT, "trial_days", extra={"switch_prices": [str(price)]})
    set_plan(app, gold, price={"active": False})
    assert "Plan updated." in shop.submit(EDIT, title="New").text
    assert "not for sale any more" in shop.get(EDIT).html
    assert rows(app, "SELECT price_id FROM plan_switch_price") == [(price,)]
    page = shop.submit(EDIT, "trial_days", extra={"remove_price": "0"})
    assert "switch_prices" not in page.form("trial_days")["fields"]
    assert "Plan updated." in shop.send(EDIT, page, "trial_days").text
    assert rows(app, "SELECT price_id FROM plan_switch_price") == []


def test_without_script_a_button_adds_a_row_and_keeps_what_was_typed(app, shop):
    make_plan(app, "price_gold", [], nickname="Gold")
    page = shop.submit(EDIT, title="Typed", trial_days="x", extra={"add_price": "yes"})
    fields = page.form("trial_days")["fields"]
    assert fields["switch_prices"] == ["0"] and fields["title"] == ["Typed"] and fields["trial_days"] == ["x"]
    assert "The plan is not saved yet." not in page.text and stored(app, "own_title") == ""


# Publish


def test_status_visibility_and_date_are_saved(app, shop):
    page = shop.submit(EDIT, extra={"status": "draft"}, visibility="private", published_at="2031-05-04T10:30")
    assert "Plan updated." in page.text and "Status: Draft" in page.text
    assert page.form("published_at")["fields"]["published_at"] == ["2031-05-04T10:30"]
    page = shop.submit(EDIT, "title", extra={"status": "published"})
    assert (
        "Status: Scheduled" in page.text
        and "Visibility: Private" in page.text
        and "May 4, 2031, 10:30 AM UTC" in page.text
    )
    assert "status: Published → Draft" in said(app)[0] and "published at: none → May 4, 2031" in said(app)[0]


def test_a_draft_that_is_published_is_dated_now(app, shop):
    set_plan(app, status="draft")
    shop.submit(EDIT, "title", extra={"status": "published"})
    assert stored(app, "published_at") is not None and why(app) == ""


@pytest.mark.one_database
@pytest.mark.parametrize("typed", ["soon", "2031-13-01T00:00", "1066-10-14T09:00", "9999-12-31T23:59", "0"])
def test_a_wrong_date_is_refused_at_its_field(app, shop, typed):
    page = shop.submit(EDIT, published_at=typed, title="Kept")
    assert 'id="published_at-error"' in page.html and stored(app, "published_at") is None
    assert page.form("published_at")["fields"]["published_at"] == [typed]


def test_a_password_is_asked_for_kept_when_empty_and_never_sent_back(app, shop):
    page = shop.submit(EDIT, visibility="password")
    assert "Type the password that opens this plan." in page.text
    page = shop.submit(EDIT, visibility="password", password="open sesame")
    assert "Plan updated." in page.text and "open sesame" not in page.html
    first = stored(app, "password_hash")
    assert "open sesame" not in first and first not in page.html
    assert "Plan updated." in shop.submit(EDIT, title="Other").text and stored(app, "password_hash") == first
    assert "password changed" in said(app)[0] and "sesame" not in str(said(app))


def test_a_password_that_was_typed_survives_an_error_elsewhere_without_being_sent_back(app, shop):
    page = shop.submit(EDIT, visibility="password", password="open sesame", trial_days="1")
    assert 'id="trial_days-error"' in page.html and "open sesame" not in page.html
    page = shop.send(EDIT, page, trial_days="14")
    assert "Plan updated." in page.text
    with app.app_context():
        from umstripe.database import db
        from umstripe.models import Plan

        assert db.session.get(Plan, 1).check_password("open sesame")


@pytest.mark.parametrize("sealed", ["x", "ü", "gAAAAA", "\x00"])
def test_a_forged_seal_is_no_password(app, shop, sealed):
    page = shop.submit(EDIT, visibility="password", sealed=sealed)
    assert "Type the password that opens this plan." in page.text


@pytest.mark.parametrize(
    ("name", "typed"), [("status", "sold"), ("visibility", "x"), ("description", "x" * 1001)]
)
def test_what_is_no_choice_is_refused(app, shop, name, typed):
    assert "The plan is not saved yet." in shop.submit(EDIT, name, extra={name: typed}).text
    assert stored(app, name) in ("published", "public", "")


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"status": "closed"}, "Closed: nobody new can take it"),
        ({"price": {"active": False}}, "Closed: the price is archived at Stripe"),
        ({"price": {"active": False, "deleted": True}}, "Closed: the price was deleted at Stripe"),
        (
            {"price": {"skipped": "Tiered prices are not supported."}},
            "Closed: tiered prices are not supported",
        ),
        ({"status": "draft", "price": {"active": False}}, "Draft"),
        ({"published_at": TOMORROW}, "Scheduled"),
    ],
)
def test_the_status_is_said_in_words_on_both_screens(app, shop, values, words):
    set_plan(app, **values)
    assert words in shop.get(EDIT).text and words in shop.get("/admin/plans/").text


def test_the_list_says_who_a_plan_is_for(app, shop):
    set_plan(app, visibility="password")
    set_plan(app, 2, visibility="private")
    page = shop.get("/admin/plans/").text
    assert "Published, password protected" in page and "Published, private" in page


def test_the_links_are_absolute_and_the_switch_link_is_for_recurring_plans(app, shop):
    key, short = rows(app, "SELECT key, short_key FROM plan WHERE id = 1")[0]
    html = shop.get(EDIT).html
    for path in (f"subscribe/{short}", f"subscribe/{key}", f"switch-plan/{key}", f"register?plan={key}"):
        assert f'value="http://127.0.0.1:8000/{path}"' in html
    assert "switch-plan" not in shop.get(ONE_TIME).html


# Plans made by hand


def free_price(app, price_id="price_free", **values):
    """A price that is for sale and has no plan. Gives its id here."""
    from umstripe.database import db, writing
    from umstripe.models import Price

    columns = {"type": "recurring", "currency": "usd", "unit_amount": 500, "interval": "month", "as_of": 1}
    with app.app_context(), writing():
        price = Price(
            mode=values.pop("mode", "test"),
            stripe_price_id=price_id,
            stripe_product_id="prod_1",
            nickname=price_id,
            **{**columns, **values},
        )
        db.session.add(price)
        db.session.flush()
        return price.id


def test_a_plan_is_made_by_hand_as_a_draft_and_its_price_may_still_be_chosen(app, shop):
    assert "has a plan already" in shop.get("/admin/plans/add").text
    first, second = free_price(app), free_price(app, "price_once", type="one_time", interval="")
    page = shop.submit("/admin/plans/add", title="Mine", price_id=str(first))
    assert "made as a draft" in page.text and "Status: Draft" in page.text
    address = "/admin/plans/3"
    assert page.form("price_id")["fields"]["price_id"] == [str(first)]
    assert {status for (status,) in rows(app, "SELECT status FROM plan_role WHERE plan_id = 3")} == set(
        STATUSES
    )
    page = shop.submit(address, price_id=str(second), trial_days="5")
    assert "Plan updated." in page.text and "Role on payment" in page.text
    assert {status for (status,) in rows(app, "SELECT status FROM plan_role WHERE plan_id = 3")} == set(
        PURCHASE_STATUSES
    )
    assert stored(app, "trial_days", 3) is None and stored(app, "own_title", 3) == "Mine"
    assert said(app)[0] == "Mine made by hand for price_free"


def test_a_price_of_the_other_mode_not_for_sale_or_with_a_plan_is_refused(app, shop):
    free_price(app)
    others = [
        free_price(app, "price_live", mode="live"),
        free_price(app, "price_old", active=False),
        *rows(app, "SELECT price_id FROM plan WHERE id = 1")[0],
        "99",
        "x",
        "",
    ]
    for other in others:
        page = shop.submit("/admin/plans/add", title="Kept", price_id=str(other))
        assert 'id="price_id-error"' in page.html and "Kept" in page.html, other
    assert rows(app, "SELECT count(*) FROM plan") == [(2,)]


def test_a_price_that_got_a_plan_meanwhile_is_said_at_the_field(app, shop):
    first, second = free_price(app), free_price(app, "price_second")
    shop.submit("/admin/plans/add", price_id=str(first))
    page = shop.get("/admin/plans/3")
    shop.submit("/admin/plans/add", price_id=str(second))
    page = shop.send("/admin/plans/3", page, price_id=str(second), title="Kept")
    assert 'id="price_id-error"' in page.html and "Kept" in page.html


def test_two_administrators_who_make_a_plan_of_one_price_at_once_make_one(app, shop):
    price, add = str(free_price(app)), "/admin/plans/add"
    opened = [(one, one.get(add)) for one in (shop, second_admin(app))]
    with ThreadPoolExecutor(2) as threads:
        pages = list(threads.map(lambda pair: pair[0].send(add, pair[1], price_id=price), opened))
    assert rows(app, "SELECT count(*) FROM plan WHERE price_id = :id", id=int(price)) == [(1,)]
    assert sorted("made as a draft" in page.text for page in pages) == [False, True]


def second_admin(app):
    make_administrator(app, "other")
    other = Browserless(app.test_client())
    other.log_in("other")
    return other


def test_the_price_is_locked_once_somebody_holds_the_plan(app, shop):
    first, second = free_price(app), free_price(app, "price_second")
    shop.submit("/admin/plans/add", price_id=str(first))
    page = shop.get("/admin/plans/3")
    deliver(app.test_client(), subscription_event("active", price="price_free"))
    assert 'name="price_id"' not in shop.get("/admin/plans/3").html
    shop.send("/admin/plans/3", page, price_id=str(second))
    assert stored(app, "price_id", 3) == first


def test_a_plan_made_for_a_price_that_somebody_holds_gives_no_role_unseen(app, shop):
    price = free_price(app)
    deliver(app.test_client(), subscription_event("active", price="price_free"))
    shop.submit("/admin/plans/add", price_id=str(price))
    assert roles_of(app, "jane") == []
    assert "1 member: 1 gets Subscriber." in shop.submit("/admin/plans/3", active_role="2").text


# Two administrators, and the preview


def test_the_second_of_two_administrators_hears_of_the_first_and_loses_nothing(app, shop):
    page = shop.get(EDIT)
    second_admin(app).submit(EDIT, title="Theirs", trial_days="7")
    page = shop.send(EDIT, page, title="Mine", trial_days="14")
    assert "Another administrator changed this plan" in page.text
    assert page.form("title")["fields"]["title"] == ["Mine"] and stored(app, "own_title") == "Theirs"
    assert "Plan updated." in shop.send(EDIT, page, "title").text
    assert (stored(app, "own_title"), stored(app, "trial_days")) == ("Mine", 14)


def test_the_preview_says_whose_roles_change_and_saves_nothing(app, shop):
    deliver(app.test_client(), subscription_event("active"))
    page = shop.submit(EDIT, active_role="2", title="Later", visibility="password", password="sesame")
    assert "1 member: 1 gets Subscriber, 1 loses Active Member." in page.text
    assert "jane Active Member Subscriber" in page.text and 'href="/admin/users/2"' in page.html
    assert "sesame" not in page.html
    assert (
        roles_of(app, "jane") == [role_for("active")] and stored(app, "own_title") == "" and said(app) == []
    )
    back = shop.send(EDIT, page, "active_role", extra={"back": "yes"})
    fields = back.form("active_role")["fields"]
    assert (
        fields["title"] == ["Later"]
        and fields["active_role"] == ["2"]
        and fields["visibility"] == ["password"]
    )
    page = shop.send(EDIT, shop.send(EDIT, back, "active_role"), "active_role", extra={"confirmed": "yes"})
    assert "Plan updated." in page.text and roles_of(app, "jane") == ["Subscriber"]
    assert stored(app, "password_hash") and "Active Role: Active Member → Subscriber" in said(app)[0]


def test_a_change_that_nobody_feels_is_saved_at_once(app, shop):
    deliver(app.test_client(), subscription_event("active"))
    assert "Plan updated." in shop.submit(EDIT, past_due_role="2").text
    settings(app, sandbox=False)
    assert "Plan updated." in shop.submit(EDIT, active_role="2").text


def test_the_preview_counts_and_lists_at_most_twenty(app, shop):
    for number in range(25):
        make_user(app, f"member{number:02}")
        made = subscription_event("active", customer=f"cus_member{number:02}", id_=f"sub_{number}")
        assert deliver(app.test_client(), made).status_code == 200
    page = shop.submit(EDIT, active_role="0")
    assert "25 members: 25 lose Active Member." in page.text and "and 5 more" in page.text
    assert page.html.count('class="row-title"') == 20


# The list


def test_the_list_counts_live_memberships(app, shop):
    for number, status in enumerate(("active", "past_due", "canceled", "incomplete")):
        make_user(app, f"member{number}")
        deliver(
            app.test_client(), subscription_event(status, customer=f"cus_member{number}", id_=f"sub_{number}")
        )
    assert listed(shop, "Subscribers") == ["2", "0"]
    shop.submit(EDIT, "trial_days", extra={"incomplete_role": "2", "confirmed": "yes"})
    assert listed(shop, "Subscribers") == ["3", "0"]


def listed(person, label, query=""):
    html = person.get(f"/admin/plans/{query}").html
    return re.findall(f'data-label="{label}">([^<]*)<', html)


def titles(person, query=""):
    return re.findall(r'class="row-title"[^>]*>([^<]*)<', person.get(f"/admin/plans/{query}").html)


def test_the_list_is_narrowed_by_state_and_ordered(app, shop):
    make_plan(app, "price_archived", [], nickname="Archived", active=False, unit_amount=1)
    make_plan(app, "price_draft", [], nickname="Draft", unit_amount=2)
    set_plan(app, 4, status="draft")
    assert titles(shop, "?state=published") == ["Basic", "Lifetime"]
    assert titles(shop, "?state=draft") == ["Draft"] and titles(shop, "?state=closed") == ["Archived"]
    assert titles(shop, "?sort=title") == ["Archived", "Basic", "Draft", "Lifetime"]
    assert titles(shop, "?sort=title&order=desc") == ["Lifetime", "Draft", "Basic", "Archived"]
    assert titles(shop, "?sort=price")[:2] == ["Archived", "Draft"]
    assert titles(shop, "?sort=id&order=desc")[0] == "Draft" and len(titles(shop, "?sort=date")) == 4
    assert len(titles(shop, "?sort=nonsense&state=nonsense&order=x")) == 4


def test_a_long_list_takes_as_many_queries_as_a_short_one(app, shop):
    from sqlalchemy import event

    from umstripe.database import db

    def queries():
        asked = []
        with app.app_context():
            engine = db.engine
        event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
        shop.get("/admin/plans/")
        return len(asked)

    short = queries()
    for number in range(15):
        make_plan(app, f"price_{number}", STATUSES, nickname=f"Plan {number}")
    assert queries() <= short


def test_bulk_actions_change_the_ticked_plans_and_go_back_to_the_list(app, shop):
    page = shop.submit("/admin/plans/?sort=title", "ids", extra={"ids": ["1", "2"], "action": "draft"})
    assert "2 plans are a draft now." in page.text
    assert rows(app, "SELECT status FROM plan") == [("draft",), ("draft",)] and len(said(app)) == 2
    page = shop.submit("/admin/plans/", "ids", extra={"button": "published-2"})
    assert "1 plan is published now." in page.text and stored(app, "status", 2) == "published"


def test_publishing_a_plan_whose_price_is_archived_says_that_it_stays_closed(app, shop):
    set_plan(app, status="closed", price={"active": False})
    page = shop.submit("/admin/plans/", "ids", extra={"ids": ["1"], "action": "published"})
    assert "0 plans are published now. “Basic” stays closed: the price is archived at Stripe." in page.text


@pytest.mark.one_database
@pytest.mark.parametrize(
    "typed",
    [{}, {"ids": "1"}, {"action": "draft"}, {"ids": ["x", "99", "-1"], "action": "draft"}, {"button": "x-1"}],
)
def test_a_bulk_action_without_plans_or_action_changes_nothing(app, shop, typed):
    page = shop.submit("/admin/plans/", "ids", extra=typed)
    assert "Tick at least one plan" in page.text or "0 plans are" in page.text
    assert said(app) == []


def test_the_trash_asks_first_deletes_what_nobody_held_and_closes_the_rest(app, shop):
    deliver(app.test_client(), subscription_event("active"))
    before = rows(app, "SELECT * FROM price ORDER BY id")
    set_plan(app, 2, status="draft")
    page = shop.submit("/admin/plans/", "ids", extra={"ids": ["1", "2"], "action": "trash"})
    assert "1 member holds it, so it is closed instead of deleted." in page.text
    assert "Nobody ever held it: it is deleted." in page.text and said(app) == []
    page = shop.submit("/admin/plans/trash?ids=1&ids=2")
    assert "1 plan deleted. 1 plan closed." in page.text
    assert rows(app, "SELECT id, status FROM plan") == [(1, "closed")]
    assert rows(app, "SELECT * FROM price ORDER BY id") == before
    assert roles_of(app, "jane") == [role_for("active")]
    assert said(app) == [
        "Basic: status: Published → Closed",
        "Lifetime deleted; its price price_lifetime stays",
    ]


def test_a_plan_that_somebody_held_once_is_closed_too(app, shop):
    deliver(app.test_client(), subscription_event("canceled"))
    assert "Somebody held it" in shop.get("/admin/plans/trash?ids=1").text
    shop.submit("/admin/plans/trash?ids=1")
    assert stored(app, "status") == "closed" and roles_of(app, "jane") == [role_for("canceled")]


@pytest.mark.parametrize("ended_by", ["closed", "draft", ""])
def test_a_plan_that_may_be_being_paid_for_is_closed_first_and_deleted_hours_later(app, shop, ended_by):
    """A Checkout page stays open for two hours: who pays there shall get what was sold."""
    if ended_by:
        shop.submit("/admin/plans/", "ids", extra={"ids": ["2"], "action": ended_by})
    asked = shop.get("/admin/plans/trash?ids=2").text
    assert "Somebody may be on Stripe’s payment page with it at this moment, so it is closed first." in asked
    assert "1 plan closed." in shop.submit("/admin/plans/trash?ids=2").text
    assert stored(app, "status", 2) == "closed"
    for later, said_then in ((timedelta(hours=2), "1 plan closed."), (timedelta(hours=4), "1 plan deleted.")):
        with time_machine.travel(datetime.now(UTC) + later, tick=False):
            assert said_then in shop.submit("/admin/plans/trash?ids=2").text


def test_a_plan_bought_while_the_trash_asks_is_closed(app, shop):
    set_plan(app, status="draft")
    page = shop.get("/admin/plans/trash?ids=1")
    deliver(app.test_client(), subscription_event("active"))
    assert "1 plan closed." in shop.send("/admin/plans/trash?ids=1", page).text


@pytest.mark.parametrize("query", ["", "?ids=99", "?ids=x&ids=-1", f"?ids={10**30}"])
def test_the_trash_of_nothing_is_not_found(shop, query):
    shop.get(f"/admin/plans/trash{query}", status=404)
