"""Health compares where a browser sees the site with where the site believes it is."""

from __future__ import annotations

import re

import pytest

from tests.selling import rows

ORIGIN = "https://members.example.org"
RIGHT = {"browser": ORIGIN, "request": ORIGIN, "forwarded_for": "yes"}


def names(seen, site_url=ORIGIN, proxies=1) -> list[str]:
    from umstripe.health.address import address_checks

    return [check.name for check in address_checks(seen, site_url, proxies) if check.state != "good"]


@pytest.mark.parametrize(
    ("changed", "site_url", "proxies", "wrong"),
    [
        ({}, ORIGIN, 1, []),
        ({}, f"{ORIGIN}:443", 1, []),
        ({}, "http://127.0.0.1:8000", 1, ["Address"]),
        ({}, "http://members.example.org", 1, ["Address"]),
        ({}, f"{ORIGIN}:8443", 1, ["Address"]),
        ({"request": "http://members.example.org"}, ORIGIN, 1, ["Proxy: scheme"]),
        ({"request": "http://127.0.0.1:8000"}, ORIGIN, 1, ["Proxy: scheme", "Proxy: host"]),
        ({"request": "https://members.example.org:8443"}, ORIGIN, 1, ["Proxy: host"]),
        ({"forwarded_for": ""}, ORIGIN, 1, ["Proxy: visitors"]),
        ({}, ORIGIN, 0, ["Proxy: visitors"]),
        ({"forwarded_for": ""}, ORIGIN, 0, []),
    ],
)
def test_scheme_host_port_and_what_a_proxy_leaves_out(changed, site_url, proxies, wrong):
    assert names({**RIGHT, **changed}, site_url, proxies) == wrong


def test_the_names_of_this_machine_are_one_host():
    seen = {"browser": "http://localhost:8000", "request": "http://localhost:8000", "forwarded_for": ""}
    assert names(seen, "http://127.0.0.1:8000", 0) == []


def test_nothing_is_said_before_a_browser_has_looked(admin):
    assert "Browsers see this site" not in admin.get("/admin/health/").text


def test_the_sentence_names_what_differs_and_what_to_do():
    from umstripe.health.address import address_checks

    (check,) = address_checks(RIGHT, "http://members.example.org:8000", 1)
    assert "the scheme and the port differ" in check.message and ORIGIN in check.advice


def send(admin, origin: str):
    token = admin.get("/admin/settings/").form("site_name")["fields"]["csrf_token"]
    return admin.client.post("/admin/health/address", data={"origin": origin, "csrf_token": token})


def test_what_the_browser_sees_is_kept_for_the_dashboard_and_the_doctor(app, admin):
    from umstripe import health

    answer = send(admin, "https://elsewhere.example.org")
    assert answer.status_code == 200 and "https://elsewhere.example.org" in answer.text
    assert "save it as the site address in Settings" in answer.text
    with app.app_context():
        assert "Address" in [check.name for check in health.problems()]


@pytest.mark.parametrize(
    "origin",
    ["", "null", "javascript:alert(1)", "https://a b", "https://" + "x" * 400, "ftp://x", "https://x/<b>"],
)
def test_what_is_no_address_is_not_kept(app, admin, origin):
    assert send(admin, origin).status_code == 200
    assert rows(app, "SELECT seen_address FROM settings")[0][0] in (None, "null")


def test_only_an_administrator_says_where_the_site_is(app, client):
    from tests.test_sessions import make_member

    make_member(app)
    client.log_in("jane")
    token = client.get("/account/").form("name")["fields"]["csrf_token"]
    data = {"origin": ORIGIN, "csrf_token": token}
    assert client.client.post("/admin/health/address", data=data).status_code == 403


@pytest.mark.parametrize(
    ("seen", "name"),
    [(None, "Site address"), ("http://127.0.0.1:8000", "Site address"), (ORIGIN, "Address")],
)
def test_health_has_one_line_about_an_address_that_is_not_confirmed(app, admin, seen, name):
    if seen is not None:
        assert send(admin, seen).status_code == 200
    page = admin.get("/admin/health/").html
    assert re.findall(r"<strong>((?:Site a|A)ddress)</strong>", page) == [name]
