"""Plans and roles, with the input that new users try, and what holds for every admin page."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.people import Browserless, make_administrator
from tests.selling import make_plan, open_shop, role_for, roles_of, rows
from tests.stripe_events import deliver, subscription_event

ODD = [
    "",
    " ",
    "x" * 10_000,
    "<script>alert(1)</script>",
    "Ünïcödé 🎻",
    "\x00",
    "a\r\nb",
    "' OR 1=1 --",
    "../../etc",
]
ODD_NUMBERS = ["0", "-1", "abc", "1e9", str(10**12), "", "٣", "1.5", "%00"]
EVERY_PAGE = [
    "/admin/",
    "/admin/settings/",
    "/admin/settings/stripe",
    "/admin/settings/stripe/test/disconnect",
    "/admin/plans/",
    "/admin/plans/1",
    "/admin/plans/2",
    "/admin/plans/add",
    "/admin/plans/trash?ids=1&ids=2",
    "/admin/roles/",
    "/admin/roles/2",
    "/admin/roles/2/delete",
    "/admin/users/",
    "/admin/users/add",
    "/admin/users/2",
    "/admin/activity/",
]


@pytest.fixture
def shop(app, admin):
    """The administrator has id 1, Jane 2; the plans are 1 and 2."""
    open_shop(app)
    return admin


# Plans


def test_the_list_shows_the_chosen_mode_s_plans(app, shop):
    make_plan(app, "price_live", ["active"], mode="live", nickname="Live Plan")
    page = shop.get("/admin/plans/").text
    assert "Basic" in page and "Lifetime" in page and "Live Plan" not in page
    assert "Live Plan" in shop.get("/admin/plans/?mode=live").text


def test_plans_are_found_by_title_and_type(shop):
    assert "Lifetime" not in shop.get("/admin/plans/?search=basi").text.split("Status")[1]
    assert "Basic" not in shop.get("/admin/plans/?type=one_time").text.split("Status")[1]
    assert "No plan fits" in shop.get("/admin/plans/?search=100%25").text


def test_a_plan_s_mapping_is_saved_and_takes_effect_at_once(app, shop):
    deliver(app.test_client(), subscription_event("active"))
    assert roles_of(app, "jane") == [role_for("active")]
    page = shop.submit("/admin/plans/1", active_role="2")
    assert "1 member: 1 gets Subscriber, 1 loses Active Member." in page.text
    page = shop.send("/admin/plans/1", page, "active_role", extra={"confirmed": "yes"})
    assert "Plan updated." in page.text
    assert roles_of(app, "jane") == ["Subscriber"]
    said = rows(app, "SELECT description FROM activity WHERE action = 'plan.changed'")
    assert said == [("Basic: Active Role: Active Member → Subscriber",)]


def test_a_status_can_give_no_role(app, shop):
    deliver(app.test_client(), subscription_event("active"))
    page = shop.submit("/admin/plans/1", active_role="0")
    shop.send("/admin/plans/1", page, "active_role", extra={"confirmed": "yes"})
    assert roles_of(app, "jane") == []


def test_saving_a_plan_without_a_change_changes_nothing(app, shop):
    before = rows(app, "SELECT * FROM plan_role ORDER BY plan_id, status")
    shop.submit("/admin/plans/1", "title")
    assert rows(app, "SELECT * FROM plan_role ORDER BY plan_id, status") == before
    assert rows(app, "SELECT count(*) FROM activity WHERE action = 'plan.changed'") == [(0,)]


def test_an_own_title_stays_and_an_empty_one_follows_stripe(shop):
    assert "My Plan" in shop.submit("/admin/plans/1", title="My Plan").html
    assert 'value="Basic"' in shop.submit("/admin/plans/1", title="").html


def test_type_and_price_are_locked(app, shop):
    before = rows(app, "SELECT * FROM price ORDER BY id")
    shop.submit("/admin/plans/1", title="x", extra={"type": "one_time", "price": "1", "price_id": "2"})
    assert rows(app, "SELECT * FROM price ORDER BY id") == before


def test_a_plan_never_offers_the_administrator_s_role_and_refuses_a_forged_one(app, shop):
    assert ">Administrator</option>" not in shop.get("/admin/plans/1").html
    page = shop.submit("/admin/plans/1", active_role="1")
    assert 'id="active_role-error"' in page.html
    assert role_for("active") in str(rows(app, "SELECT name FROM role JOIN plan_role ON role_id = role.id"))


@pytest.mark.parametrize("typed", [*(one for one in ODD_NUMBERS if one != "٣"), "99"])
def test_a_forged_role_of_a_plan_is_refused_at_its_field(shop, typed):
    page = shop.submit("/admin/plans/1", active_role=typed, title="Kept")
    assert ("Plan updated." in page.text) is (typed == "0")
    assert "Kept" in page.html


@pytest.mark.parametrize("typed", ODD)
def test_any_title_is_taken_or_refused_with_a_sentence(shop, typed):
    page = shop.submit("/admin/plans/1", title=typed)
    assert ("Plan updated." in page.text) is (len(typed) <= 200)
    assert "<script>alert" not in page.html


# Roles


def test_a_role_is_created_renamed_and_deleted(app, shop):
    assert "Gold" in shop.submit("/admin/roles/", name=" Gold ").text
    (role_id,) = rows(app, "SELECT id FROM role WHERE name = 'Gold'")[0]
    assert "Silver" in shop.submit(f"/admin/roles/{role_id}", name="Silver").text
    assert "is deleted" in shop.submit(f"/admin/roles/{role_id}/delete").text
    assert rows(app, "SELECT id FROM role WHERE name IN ('Gold', 'Silver')") == []
    actions = rows(app, "SELECT action FROM activity WHERE action LIKE 'role.%' ORDER BY id")
    assert [action for (action,) in actions] == ["role.created", "role.renamed", "role.deleted"]


@pytest.mark.one_database
@pytest.mark.parametrize("typed", ["", " ", "x" * 61, "subscriber", "SUBSCRIBER ", "Administrator", "a\r\nb"])
def test_a_role_s_name_is_short_and_its_own(app, shop, typed):
    before = rows(app, "SELECT count(*) FROM role")
    page = shop.submit("/admin/roles/", name=typed)
    assert 'id="name-error"' in page.html and rows(app, "SELECT count(*) FROM role") == before


@pytest.mark.parametrize("typed", ODD)
def test_any_role_name_is_taken_or_refused_without_a_fault(shop, typed):
    assert "<script>alert" not in shop.submit("/admin/roles/", name=typed).html


def test_a_role_that_is_in_use_cannot_be_deleted_and_the_page_says_by_whom(app, shop):
    (role_id,) = rows(app, "SELECT id FROM role WHERE name = :name", name=role_for("active"))[0]
    assert "1 plan gives it" in shop.get(f"/admin/roles/{role_id}/delete").text
    token = shop.get("/admin/roles/").form("name")["fields"]["csrf_token"]
    address = f"/admin/roles/{role_id}/delete"
    answer = shop.client.post(address, data={"csrf_token": token}, follow_redirects=True)
    assert "is in use: 1 plan gives it" in answer.text
    assert rows(app, "SELECT count(*) FROM role WHERE id = :id", id=role_id) == [(1,)]


def test_the_administrator_s_role_cannot_be_touched(shop):
    shop.get("/admin/roles/1", status=404)
    shop.get("/admin/roles/1/delete", status=404)


def test_the_default_role_of_new_users_cannot_be_deleted(shop):
    assert "new users get it" in shop.get("/admin/roles/2/delete").text


def test_two_administrators_who_create_the_same_role_at_once_make_one(app, shop):
    make_administrator(app, "other")
    other = Browserless(app.test_client())
    other.log_in("other")
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda person: person.submit("/admin/roles/", name="Gold"), (shop, other)))
    assert rows(app, "SELECT count(*) FROM role WHERE name = 'Gold'") == [(1,)]


# Everything


@pytest.mark.parametrize("number", ODD_NUMBERS)
def test_no_page_number_is_a_fault(shop, number):
    for address in ("/admin/plans/", "/admin/users/", "/admin/activity/"):
        shop.get(f"{address}?page={number}&role={number}&status={number}&type={number}&mode={number}")


@pytest.mark.parametrize("typed", ["%00", "%FF", "'", "%25", "_", "x" * 5000, "<script>"])
def test_no_search_is_a_fault(shop, typed):
    for address in ("/admin/plans/", "/admin/users/", "/admin/activity/"):
        page = shop.get(f"{address}?search={typed}&action={typed}&trigger={typed}&status={typed}")
        assert "<script>" not in page.html.replace('<script type="module"', "")


@pytest.mark.parametrize("number", ["0", "99", str(2**31), str(10**30), "-1", "abc", "1%00"])
def test_what_does_not_exist_is_not_found(shop, number):
    for address in ("plans", "roles", "users"):
        shop.get(f"/admin/{address}/{number}", status=404)


@pytest.mark.parametrize("address", EVERY_PAGE)
def test_every_page_opens(shop, address):
    shop.get(address)


def test_no_page_and_no_log_shows_a_secret(app, shop, capfd):
    from umstripe.database import writing
    from umstripe.models import Connection

    secrets = ["sk_test_51" + "s" * 30, "whsec_of_the_test_mode"]
    with app.app_context(), writing():
        Connection.of("test").keep_keys("pk_test_51" + "p" * 30, secrets[0])
    for address in EVERY_PAGE:
        html = shop.get(address).html
        assert not any(secret in html for secret in secrets), address
    said = capfd.readouterr()
    assert not any(secret in said.out + said.err for secret in secrets)
