"""A form that is refused says why, says it in the log, and comes back with what was typed, to its own pages alone."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import time_machine

from tests.people import PASSWORD, Browserless, Page, make_administrator
from tests.selling import rows
from tests.test_sessions import logged_in, make_member

HERE = {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}
FOREIGN = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
JANE = {"email": "jane", "password": PASSWORD}


def send(browser, address, data, headers=HERE, **more):
    return browser.client.post(address, data=data, headers=headers, **more)


def login_form(browser, **more) -> dict:
    return {**browser.get("/login").form("email")["fields"], **JANE, **more}


def refused(answer) -> Page:
    page = Page(answer.text)
    assert answer.status_code == 400, page.text
    return page


@pytest.fixture
def jane(app) -> None:
    make_member(app)


def test_without_cookies_the_page_says_that_the_site_needs_them(app, jane):
    browser = Browserless(app.test_client(use_cookies=False))
    page = refused(send(browser, "/login", login_form(browser)))
    assert "This site needs cookies" in page.text
    again = page.form("email", "password")["fields"]
    assert "This site needs cookies" in refused(send(browser, "/login", {**again, **JANE})).text


def test_a_browser_that_lost_its_cookie_sends_the_form_again(app, client, jane):
    form = login_form(client)
    client.client.delete_cookie("session")
    page = refused(send(client, "/login", form))
    fields = page.form("email", "password")["fields"]
    assert fields["email"] == ["jane"] and fields["password"] == [""] and PASSWORD not in page.html
    assert send(client, "/login", {**fields, "password": PASSWORD}).status_code == 302
    assert client.client.get("/account/").status_code == 200


def test_a_browser_with_the_remember_cookie_alone_is_told_that_it_was_closed(app, jane):
    browser = logged_in(app, remember="y")
    form = browser.get("/account/").form("name")["fields"]
    browser.client.delete_cookie("session")
    page = refused(send(browser, "/account/", {**form, "name": "Jane Doe"}))
    assert "Your browser was closed in the meantime" in page.text and "Jane Doe" in page.text
    assert "You are logged in as jane" in page.text
    send(browser, "/account/", page.form("name")["fields"])
    assert rows(app, 'SELECT name FROM "user"') == [("Jane Doe",)]


def test_a_cookie_that_cannot_be_read_is_told_so(client, jane):
    form = login_form(client)
    client.client.set_cookie("session", "of.another.site")
    assert "does not accept your browser’s cookie" in refused(send(client, "/login", form)).text


def test_who_was_logged_out_in_another_tab_is_told_so(app, jane):
    browser = logged_in(app)
    form = browser.get("/account/").form("name")["fields"]
    browser.press("/account/", "/logout")
    page = refused(send(browser, "/account/", {**form, "name": "Jane Doe"}))
    assert "You were logged out in the meantime" in page.text and "Log in again" in page.text
    browser.log_in("jane")
    send(browser, "/account/", page.form("name")["fields"])
    assert rows(app, 'SELECT name FROM "user"') == [("Jane Doe",)]


def test_who_is_somebody_else_now_sees_it_before_sending_again(app, jane):
    make_member(app, "anna")
    browser = logged_in(app, "anna")
    form = browser.get("/account/").form("name")["fields"]
    browser.press("/account/", "/logout")
    browser.log_in("jane")
    page = refused(send(browser, "/account/", form))
    assert "You logged in or out in the meantime" in page.text and "You are logged in as jane" in page.text


def test_a_form_that_was_really_open_for_too_long_is_told_so(client, jane):
    with time_machine.travel("2027-03-01T08:00:00Z", tick=False) as clock:
        form = login_form(client)
        clock.shift(timedelta(hours=13))
        page = refused(send(client, "/login", form))
        assert "The form was open for too long" in page.text and "good for 12 hours" in page.text
        again = {**page.form("email")["fields"], "password": PASSWORD}
        assert send(client, "/login", again).status_code == 302


def test_a_form_without_its_token_is_told_so(client, jane):
    form = login_form(client, csrf_token="")
    assert "The form arrived incomplete" in refused(send(client, "/login", form)).text


@pytest.mark.parametrize("token", ["x", "ImEi.x.y", "é", "\x00"])
def test_a_token_that_was_changed_on_the_way_is_told_so(client, jane, token):
    form = login_form(client, csrf_token=token)
    assert "The form arrived damaged" in refused(send(client, "/login", form)).text


def test_http_where_the_cookie_is_for_https_names_the_right_address(environ):
    from umstripe import create_app

    app = create_app({**environ, "UMSTRIPE_SITE_URL": "https://members.example.org"})
    browser = Browserless(app.test_client(use_cookies=False))
    headers = {"Origin": "http://members.example.org", "Host": "members.example.org"}
    page = refused(send(browser, "/login", {**JANE, "csrf_token": "x"}, headers))
    assert "Open https://members.example.org and try again." in page.text


def test_a_foreign_site_is_named_and_its_form_is_never_offered_again(client, jane):
    page = refused(send(client, "/login", login_form(client), FOREIGN))
    assert "It was sent from https://evil.example" in page.text
    assert not [form for form in page.forms if form["method"] == "post"] and "jane" not in page.html


@pytest.mark.parametrize(
    "headers",
    [
        FOREIGN,
        {"Sec-Fetch-Site": "same-site", "Origin": "http://other.localhost"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Sec-Fetch-Site": "nonsense"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://localhost:8001"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://[::1"},
    ],
)
def test_a_right_token_does_not_help_a_form_of_another_origin(app, headers):
    make_administrator(app)
    admin = logged_in(app, "admin")
    form = admin.get("/admin/settings/").form("site_name")["fields"]
    answer = send(admin, "/admin/settings/", {**form, "site_name": "Taken over"}, headers)
    page = refused(answer)
    assert not [form for form in page.forms if "site_name" in form["fields"]]
    assert rows(app, "SELECT site_name FROM settings") != [("Taken over",)]


@pytest.mark.parametrize(
    "headers",
    [
        HERE,
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://localhost"},
        {"Origin": "https://localhost"},
        {"Origin": "http://localhost:80"},
        {},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://members.example.org"},
    ],
)
def test_forms_of_this_site_are_taken_whatever_a_proxy_makes_of_the_address(client, jane, headers):
    assert send(client, "/login", login_form(client), headers).status_code == 302


def test_a_site_with_umlauts_in_its_name_takes_forms_of_a_browser_that_sends_origin_alone(environ, jane):
    """Browsers send such a name as xn--…, and UMSTRIPE_SITE_URL may have it as it is read."""
    from umstripe import create_app

    app = create_app({**environ, "UMSTRIPE_SITE_URL": "http://schönklang.example"})
    browser = Browserless(app.test_client())
    headers = {"Origin": "http://xn--schnklang-27a.example"}
    assert send(browser, "/login", login_form(browser), headers=headers).status_code == 302


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "none"}, {"Origin": "null"}, FOREIGN])
def test_a_form_that_no_page_of_ours_sent_is_not_offered_again(app, jane, headers):
    """Otherwise a hostile page could have an administrator approve what it has filled in, with one click."""
    make_administrator(app)
    admin = logged_in(app, "admin")
    page = refused(send(admin, "/admin/roles/", {"name": "Gold"}, headers))
    assert "Gold" not in page.html and not [form for form in page.forms if form["method"] == "post"]


def test_on_https_a_missing_referer_refuses_nobody(environ, jane):
    from umstripe import create_app

    app = create_app({**environ, "UMSTRIPE_SITE_URL": "https://localhost"})
    browser = Browserless(app.test_client())
    form = Page(browser.client.get("/login", base_url="https://localhost").text).form("email")["fields"]
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": "https://localhost"}
    answer = send(browser, "/login", {**form, **JANE}, headers, base_url="https://localhost")
    assert answer.status_code == 302


def test_neither_passwords_nor_keys_come_back(app):
    make_administrator(app)
    admin = logged_in(app, "admin")
    typed = {
        "test_secret_key": "sk_test_51abcdefgh",
        "test_clock_id": "clock_1A",
        "new_password": "hidden words",
    }
    page = refused(send(admin, "/admin/settings/stripe", typed))
    assert (
        "clock_1A" in page.text and "sk_test_51abcdefgh" not in page.html and "hidden words" not in page.html
    )
    assert page.form("test_secret_key", "new_password")["fields"]["test_secret_key"] == [""]


def test_a_key_that_was_left_empty_is_not_asked_for_again(app):
    make_administrator(app)
    typed = {"test_secret_key": "sk_test_51abcdefgh", "live_secret_key": "", "sandbox": "y"}
    page = refused(send(logged_in(app, "admin"), "/admin/settings/stripe", typed))
    assert "Test secret key" in page.text and "Live secret key" not in page.text
    assert page.form("test_secret_key")["fields"]["live_secret_key"] == [""]
    assert "Sandbox Yes" in " ".join(page.text.split()), "a box that was ticked reads as it looked"


def test_what_was_typed_comes_back_as_it_was(app):
    make_administrator(app)
    admin = logged_in(app, "admin")
    odd = {"name": '"><script>alert(1)</script>', "text": "a\r\nb", "roles": ["1", "2"], "action": "connect"}
    page = refused(send(admin, "/admin/roles/?x=1", odd))
    form = page.form("name")
    assert form["action"] == "/admin/roles/?x=1" and "<script>alert" not in page.html
    assert form["fields"]["name"] == [odd["name"]] and form["fields"]["roles"] == ["1", "2"]
    assert form["fields"]["action"] == ["connect"]


@pytest.mark.parametrize(
    "more",
    [
        {"data": json.dumps({"name": "Gold"}), "content_type": "application/json"},
        {"data": b"\xff\xfe=\x00", "content_type": "application/x-www-form-urlencoded"},
        {"data": {"name": "x" * 300_000}},
        {"data": {f"field{number}": "x" for number in range(400)}},
        {"data": b"", "content_type": "multipart/form-data; boundary=x"},
    ],
)
def test_odd_bodies_are_refused_with_a_page(app, more):
    make_administrator(app)
    admin = logged_in(app, "admin")
    assert refused(admin.client.post("/admin/roles/", headers=HERE, **more)).text


def test_logging_out_where_nobody_is_logged_in_leads_to_the_login_page(app, jane):
    browser = logged_in(app)
    form = next(one for one in browser.get("/account/").forms if one["action"] == "/logout")
    browser.press("/account/", "/logout")
    answer = send(browser, "/logout", form["fields"])
    assert answer.status_code == 303 and answer.location == "/login"


def test_the_log_names_the_reason_and_no_secret(app, client, jane, capsys):
    from umstripe import logs

    logs.configure()
    send(client, "/reset/token-of-a-link", {"password": PASSWORD}, FOREIGN)
    line = next(one for one in capsys.readouterr().err.splitlines() if "form refused" in one)
    logged = json.loads(line)
    assert logged["reason"] == "cross_origin" and logged["endpoint"] == "security.reset_password"
    assert logged["origin"] == "https://evil.example" and logged["level"] == "warning"
    assert PASSWORD not in line and "token-of-a-link" not in line


def test_every_reason_has_its_own_name_and_sentence():
    from umstripe.views import refused as module

    reasons = [value for value in vars(module).values() if isinstance(value, module.Reason)]
    assert len(reasons) >= 10
    for what in ("name", "title", "text"):
        assert len({getattr(reason, what) for reason in reasons}) == len(reasons), what
