"""Registering: the form in its three kinds, what it refuses and how, and that it makes one account and no more."""

from __future__ import annotations

import threading

import pytest

from tests.people import PASSWORD, Browserless, make_administrator, make_user
from tests.selling import rows, settings
from tests.shop import TYPED, offer, users


def register(client, address: str = "/register", **values):
    return client.submit(address, **{**TYPED, **values}, status=values.pop("status", 200))


def sent(client, address: str = "/register", **values):
    """Send the form without following where it leads. Gives the answer."""
    fields = client.get(address).form("username")["fields"]
    return client.client.post(address, data={**fields, **TYPED, **values})


@pytest.fixture
def basic(app):
    return offer(app, "Basic", description="Access to the blog")


def test_registering_without_a_plan_makes_an_account_with_the_default_role_and_logs_in(app, client):
    page = register(client)
    assert "Account" in page.text and "karl" in page.text and "Subscriber" in page.text
    assert users(app) == ["karl"]
    assert rows(app, "SELECT kind, address FROM mail") == [("welcome", "karl@example.org")]
    actions = [action for (action,) in rows(app, "SELECT action FROM activity")]
    assert "user.registered" in actions


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"username": ""}, "Please type a username."),
        ({"username": "two words"}, "Use only letters"),
        ({"email": "nobody"}, "This is not a mail address."),
        ({"email": ""}, "Please type a mail address."),
        ({"password": ""}, "Please type a password."),
        ({"password": "short"}, "Use 10 to 128 characters."),
        ({"password": "x" * 129}, "Use 10 to 128 characters."),
        ({"password": "password123"}, "This password is easy to guess"),
        ({"password": "karl@example.org"}, "Leave your username, your email address"),
    ],
)
def test_wrong_input_gets_a_sentence_and_loses_nothing_that_was_typed(app, client, values, sentence):
    page = register(client, **values)
    fields = page.form("username")["fields"]
    expected = {**TYPED, **values}
    assert sentence in page.text
    assert [fields["username"], fields["email"]] == [[expected["username"]], [expected["email"]]]
    assert PASSWORD not in page.html and users(app) == []


@pytest.mark.parametrize("length", [73, 128])
def test_a_long_password_is_taken_and_works(app, client, length):
    long = ("correct horse battery staple " * 5)[:length]
    assert "Account" in register(client, password=long).text
    assert "Account" in Browserless(app.test_client()).log_in("karl", long).text


def test_the_same_rule_for_passwords_holds_where_they_are_changed(app, client):
    register(client)
    weak = {"new_password": "password123", "new_password_confirm": "password123"}
    page = client.submit("/account/password", password=PASSWORD, **weak)
    assert "This password is easy to guess" in page.text


def test_a_taken_username_is_told(app, client):
    make_user(app, "karl")
    page = register(client, email="other@example.org")
    assert "This username is taken." in page.text and users(app) == ["karl"]


def test_a_taken_mail_address_is_not_told_but_its_owner_is(app, client):
    make_user(app, "jane")
    page = register(client, email="JANE@example.org")
    assert "Look into your mail" in page.text and "taken" not in page.text and "jane" not in page.text.lower()
    assert users(app) == ["jane"]
    assert rows(app, "SELECT kind, address FROM mail") == [("known_address", "jane@example.org")]
    register(Browserless(app.test_client()), email="jane@example.org", username="karla")
    assert len(rows(app, "SELECT id FROM mail")) == 1, "one mail a day is enough"


def test_a_username_with_its_own_address_says_no_more_than_with_another(app, client):
    make_user(app, "jane")
    own = register(client, username="jane", email="jane@example.org")
    other = register(client, username="jane", email="new@example.org")
    for page in (own, other):
        assert "This username is taken." in page.text
    assert rows(app, "SELECT id FROM mail") == []


def test_a_sign_that_no_text_has_is_left_out(app, client):
    register(client, username="karl\x00")
    assert users(app) == ["karl"]


def test_a_second_click_and_the_back_button_make_one_account(app, client):
    first = sent(client)
    other = Browserless(app.test_client())
    assert first.status_code == 303 and sent(other).status_code == 303
    assert users(app) == ["karl"]
    assert "karl" in other.get("/account/").text, "who knows name and password is logged in"
    assert "Account" in client.get("/register").text, "who is logged in is not asked again"


