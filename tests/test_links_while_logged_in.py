"""Links that act for a person look at who is logged in: they say so, lead out, and end where they should."""

from __future__ import annotations

import pytest

from tests.people import PASSWORD, Browserless
from tests.test_sessions import copy_of, is_in, logged_in, make_member

NEW = "another horse battery"


@pytest.fixture
def anna(app) -> Browserless:
    make_member(app, "anna")
    make_member(app, "bert")
    return logged_in(app, "anna")


def reset_link(app, username: str) -> str:
    from flask_security.recoverable import generate_reset_password_token

    from umstripe.models import User

    with app.app_context():
        return f"/reset/{generate_reset_password_token(User.with_username(username))}"


def invitation_link(app, username: str) -> str:
    from umstripe.accounts import invitation
    from umstripe.models import User

    with app.app_context():
        return f"/invitation/{invitation.link(User.with_username(username)).rpartition('/')[2]}"


def claim_link(app, username: str, confirmed: bool = True) -> str:
    from umstripe.accounts import payment_claim
    from umstripe.database import now, writing
    from umstripe.models import User

    with app.app_context(), writing():
        user = User.with_username(username)
        user.confirmed_at = now() if confirmed else None
        return f"/claim/{payment_claim.link(user, 'test', 'cs_test_1').rpartition('/')[2]}"


LINKS = {"reset": reset_link, "invitation": invitation_link, "claim": claim_link}
FIELDS = {
    "reset": {"password": NEW, "password_confirm": NEW},
    "invitation": {"password": NEW, "password_again": NEW},
    "claim": {},
}


@pytest.fixture(params=LINKS)
def kind(request) -> str:
    return request.param


def log_out_and_stay(browser, page) -> str:
    """Press “Log out and stay here”. Return where that leads."""
    form = next(one for one in page.forms if one["action"] == "/logout" and "next" in one["fields"])
    answer = browser.client.post("/logout", data=form["fields"])
    assert answer.status_code == 302
    return answer.location


def test_the_page_says_who_is_logged_in_and_for_whom_it_acts(app, anna, kind):
    page = anna.get(LINKS[kind](app, "bert"))
    assert "You are logged in as anna" in page.text and "Not you? Log out and stay here" in page.text
    assert "bert" in page.text


def test_log_out_and_stay_here_leads_back_to_the_same_page(app, anna, kind):
    link = LINKS[kind](app, "bert")
    assert log_out_and_stay(anna, anna.get(link)) == link
    assert "You are logged in" not in anna.get(link).text and not is_in(anna)


def test_nobody_is_told_who_they_are_on_their_own_link(app, anna, kind):
    assert "You are logged in as" not in anna.get(LINKS[kind](app, "anna")).text


def test_a_visitor_is_told_of_nobody(app, anna, kind):
    assert "You are logged in as" not in Browserless(app.test_client()).get(LINKS[kind](app, "bert")).text


def test_a_reset_ends_at_the_login_page_and_never_on_the_account_of_who_was_logged_in(app, anna):
    thief = copy_of(app, anna)
    page = anna.submit(reset_link(app, "bert"), **FIELDS["reset"])
    assert "Your new password is set. Please log in with it." in page.text and "anna" not in page.text
    assert not is_in(anna) and not is_in(thief)
    assert "bert@example.org" in anna.log_in("bert", NEW).html


def test_a_reset_by_oneself_logs_out_everywhere(app, anna):
    page = anna.submit(reset_link(app, "anna"), **FIELDS["reset"])
    assert "Please log in with it." in page.text and not is_in(anna)


def test_an_invitation_logs_in_who_was_invited(app, anna):
    thief = copy_of(app, anna)
    page = anna.submit(invitation_link(app, "bert"), **FIELDS["invitation"])
    assert "bert@example.org" in page.html and "anna" not in page.text
    assert not is_in(thief)


def test_an_invitation_leaves_nothing_of_who_was_logged_in(app, anna):
    with anna.client.session_transaction() as session:
        session["unlocked_plans"] = [7]
    anna.submit(invitation_link(app, "bert"), **FIELDS["invitation"])
    with anna.client.session_transaction() as session:
        assert "unlocked_plans" not in session


