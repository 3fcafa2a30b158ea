"""Mails and texts as an administrator sees them, and the invited member's first page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.people import PASSWORD
from tests.processes import wait_until

pytestmark = pytest.mark.browser


def test_an_invitation_is_in_the_log_and_leads_to_an_account(world, page, context, look):
    world.administrator()
    page.goto(f"{world.site.url}/login")
    page.get_by_label("Username or Email Address").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log In").click()
    page.goto(f"{world.site.url}/admin/users/add")
    page.get_by_label("Username").fill("jane")
    page.get_by_label("Email", exact=True).fill("jane@example.org")
    page.get_by_role("button", name="Add User").click()

    def in_the_log():
        page.goto(f"{world.site.url}/admin/mails/")
        return page.get_by_role("link", name="Your account at Member Site").count()

    wait_until(in_the_log, "the worker has done with the invitation")
    look.check("mails")
    page.get_by_role("link", name="Your account at Member Site").click()
    expect(page.get_by_text("There is no mail server")).to_be_visible()
    look.check("mail")
    path = re.search(r"/invitation/[^\s\"<]+", page.content())[0]
    jane = context.browser.new_context().new_page()
    jane.goto(world.site.url + path)
    jane.get_by_label("Password", exact=True).fill(PASSWORD)
    jane.get_by_label("Password, once more").fill(PASSWORD)
    jane.get_by_role("button", name="Set the password").click()
    expect(jane.get_by_text("Your password is set, and you are logged in.")).to_be_visible()
    _a_text_is_written(world, page, look)


def _a_text_is_written(world, page, look):
    page.goto(f"{world.site.url}/admin/settings/texts/")
    look.check("texts")
    page.get_by_role("link", name="Payment canceled").click()
    page.get_by_label("Text").fill("No harm done, **{nobody}**.")
    page.get_by_role("button", name="Save Changes").click()
    expect(page.get_by_text("Nothing can be filled in for {nobody}.")).to_be_visible()
    expect(page.get_by_label("Text")).to_have_value("No harm done, **{nobody}**.")
    page.get_by_label("Text").fill("No harm done, **{name}**.")
    page.get_by_role("button", name="Save Changes").click()
    expect(page.get_by_text("The text is saved.")).to_be_visible()
    look.check("text")