def test_two_forms_at_the_same_moment_make_one_account(app, client):
    people = [Browserless(app.test_client()) for _ in range(4)]
    forms = [person.get("/register").form("username")["fields"] for person in people]
    codes: list[int] = []

    def send(person, fields):
        answer = person.client.post("/register", data={**fields, **TYPED})
        codes.append(answer.status_code)

    threads = [threading.Thread(target=send, args=pair) for pair in zip(people, forms, strict=True)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert users(app) == ["karl"] and codes == [303] * 4


def test_somebody_locked_out_cannot_come_back_in_by_registering(app, client):
    from umstripe.database import writing
    from umstripe.models import User

    register(client)
    with app.app_context(), writing():
        User.with_username("karl").active = False
    other = Browserless(app.test_client())
    register(other, username="karl2")
    assert "Log In" in other.get("/account/").text


def test_guessing_by_the_register_form_is_slowed_down(app, client):
    make_user(app, "jane")
    fields = client.get("/register").form("username")["fields"]
    wrong = {**fields, **TYPED, "email": "jane@example.org"}
    codes = [client.client.post("/register", data=wrong).status_code for _ in range(12)]
    assert codes[0] == 303 and codes[-1] == 429


def test_several_plans_are_cards_with_title_price_and_description(app, client, basic):
    offer(app, "Premium", unit_amount=4999, description="Everything", trial_days=14)
    offer(app, "Hidden draft", status="draft")
    offer(app, "Members of the board", visibility="private")
    page = client.get("/register")
    for words in ("Basic $9.99 / month", "Access to the blog", "Premium $49.99 / month", "14 days free"):
        assert words in page.text
    assert "Hidden draft" not in page.text and "board" not in page.text
    assert page.form("plan")["fields"]["plan"] == [basic], "the first is chosen"


def test_a_single_plan_is_the_links_plan_alone(app, client, basic):
    premium = offer(app, "Premium")
    settings(app, register_field="single")
    page = client.get(f"/register?plan={premium}")
    assert "Premium" in page.text and "Basic" not in page.text
    assert page.form("plan")["fields"]["plan"] == [premium]


def test_a_hidden_plan_is_sent_along_and_not_shown(app, client, basic):
    settings(app, register_field="hidden")
    page = client.get(f"/register?plan={basic}")
    assert "Basic" not in page.text and page.form("plan")["fields"]["plan"] == [basic]
    assert "plan" in client.get("/register").form("username")["names"]


def test_without_a_plan_nobody_registers_when_the_setting_says_so(app, client):
    settings(app, register_without_plan=False)
    assert "nobody new can register" in client.get("/register").text
    basic = offer(app, "Basic")
    page = sent(client, plan="").text
    assert "This plan cannot be bought at the moment." in page and users(app) == []
    settings(app, register_field="single")
    assert "begins with a membership" in client.get("/register").text
    assert client.get("/register").html.count(f"/subscribe/{basic}") == 1


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"status": "draft"}, "This offer is not open."),
        ({"status": "closed"}, "This offer has ended."),
        ({"visibility": "private"}, "This offer is not open."),
        ({"mode": "live"}, "This offer does not exist at the moment."),
        ({"active": False}, "This offer has ended."),
    ],
)
@pytest.mark.parametrize("address", ["/register?plan={}", "/subscribe/{}"])
def test_a_plan_that_is_not_for_sale_gets_a_clear_page_with_what_is(
    app, client, basic, address, values, sentence
):
    page = client.get(address.format(offer(app, "Odd", **values)), status=404)
    assert sentence in page.text and "Basic" in page.text


@pytest.mark.parametrize("key", ["unknown", "é", "x" * 3000])
def test_an_unknown_plan_gets_a_clear_page(client, basic, key):
    assert "This link leads to no offer." in client.get(f"/register?plan={key}", status=404).text
    assert "This link leads to no offer." in client.get(f"/subscribe/{key}", status=404).text


def test_a_plan_with_a_control_character_in_its_query_is_an_unknown_plan(client, basic):
    assert "This link leads to no offer." in client.get("/register?plan=%00", status=404).text


@pytest.mark.parametrize("path", ["/subscribe/%00", "/switch-plan/%00", "/register/finish/%00"])
def test_a_path_with_a_control_character_is_no_page(client, path):
    assert "There is no page at this address." in client.get(path, status=404).text


def test_a_plan_that_closes_between_form_and_click_loses_nothing(app, client, basic):
    from umstripe.database import writing
    from umstripe.models import Plan

    fields = client.get("/register").form("username")["fields"]
    with app.app_context(), writing():
        Plan.with_key(basic).status = "closed"
    page = client.client.post("/register", data={**fields, **TYPED}).text
    assert "karl@example.org" in page and users(app) == []


def test_a_plan_with_a_password_asks_for_it_first(app, client):
    secret = offer(app, "Choir", visibility="password", password="soprano")
    assert "This offer is for people who have its password." in client.get(f"/register?plan={secret}").text
    wrong = client.submit(f"/register?plan={secret}", plan_password="alto")
    assert "This is not the password of this plan." in wrong.text
    page = client.submit(f"/subscribe/{secret}", plan_password="soprano")
    assert page.form("plan")["fields"]["plan"] == [secret] and "Choir" in page.text
    other = Browserless(app.test_client())
    assert "people who have its password" in other.get(f"/register?plan={secret}").text


def test_the_billing_address_is_kept_when_the_field_is_there(app, client):
    assert "billing_email" not in client.get("/register").form("username")["names"]
    settings(app, billing_email_field=True)
    assert "This is not a mail address." in register(client, billing_email="nowhere").text
    register(client, billing_email="books@example.org")
    assert rows(app, 'SELECT billing_email FROM "user"') == [("books@example.org",)]


def test_login_and_register_lead_to_each_other_and_back_to_the_plan(app, client, basic):
    assert 'href="/register"' in client.get("/login").html
    assert f"/login?next=/subscribe/{basic}" in client.get(f"/register?plan={basic}").html.replace("%2F", "/")
    make_administrator(app)
    page = client.submit(f"/login?next=/subscribe/{basic}", email="admin", password=PASSWORD)
    assert "You are about to pay for Basic $9.99 / month" in page.text
