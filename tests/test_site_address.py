"""The site's own address comes from one source, and never from a request."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.people import PASSWORD, Browserless, make_administrator, make_user, send_emails
from tests.selling import rows

SITE = "https://members.example.org"
HOOK = "/webhooks/stripe/test"
EVIL = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}


def make_site(environ, **more):
    from umstripe import create_app

    return create_app({**environ, **more})


def confirm(app, url):
    from umstripe.database import writing
    from umstripe.models import site_address

    with app.app_context(), writing():
        site_address.confirm(url)


def last_mail(environ, app) -> str:
    send_emails(app)
    mails = sorted((Path(environ["UMSTRIPE_INSTANCE"]) / "mail").iterdir())
    return mails[-1].read_text().replace("=\n", "").replace("=3D", "=")


def ask_for_a_link(app, **headers):
    client = app.test_client()
    page = Browserless(client).get("/reset")
    data = {**page.form("email")["fields"], "email": "admin@example.org"}
    cookie = f"session={client.get_cookie('session').value}"
    sender = app.test_client(use_cookies=False)
    return sender.post("/reset", data=data, headers={"Cookie": cookie, **headers})


@pytest.mark.parametrize("more", [{}, {"UMSTRIPE_TRUSTED_PROXIES": "1"}])
def test_the_link_that_resets_a_password_never_takes_the_host_header(environ, more):
    """While no address is known any host is answered; the link leads to where the site listens."""
    app = make_site(environ, **more)
    make_administrator(app)
    assert ask_for_a_link(app, **EVIL).status_code == 200
    mail = last_mail(environ, app)
    assert "evil" not in mail and "http://127.0.0.1:8000/reset/" in mail


def test_the_link_that_resets_a_password_leads_to_the_configured_address(environ):
    app = make_site(environ, UMSTRIPE_SITE_URL=SITE)
    make_administrator(app)
    ask_for_a_link(app)
    assert f"{SITE}/reset/" in last_mail(environ, app)


def test_notices_about_a_changed_password_lead_to_the_confirmed_address(environ, app, admin):
    confirm(app, SITE)
    new = "another horse battery"
    admin.submit("/account/password", password=PASSWORD, new_password=new, new_password_confirm=new)
    mail = last_mail(environ, app)
    assert f"{SITE}/reset" in mail and "http://localhost" not in mail


def test_every_absolute_link_is_made_of_the_site_s_address(environ):
    from flask import render_template_string, url_for
    from flask_security import url_for_security

    app = make_site(environ, UMSTRIPE_SITE_URL=SITE)
    with app.test_request_context("/", base_url="http://evil.example"):
        assert url_for("portal.back", _external=True) == f"{SITE}/customer-portal/back"
        assert url_for("portal.back", _scheme="http") == f"{SITE}/customer-portal/back"
        assert url_for_security("login", _external=True) == f"{SITE}/login"
        assert render_template_string("{{ url_for('home.index', _external=True) }}") == f"{SITE}/"
        assert url_for("home.index") == "/"


@pytest.mark.parametrize("known", ["configured", "confirmed"])
@pytest.mark.parametrize(
    "host", ["evil.example", "members.example.org.evil.example", "evil.example:443", "e<vil", "", "[::2]"]
)
@pytest.mark.parametrize("address", ["/login", "/nothing", "/admin/settings", "/static/css/base.css"])
def test_an_unknown_host_gets_a_plain_400(environ, known, host, address):
    app = make_site(environ, **({"UMSTRIPE_SITE_URL": SITE} if known == "configured" else {}))
    if known == "confirmed":
        confirm(app, SITE)
    for method in ("GET", "POST"):
        answer = app.test_client().open(address, method=method, headers={"Host": host})
        assert answer.status_code == 400 and answer.mimetype == "text/plain"
        assert "evil" not in answer.text and "evil" not in str(answer.headers)


@pytest.mark.parametrize(
    "host",
    ["members.example.org", "MEMBERS.example.org:443", "members.example.org.", "localhost", "127.0.0.1:8000"],
)
def test_the_site_s_own_host_and_the_loopback_ones_are_answered(environ, host):
    app = make_site(environ, UMSTRIPE_SITE_URL=SITE)
    assert app.test_client().get("/login", headers={"Host": host}).status_code == 200


def test_the_address_that_the_site_listens_on_is_answered(environ):
    app = make_site(environ, UMSTRIPE_SITE_URL=SITE, UMSTRIPE_BIND="[2001:db8::1]:8000")
    answer = app.test_client().get("/login", headers={"Host": "[2001:DB8::1]:8000"})
    assert answer.status_code == 200


def test_an_international_name_is_known_in_the_form_that_browsers_send(environ):
    app = make_site(environ, UMSTRIPE_SITE_URL="https://chör.example.org")
    for host, code in (("xn--chr-tna.example.org", 200), ("chor.example.org", 400)):
        assert app.test_client().get("/login", headers={"Host": host}).status_code == code


@pytest.mark.parametrize("address", ["/healthz", "/readyz"])
def test_health_probes_are_answered_at_any_host(environ, address):
    app = make_site(environ, UMSTRIPE_SITE_URL=SITE)
    assert app.test_client().get(address, headers={"Host": "10.1.2.3:8000"}).status_code == 200


def test_a_delivery_is_taken_at_any_host_since_its_signature_says_whose_it_is(environ):
    """After the address is changed, Stripe sends to the old one until the endpoint is mended."""
    app = make_site(environ, UMSTRIPE_SITE_URL=SITE)
    answer = app.test_client().post("/webhooks/stripe/test", data=b"{}", headers={"Host": "old.example.org"})
    assert answer.status_code == 400 and answer.is_json


def test_a_trusted_proxy_says_the_host_and_others_do_not(environ):
    behind = make_site(environ, UMSTRIPE_SITE_URL=SITE, UMSTRIPE_TRUSTED_PROXIES="1").test_client()
    headers = {"Host": "backend:8000", "X-Forwarded-Host": "members.example.org"}
    assert behind.get("/login", headers=headers).status_code == 200
    assert behind.get("/login", headers={**headers, "X-Forwarded-Host": "evil.example"}).status_code == 400
    alone = make_site(environ, UMSTRIPE_SITE_URL=SITE).test_client()
    assert alone.get("/login", headers=headers).status_code == 400


def test_all_processes_follow_when_the_address_is_changed(environ):
    first, second = make_site(environ), make_site(environ)
    for app in (first, second):
        assert app.test_client().get("/login", headers={"Host": "new.example.org"}).status_code == 200
    confirm(first, "https://old.example.org")
    assert first.test_client().get("/login", headers={"Host": "new.example.org"}).status_code == 400
    confirm(first, "https://new.example.org")
    assert second.test_client().get("/login", headers={"Host": "new.example.org"}).status_code == 200


def test_redirects_of_the_router_name_no_host(environ):
    client = make_site(environ).test_client()
    answer = client.get("/admin/settings?x=1", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.headers["Location"]) == (308, "/admin/settings/?x=1")
    answer = client.get("//evil.example//admin//settings", headers={"Host": "evil.example"})
    assert answer.status_code in (308, 404) and not answer.headers.get("Location", "/").startswith("//")


def test_a_link_s_way_back_is_held_against_the_site_s_address(environ):
    from umstripe.views.addresses import local_path

    app = make_site(environ, UMSTRIPE_SITE_URL=SITE)
    with app.test_request_context("/", base_url="http://localhost"):
        assert local_path("/account?x=1#y") == "/account?x=1#y"
        assert local_path(f"{SITE}/account?x=1") == "/account?x=1"
        assert local_path("https://Members.Example.org:443/") == "/"
        wrong = ("http://localhost/", "http://members.example.org/", f"{SITE}.evil.example/", f"{SITE}//evil")
        for url in (*wrong, "//evil.example", f"{SITE}@evil.example/", "https:///evil.example", "//["):
            assert local_path(url) == "", url


# Set-up and settings

WORDS = {"username": "jane", "email": "jane@example.org", "password": PASSWORD, "password_again": PASSWORD}


@pytest.fixture
def token(app):
    from umstripe.accounts.setup import new_token
    from umstripe.database import writing

    with app.app_context(), writing():
        return new_token()


def test_at_set_up_the_administrator_confirms_the_address(app, client, token):
    page = client.get(f"/setup?token={token}")
    assert page.form("site_url")["fields"]["site_url"] == ["http://localhost"]
    page = client.submit(f"/setup?token={token}", **WORDS, site_url=" HTTPS://Members.Example.org:443/ ")
    assert "Your site is set up" in page.text and f'href="{SITE}/admin/settings/stripe"' in page.html
    assert rows(app, "SELECT site_url FROM settings") == [(SITE,)]


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "members.example.org",
        "ftp://members.example.org",
        "https://members.example.org/path",
        "https://user:pw@members.example.org",
        "https://members.example.org:0",
        "https://members.example.org:99999",
        "https://mem bers.example.org",
        "https://evil.example\\@members.example.org",
        "https://[oops",
        f"https://{'x' * 300}.example.org",
        "https://a..b",
    ],
)
def test_what_is_no_address_gets_a_sentence(app, client, token, typed):
    page = client.submit(f"/setup?token={token}", **WORDS, site_url=typed)
    assert "https://members.example.org" in page.text and "Site address" in page.text
    assert page.form("site_url")["fields"]["site_url"] == [typed]
    assert rows(app, "SELECT site_url FROM settings") == [("",)]


def test_a_configured_address_is_not_asked_for(environ):
    from umstripe.accounts.setup import new_token
    from umstripe.database import writing

    app = make_site(environ, UMSTRIPE_SITE_URL=SITE)
    with app.app_context(), writing():
        token = new_token()
    client = Browserless(app.test_client())
    assert "Site address" not in client.get(f"/setup?token={token}").text
    client.submit(f"/setup?token={token}", **WORDS)
    page = client.get("/admin/settings/")
    assert SITE in page.html and "UMSTRIPE_SITE_URL" in page.text
    assert "site_url" not in page.form("site_name")["names"]


def test_a_changed_address_is_asked_about_before_it_is_saved(app, admin):
    confirm(app, "http://localhost")
    page = admin.submit("/admin/settings/", site_url=SITE)
    assert "Tick the box" in page.text and rows(app, "SELECT site_url FROM settings") == [
        ("http://localhost",)
    ]
    admin.send("/admin/settings/", page, site_url=SITE, extra={"address_confirmed": "y"})
    assert rows(app, "SELECT site_url FROM settings") == [(SITE,)]


def test_other_settings_are_saved_without_a_question(app, admin):
    confirm(app, SITE)
    page = admin.submit("/admin/settings/", site_name="Choir")
    assert "saved" in page.text and rows(app, "SELECT site_name, site_url FROM settings") == [("Choir", SITE)]


def test_who_saves_an_address_that_is_not_the_browser_s_is_led_there(app):
    """This address is not answered any more, so the way on is a link."""
    app.config["SERVER_NAME"] = "old.example.org"  # where the test's client is
    make_administrator(app)
    admin = Browserless(app.test_client())
    admin.enter("admin")
    page = admin.submit("/admin/settings/", site_url=SITE)
    assert "Tick the box" in page.text
    page = admin.send("/admin/settings/", page, site_url=SITE, extra={"address_confirmed": "y"})
    assert f'href="{SITE}/admin/settings/"' in page.html
    assert app.test_client().get("/login").status_code == 400


def test_a_changed_address_warns_of_an_endpoint_that_stays_behind(site):
    from umstripe.database import now, writing
    from umstripe.models import Connection

    make_administrator(site.app)
    admin = Browserless(site.app.test_client())
    admin.enter("admin")
    confirm(site.app, "http://localhost")
    with site.app.app_context(), writing():
        connection = Connection.of("test")
        connection.endpoint_url, connection.stripe_endpoint_id = f"http://localhost{HOOK}", "we_1"
        connection.connected_at = now()
    page = admin.submit("/admin/settings/", site_url=SITE, extra={"address_confirmed": "y"})
    assert "Stripe still sends deliveries to http://localhost/webhooks/stripe/test" in page.text
    health = admin.get("/admin/health/").text
    assert f"sends to http://localhost/webhooks/stripe/test, but this site is at {SITE}/webhooks" in health


def test_health_asks_for_an_address_while_none_is_known(app, admin):
    assert "Site address" in admin.get("/admin/health/").text
    confirm(app, SITE)
    assert "Site address" not in admin.get("/admin/health/").text


# Cookies


def cookies(answer):
    return answer.headers.getlist("Set-Cookie")


def test_cookies_are_secure_when_the_confirmed_address_is_https(app, client):
    make_administrator(app)
    fields = {
        **client.get("/login").form("email", "password")["fields"],
        "email": "admin",
        "password": PASSWORD,
    }
    confirm(app, "http://localhost")
    answer = app.test_client().get("/login")
    assert cookies(answer) and not any("Secure" in one for one in cookies(answer))
    confirm(app, SITE)
    answer = client.client.post("/login", data={**fields, "remember": "y"})
    assert len(cookies(answer)) == 3 and all("Secure" in one for one in cookies(answer))


# A copy of a site


def test_a_copy_is_answered_at_its_own_host_until_somebody_says_what_it_is(app):
    from umstripe.database import writing
    from umstripe.models import Settings

    app.config["SERVER_NAME"] = "staging.example.org"  # where the test's client is
    make_administrator(app)
    confirm(app, SITE)
    assert app.test_client().get("/login").status_code == 400
    with app.app_context(), writing():
        Settings.get().home = {"database": "another one"}
    admin = Browserless(app.test_client())
    admin.enter("admin")
    admin.press("/admin/settings/copy/", "/admin/settings/copy/site")
    assert app.test_client().get("/login").status_code == 200
    assert rows(app, "SELECT site_url FROM settings") == [("",)]


def test_what_is_called_a_copy_forgets_the_other_site_s_address(app):
    from umstripe.database import writing
    from umstripe.models import Connection

    confirm(app, SITE)
    with app.app_context(), writing():
        Connection.forget_all()
    assert rows(app, "SELECT site_url FROM settings") == [("",)]


# Mails of ours


def test_links_in_our_own_mails_lead_to_the_confirmed_address(app, admin):
    from umstripe.accounts import invitation, payment_claim
    from umstripe.models import User

    make_user(app, "lena")
    confirm(app, SITE)
    with app.app_context():
        lena = User.with_username("lena")
        assert invitation.link(lena).startswith(f"{SITE}/invitation/")
        assert payment_claim.link(lena, "test", "cs_test_1").startswith(f"{SITE}/claim/")


def test_a_plan_s_links_lead_to_the_confirmed_address(shop_links, app):
    assert re.search(rf'value="{SITE}/subscribe/', shop_links)


@pytest.fixture
def shop_links(app, admin):
    from tests.selling import open_shop

    open_shop(app)
    confirm(app, SITE)
    return admin.get("/admin/plans/1").html


# Commands


def run(environ, *arguments):
    from tests import forks

    return forks.run([*forks.UMSTRIPE, *arguments], environ, 60)


def test_the_command_changes_the_address_and_every_process_follows(environ, app):
    confirm(app, "https://typo.example.org")
    assert app.test_client().get("/login", headers={"Host": "members.example.org"}).status_code == 400
    assert run(environ, "site-url").stdout == "https://typo.example.org\n"
    assert run(environ, "site-url", f"{SITE}/").stdout == f"{SITE}\n"
    assert app.test_client().get("/login", headers={"Host": "members.example.org"}).status_code == 200
    wrong = run(environ, "site-url", "members.example.org")
    assert wrong.returncode == 1 and "must look like https://" in wrong.stderr
    refused = run({**environ, "UMSTRIPE_SITE_URL": SITE}, "site-url", "https://other.example.org")
    assert refused.returncode == 1 and "UMSTRIPE_SITE_URL" in refused.stderr


def test_the_setup_link_begins_with_the_confirmed_address(environ, app):
    confirm(app, SITE)
    assert f"{SITE}/setup?token=" in run(environ, "setup-link").stdout


# Sites of the version before


@pytest.mark.parametrize(
    ("endpoints", "expected"),
    [
        ({}, ""),
        ({"test": f"{SITE}{HOOK}"}, SITE),
        ({"test": f"https://staging.example.org{HOOK}", "live": f"{SITE}/webhooks/stripe/live"}, SITE),
    ],
)
def test_a_site_that_is_connected_already_keeps_the_address_that_stripe_knows(app, endpoints, expected):
    from flask_migrate import downgrade, upgrade

    from umstripe.database import db, write

    with app.app_context():
        downgrade(revision="0005")
        with write() as tx:
            for mode, url in endpoints.items():
                values = {"url": url, "mode": mode}
                tx.execute(text("UPDATE connection SET endpoint_url = :url WHERE mode = :mode"), values)
        upgrade()
        db.engine.dispose()
    assert rows(app, "SELECT site_url, site_name FROM settings") == [(expected, "Member Site")]
