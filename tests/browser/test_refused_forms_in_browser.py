"""Refused forms and links for somebody else, with what a real browser sends."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OPTIONS
from tests.needs import chromium
from tests.people import PASSWORD
from tests.processes import Site
from tests.test_links_while_logged_in import reset_link
from tests.test_sessions import make_member

NEW = "another horse battery"


@pytest.fixture
def url(app, environ, tmp_path):
    """A site with two members, anna and bert."""
    make_member(app, "anna")
    make_member(app, "bert")
    site = Site(environ, tmp_path)
    site.start()
    yield site.url
    site.stop()


def fill_in(page, url, username="anna", address="/login"):
    page.goto(url + address)
    page.get_by_label("Username or Email").fill(username)
    page.get_by_label("Password", exact=True).fill(PASSWORD)


def log_in(page, url, username="anna"):
    fill_in(page, url, username)
    page.get_by_role("button", name="Log In").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Account")


def test_with_cookies_off_the_page_says_so(url, chrome, tmp_path):
    folder = tmp_path / "profile" / "Default"
    folder.mkdir(parents=True)
    off = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (folder / "Preferences").write_text(json.dumps(off))
    launch = chrome.browser_type.launch_persistent_context
    context = launch(str(folder.parent), executable_path=chromium(), args=OPTIONS)
    page = context.new_page()
    fill_in(page, url)
    for button in ("Log In", "Send again"):
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("This site needs cookies")
    context.close()


def test_a_tab_that_lost_its_cookies_sends_the_form_again(url, context, page, look):
    fill_in(page, url)
    context.clear_cookies()
    page.get_by_role("button", name="Log In").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This site needs cookies")
    expect(page.get_by_text("anna")).to_be_visible()
    look.check("refused-form")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Account")


def test_a_page_of_another_site_cannot_send_a_form_nor_have_it_sent_again(url, page):
    """A page without an address of its own, as a hostile one in a frame has it."""
    log_in(page, url)
    page.goto(
        "data:text/html,<form method=post action='"
        + url
        + "/account/'><input name=name value=Taken><button>Win</button></form>"
    )
    page.get_by_role("button", name="Win").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("button", name="Send again")).to_have_count(0)
    page.goto(f"{url}/account/")
    expect(page.get_by_label("Name", exact=True)).to_have_value("")


def test_a_reset_link_where_somebody_else_is_logged_in(app, url, page, look):
    log_in(page, url)
    page.goto(url + reset_link(app, "bert"))
    expect(page.get_by_text("You are logged in as anna.")).to_be_visible()
    expect(page.get_by_text("This sets the password of the account bert.")).to_be_visible()
    look.check("reset-while-logged-in")
    page.get_by_role("button", name="Log out and stay here").click()
    expect(page.get_by_text("This sets the password of the account bert.")).to_be_visible()
    expect(page.get_by_text("You are logged in as")).to_have_count(0)
    page.get_by_label("Password", exact=True).fill(NEW)
    page.get_by_label("Retype Password").fill(NEW)
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_text("Please log in with it.")).to_be_visible()


def test_the_account_page_logs_out_on_all_devices(url, page, look):
    log_in(page, url)
    look.check("account-logins")
    page.get_by_role("button", name="Log out on all devices").click()
    expect(page.get_by_text("You are logged out on all devices.")).to_be_visible()
