"""Setup, login, logout, password reset and change, as people do them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.people import PASSWORD, Browserless, make_administrator, make_user, send_emails
from tests.selling import rows

WORDS = {"username": "jane", "email": "jane@example.org", "password": PASSWORD, "password_again": PASSWORD}


@pytest.fixture
def token(app):
    from umstripe.accounts.setup import new_token
    from umstripe.database import writing

    with app.app_context(), writing():
        return new_token()


def test_the_setup_link_makes_the_first_administrator_and_logs_in(client, token):
    page = client.submit(f"/setup?token={token}", **WORDS)
    assert "Your site is set up" in page.text and "Howdy, jane" in page.text


def test_the_setup_link_works_once(client, token):
    client.submit(f"/setup?token={token}", **WORDS)
    client.get(f"/setup?token={token}", status=404)


@pytest.mark.parametrize("wrong", ["", "?token=", "?token=guessed", "?token=%00", "?token=" + "x" * 5000])
def test_without_the_token_there_is_no_setup(client, token, wrong):
    client.get(f"/setup{wrong}", status=404)


def test_a_new_link_makes_the_old_one_useless(app, client, token):
    from umstripe.accounts.setup import new_token
    from umstripe.database import writing

    with app.app_context(), writing():
        newer = new_token()
    client.get(f"/setup?token={token}", status=404)
    client.get(f"/setup?token={newer}")


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("username", "", "Please type a username."),
        ("username", "two words", "Use only letters"),
        ("username", "x" * 61, "At most 60 characters."),
        ("email", "nobody", "This is not a mail address."),
        ("email", "", "Please type a mail address."),
        ("password", "short", "Use 10 to 128 characters."),
        ("password_again", "another password", "The two passwords differ."),
        ("site_name", "x" * 81, "At most 80 characters."),
    ],
)
def test_wrong_input_at_setup_gets_a_sentence_and_loses_nothing(client, token, field, typed, sentence):
    page = client.submit(f"/setup?token={token}", **{**WORDS, "site_name": "Choir", field: typed})
    assert sentence in page.text
    fields = page.form("username")["fields"]
    kept = {**WORDS, "site_name": "Choir", field: typed}
    assert {name: fields[name] for name in ("username", "email", "site_name")} == {
        name: [kept[name]] for name in ("username", "email", "site_name")
    }
    assert PASSWORD not in page.html


@pytest.mark.parametrize("name", ["admin", "ADMIN", "admin@example.org", " Admin@Example.org "])
def test_login_takes_either_name_in_any_capitals(app, client, name):
    make_administrator(app)
    assert "Howdy, admin" in client.log_in(name).text


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("admin", "wrong password"),
        ("nobody", PASSWORD),
        ("no@example.org", PASSWORD),
        ("nobody\x00", PASSWORD),
    ],
)
def test_a_failed_login_says_the_same_whoever_it_was(app, client, name, password):
    make_administrator(app)
    page = client.log_in(name, password)
    assert "This username and password do not fit together." in page.text


def test_logging_out_closes_the_admin_pages(admin):
    admin.press("/admin/", "/logout")
    assert "Log In" in admin.get("/admin/").text


def test_after_login_nobody_is_sent_to_another_site(app, client):
    make_administrator(app)
    page = client.client.post("/login?next=https://evil.example/", data=_login_data(client))
    assert page.status_code == 302 and "evil" not in page.headers["Location"]


def _login_data(client):
    token = client.get("/login").form("email")["fields"]["csrf_token"]
    return {"email": "admin", "password": PASSWORD, "csrf_token": token, "next": "https://evil.example/"}


def test_guessing_passwords_is_slowed_down(app, client):
    make_administrator(app)
    data = {**_login_data(client), "password": "wrong password"}
    codes = [client.client.post("/login", data=data).status_code for _ in range(12)]
    assert codes[0] == 200 and codes[-1] == 429


def test_a_forgotten_password_is_reset_by_the_link_in_the_mail(app, client, environ):
    make_administrator(app)
    assert "a mail with a link" in client.submit("/reset", email="admin@example.org").text
    assert rows(app, "SELECT kind, state FROM mail") == [("reset", "queued")]
    send_emails(app)
    link = re.search(r"http://[^\s\"<>]*(/reset/[^\s\"<>]+)", _mail(environ)).group(1)
    assert not [one for one in rows(app, "SELECT given, text, html FROM mail") if link in str(one)]
    new = "another horse battery"
    client.submit(link, password=new, password_confirm=new)
    assert "Howdy, admin" in client.log_in("admin", new).text
    assert rows(app, "SELECT kind FROM mail ORDER BY id") == [("reset",), ("password_reset",)]


def _mail(environ) -> str:
    mails = sorted((Path(environ["UMSTRIPE_INSTANCE"]) / "mail").iterdir())
    return mails[-1].read_text().replace("=\n", "").replace("=3D", "=")


def test_asking_for_a_new_password_does_not_tell_who_has_an_account(app, client):
    make_administrator(app)
    known = client.submit("/reset", email="admin@example.org").text
    assert client.submit("/reset", email="nobody@example.org").text == known


def test_a_password_is_changed_with_the_old_one(app, admin):
    new = "another horse battery"
    wrong = admin.submit("/account/password", password="wrong", new_password=new, new_password_confirm=new)
    assert "Your password is changed." not in wrong.text
    page = admin.submit("/account/password", password=PASSWORD, new_password=new, new_password_confirm=new)
    assert "Your password is changed." in page.text
    assert rows(app, "SELECT kind, state FROM mail") == [("password_changed", "queued")]
    assert "Howdy, admin" in Browserless(app.test_client()).log_in("admin", new).text


def test_a_member_sees_their_own_page_and_no_admin_page(app, client):
    from umstripe.database import writing
    from umstripe.models import User

    make_user(app, "jane", "Subscriber")
    with app.app_context(), writing():
        User.with_username("jane").set_password(PASSWORD)
    page = client.log_in("jane")
    assert "jane@example.org" in page.html and "Subscriber" in page.text
    client.get("/admin/", status=403)


def test_a_form_without_its_token_is_refused_with_a_page(admin):
    answer = admin.client.post("/admin/roles/", data={"name": "Gold"})
    assert answer.status_code == 400 and "The form arrived incomplete" in answer.text