def test_a_claim_for_somebody_else_logs_out_who_was_logged_in(app, anna):
    page = anna.submit(claim_link(app, "bert"), "csrf_token")
    assert not is_in(anna) and "You are logged in as anna" not in page.text


def test_a_claim_with_a_new_password_logs_in_its_owner(app, anna):
    page = anna.submit(claim_link(app, "bert", confirmed=False), password=NEW, password_again=NEW)
    assert "You are logged in as" not in page.text and "bert@example.org" in anna.get("/account/").html


@pytest.mark.parametrize("address", ["/invitation/wrong", "/claim/wrong"])
def test_a_dead_link_says_who_is_logged_in_too(anna, address):
    assert "You are logged in as anna" in anna.get(address, 404).text


def test_forms_that_set_ones_own_password_name_the_account_to_password_managers(app, anna):
    visitor = Browserless(app.test_client())
    for page in (
        visitor.get(reset_link(app, "bert")),
        visitor.get(invitation_link(app, "bert")),
        visitor.get(claim_link(app, "bert", confirmed=False)),
    ):
        assert page.form("password", "username")["fields"]["username"] == ["bert"]
        assert 'autocomplete="username"' in page.html
    page = anna.get("/account/password")
    assert page.form("new_password", "username")["fields"]["username"] == ["anna"]


def test_forms_about_somebody_else_ask_for_nothing_of_the_administrator(admin):
    for address in ("/admin/users/add", "/admin/users/1"):
        html = admin.get(address).html
        assert 'autocomplete="username"' not in html and 'autocomplete="email"' not in html


def test_the_page_of_a_plan_says_who_is_about_to_pay(app):
    from tests.selling import open_shop
    from umstripe.models import Plan, Settings

    open_shop(app)
    with app.app_context():
        key = Plan.on_offer(Settings.get().mode)[0].short_key
    make_member(app, "anna")
    anna = logged_in(app, "anna")
    page = anna.get(f"/subscribe/{key}")
    assert "You are logged in as anna" in page.text
    assert log_out_and_stay(anna, page) == f"/subscribe/{key}"


@pytest.mark.parametrize(
    ("next_", "link"),
    [
        ("/subscribe/6379f47e09", "/register?plan=6379f47e09"),
        ("/subscribe/6379f47e09?x=1", "/register?plan=6379f47e09"),
        ("/account/", "/register"),
        ("https://evil.example/subscribe/6379f47e09", "/register"),
        ("", "/register"),
    ],
)
def test_the_way_from_the_login_page_to_register_keeps_the_plan(client, next_, link):
    assert f'href="{link}"' in client.client.get("/login", query_string={"next": next_}).text


def test_the_password_of_a_plan_is_nothing_that_a_browser_fills_in(app, admin):
    from tests.selling import open_shop

    open_shop(app)
    html = admin.get("/admin/plans/1").html
    field = (
        html.split('id="password"')[0].rpartition("<input")[2]
        + html.split('id="password"')[1].partition(">")[0]
    )
    assert 'type="text"' in field and "masked" in field and 'autocomplete="off"' in field


@pytest.fixture
def plan_key(app) -> str:
    from tests.selling import open_shop
    from umstripe.models import Plan, Settings

    open_shop(app)
    make_member(app, "anna")
    with app.app_context():
        return Plan.on_offer(Settings.get().mode)[0].short_key


def where_login_leads(visitor, password=PASSWORD) -> str:
    fields = visitor.get("/login").form("email", "password")["fields"]
    sent = {**fields, "email": "anna", "password": password}
    return visitor.client.post("/login", data=sent, follow_redirects=True).request.path


def test_a_lost_password_on_the_way_to_a_plan_leads_back_to_it_once(app, client, plan_key):
    client.get(f"/subscribe/{plan_key}")
    client.submit(reset_link(app, "anna"), **FIELDS["reset"])
    assert where_login_leads(client, NEW) == f"/subscribe/{plan_key}"
    assert client.client.get("/", follow_redirects=True).request.path == "/account/"


def test_the_plan_that_somebody_wanted_is_not_the_next_one_s(app, client, plan_key):
    make_member(app, "bert")
    client.get(f"/subscribe/{plan_key}")
    client.submit("/login", email="bert", password=PASSWORD)
    client.client.get("/account/")
    client.press("/account/", "/logout")
    assert where_login_leads(client) == "/account/"
