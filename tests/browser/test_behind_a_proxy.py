"""With https outside, by a real nginx and a real browser: forms work however the proxy is set up, and Health says what
is missing."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OPTIONS
from tests.needs import chromium, nginx
from tests.people import PASSWORD, make_administrator
from tests.ports import free_port
from tests.processes import Site
from tests.proxy import Nginx

pytestmark = pytest.mark.skipif(
    nginx() is None, reason="nginx is missing: install it, or name it in UMSTRIPE_NGINX"
)
SETUPS = {
    "right": ("host", "proto", "for"),
    "no X-Forwarded-Proto": ("host", "for"),
    "no Host": ("proto", "for"),
    "proxy_pass alone": (),
}


@pytest.fixture
def outside(app, tmp_path):
    """A site behind nginx: `outside(sends)` starts nginx anew, and returns the address for a browser."""
    make_administrator(app)
    port = free_port()
    started = []

    def start(sends, site):
        for process in started:
            process.stop()
        started[:] = [Nginx(tmp_path, port, site.url, sends)]
        started[0].start()
        return f"https://localhost:{port}"

    start.url = f"https://localhost:{port}"
    yield start
    for process in started:
        process.stop()


def log_in(page, url):
    page.goto(f"{url}/login")
    page.get_by_label("Username or Email").fill("admin")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log In").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Dashboard")


def checks(page, url) -> set[str]:
    """What Health says is not in order about the address, after the page's script has asked."""
    with page.expect_response("**/admin/health/address") as answer:
        page.goto(f"{url}/admin/health/")
    assert answer.value.ok
    rows = page.locator("[data-browser-address] tbody tr")
    expect(rows.filter(has_text="Address").or_(rows.filter(has_text="Proxy")).first).to_be_visible()
    texts = rows.all_inner_texts()
    return {
        text.split("\t")[0].strip()
        for text in texts
        if text.startswith(("Address", "Proxy")) and "In order" not in text
    }


def expected(sends, proxies: int, has_site_url: bool) -> set[str]:
    wrong = set() if has_site_url else {"Address"}
    wrong |= set() if "proto" in sends and proxies else {"Proxy: scheme"}
    wrong |= set() if "host" in sends else {"Proxy: host"}
    return wrong | (set() if ("for" in sends) == bool(proxies) else {"Proxy: visitors"})


@pytest.mark.parametrize("has_site_url", [True, False])
@pytest.mark.parametrize("proxies", [0, 1])
def test_forms_work_behind_a_proxy_and_health_says_what_it_leaves_out(
    environ, outside, chrome, tmp_path, proxies, has_site_url
):
    more = {"UMSTRIPE_TRUSTED_PROXIES": str(proxies)}
    site = Site({**environ, **more, **({"UMSTRIPE_SITE_URL": outside.url} if has_site_url else {})}, tmp_path)
    site.start()
    try:
        for name, sends in SETUPS.items():
            url = outside(sends, site)
            context = chrome.new_context(ignore_https_errors=True)
            page = context.new_page()
            log_in(page, url)
            assert checks(page, url) == expected(sends, proxies, has_site_url), name
            page.get_by_role("button", name="Log Out").click()
            expect(page.get_by_role("heading", level=1)).to_have_text("Log In")
            context.close()
    finally:
        site.stop()


def test_http_beside_https_names_the_right_address(environ, chrome, tmp_path):
    """The browser comes past the proxy, by http, and does not keep a cookie that is for https."""
    name = "members.example.org"
    site = Site({**environ, "UMSTRIPE_SITE_URL": f"https://{name}"}, tmp_path)
    site.start()
    rules = f"--host-resolver-rules=MAP {name} 127.0.0.1"
    browser = chrome.browser_type.launch(executable_path=chromium(), args=[*OPTIONS, rules])
    try:
        page = browser.new_page()
        page.goto(f"http://{name}:{site.port}/login")
        page.get_by_label("Username or Email").fill("admin")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Log In").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Open this site with https")
        expect(page.get_by_text("Open https://members.example.org and try again.")).to_be_visible()
    finally:
        browser.close()
        site.stop()
