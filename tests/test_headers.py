"""The headers of every answer: what they say, and how long they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.people import PASSWORD, make_administrator

LONGEST = 4096


def make_site(environ, **more):
    from umstripe import create_app

    return create_app({**environ, **more})


@pytest.mark.parametrize(
    "address", ["/login", "/reset", "/account/password", "/admin/", "/nothing", "/healthz", "/register"]
)
def test_nobody_between_and_no_browser_keeps_a_page(admin, address):
    for client in (admin.client, admin.client.application.test_client()):
        assert client.get(address).headers.getlist("Cache-Control") == ["private, no-store"]


def test_static_files_can_be_kept(client):
    answer = client.client.get("/static/css/base.css")
    assert "no-store" not in answer.headers["Cache-Control"] and answer.headers["ETag"]


def test_every_answer_has_the_same_set_of_headers(client):
    for address in ("/login", "/nothing", "/static/css/base.css", "/subscribe/x"):
        headers = client.client.get(address).headers
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin" and "Content-Security-Policy" in headers


def test_only_pages_that_lead_to_checkout_may_send_a_form_there(client):
    def policy(address):
        return client.client.get(address).headers["Content-Security-Policy"]

    assert "form-action 'self';" in policy("/login")
    assert "form-action 'self' https://checkout.stripe.com" in policy("/register")


@pytest.mark.parametrize(
    ("more", "header"),
    [
        ({"UMSTRIPE_SITE_URL": "https://members.example.org"}, None),
        (
            {"UMSTRIPE_SITE_URL": "https://members.example.org", "UMSTRIPE_HSTS": "31536000"},
            "max-age=31536000",
        ),
        ({"UMSTRIPE_SITE_URL": "https://members.example.org", "UMSTRIPE_HSTS": "0"}, "max-age=0"),
        ({"UMSTRIPE_SITE_URL": "http://members.example.org", "UMSTRIPE_HSTS": "31536000"}, None),
    ],
)
def test_hsts_is_sent_by_a_setting_only_and_says_nothing_of_subdomains(environ, more, header):
    answer = make_site(environ, **more).test_client().get("/login")
    assert answer.headers.get("Strict-Transport-Security") == header


# Nothing is longer than a proxy's buffer


def too_long(answer) -> list[str]:
    return [f"{name}: {value[:80]}" for name, value in answer.headers if len(f"{name}: {value}") > LONGEST]


@pytest.mark.parametrize("char", ["x", "ü", "%", "/", "&next="])
@pytest.mark.parametrize(
    "address",
    ["/account?{}", "/account/{}", "/login?next=/{}", "/checkout/pay?umm_stripe_sid={}", "/admin//x?{}"],
)
def test_a_redirect_is_never_longer_than_4_kb(admin, address, char):
    for client in (admin.client, admin.client.application.test_client()):
        answer = client.get(address.format(char * 9000))
        assert answer.status_code < 500 and not too_long(answer)


def test_a_login_with_a_long_way_back_leads_to_the_start(app, client):
    make_administrator(app)
    there = "/account?" + "x" * 9000
    fields = client.get("/login").form("email", "password")["fields"]
    data = {**fields, "email": "admin", "password": PASSWORD, "next": there}
    answer = client.client.post("/login", data=data)
    assert answer.status_code == 302 and answer.headers["Location"] == "/account"


def test_a_session_s_cookie_is_never_longer_than_4_kb_however_many_notices_wait(app, client):
    from flask import flash, session

    @app.get("/account/test-flashes")
    def flashes():
        for number in range(300):
            flash(f"{number}: {'typed ü' * 900}", "error")
        session["odd"] = "odd" * 5000
        return "done"

    make_administrator(app)
    client.enter("admin")
    answer = client.client.get("/account/test-flashes")
    assert answer.status_code == 200 and not too_long(answer)
    page = client.get("/account/")
    assert "299: typed" in page.text and "Log Out" in page.text


def test_talisman_is_gone():
    root = Path(__file__).parents[1]
    for name in ("pyproject.toml", "requirements/base.in"):
        assert "talisman" not in (root / name).read_text().lower()
