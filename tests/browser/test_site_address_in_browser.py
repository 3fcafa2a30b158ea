"""The site's address, confirmed at set-up and changed in the settings, in a browser."""

from __future__ import annotations

import threading

import pytest
from playwright.sync_api import expect
from werkzeug.serving import make_server

from tests.people import PASSWORD
from tests.ports import free_port
from tests.selling import rows

pytestmark = pytest.mark.browser


@pytest.fixture
def url(app):
    port = free_port()
    server = make_server("127.0.0.1", port, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{port}"
    server.shutdown()


def setup_link(app, url: str) -> str:
    from umstripe.accounts.setup import new_token
    from umstripe.database import writing

    with app.app_context(), writing():
        return f"{url}/setup?token={new_token()}"


def behind_a_proxy_that_says_nothing(page, url: str) -> None:
    """What the server then believes of itself."""

    def answer(route):
        got = route.fetch()
        route.fulfill(response=got, body=got.text().replace(f'"{url}"', '"http://backend:8000"'))

    page.route("**/setup*", answer)


def test_the_field_is_filled_in_from_the_browser_and_what_is_typed_is_left_alone(app, url, page, look):
    behind_a_proxy_that_says_nothing(page, url)
    page.goto(setup_link(app, url))
    field = page.get_by_label("Site address")
    expect(field).to_have_value(url)
    look.check("setup-address")
    page.unroute_all()
    field.fill("members.example.org")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Email").fill("admin@example.org")
    for label in ("Password", "Password, once more"):
        page.get_by_label(label, exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Set up the site").click()
    expect(page.get_by_text("Please type the address as in your browser")).to_be_visible()
    expect(field).to_have_value("members.example.org")
    look.check()
    field.fill(url)
    for label in ("Password", "Password, once more"):
        page.get_by_label(label, exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Set up the site").click()
    expect(page.get_by_text("Your site is set up.")).to_be_visible()
    assert rows(app, "SELECT site_url FROM settings") == [(url,)]
    _change_it(app, url, page, look)


def _change_it(app, url, page, look):
    page.goto(f"{url}/admin/settings/")
    page.get_by_label("Site address").fill("https://members.example.org")
    page.get_by_role("button", name="Save Changes").click()
    expect(page.get_by_text("Tick the box if that is right")).to_be_visible()
    look.check("settings-address")
    assert rows(app, "SELECT site_url FROM settings") == [(url,)]
    page.get_by_label("Change the address").check()
    page.get_by_role("button", name="Save Changes").click()
    expect(page.get_by_role("link", name="Go on there")).to_have_attribute(
        "href", "https://members.example.org/admin/settings/"
    )
    look.check("settings-address-changed")
    assert rows(app, "SELECT site_url FROM settings") == [("https://members.example.org",)]
