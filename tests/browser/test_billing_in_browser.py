"""“I manage my membership” with a mouse: on the site's own pages and in Stripe's portal, under the contract's eyes."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.people import PASSWORD
from tests.processes import needs_document, wait_until
from tests.test_main_job import _connect, _import
from tests.world import World

pytestmark = [pytest.mark.browser, needs_document]


@pytest.fixture
def world(database_url, tmp_path):
    """Everything, with the proxy between site and simulator: at the end it has seen no violation."""
    one = World(database_url, tmp_path, watched=True)
    try:
        yield one
        assert one.proxy.violations() == []
    finally:
        one.stop()


class Member:
    """Jane, who has the Basic Plan and may switch to the Standard Plan, in her browser."""

    def __init__(self, world, page) -> None:
        from umstripe import create_app

        self.world, self.page, self.url = world, page, world.site.url
        admin = world.administrator()
        _connect(admin, world.simulator)
        _import(admin)
        self.app = create_app(world.environ)
        self.customer = self.make()
        self.prices = world.simulator.prices()
        made = world.simulator.do(f"/customers/{self.customer}/subscribe", price=self.prices["Basic Plan"])
        self.subscription = made["id"]
        self.deliveries()
        self.log_in()

    def make(self) -> str:
        from umstripe.database import db, writing
        from umstripe.models import Connection, Plan, Settings, User

        with self.app.app_context():
            with writing():
                plans = {plan.title: plan for plan in db.session.query(Plan)}
                plans["Basic Plan"].switch_prices = [plans["Standard Plan"].price]
                plans["Standard Plan"].switch_prices = [plans["Basic Plan"].price]
                Settings.get().change({"pause_allowed": True, "collection_method_choice": True})
                jane = User(username="jane", email="jane@example.org", name="Jane Doe")
                jane.set_password(PASSWORD)
                db.session.add(jane)
            found = Connection.of("test").create_customer(User.with_username("jane"))
            key, stripe_id = plans["Standard Plan"].key, found.stripe_customer_id
            db.session.remove()
            db.engine.dispose()
        self.standard = key
        return stripe_id

    def deliveries(self) -> None:
        self.world.simulator.wait_until_delivered()

    def log_in(self) -> None:
        self.page.goto(f"{self.url}/login")
        self.page.get_by_label("Username or Email Address").fill("jane")
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.page.keyboard.press("Enter")
        expect(self.page.get_by_role("heading", name="Account", level=1)).to_be_visible()

    def billing(self) -> None:
        self.page.goto(f"{self.url}/account/billing/")

    def press(self, link: str, button: str, look=None, name: str = "") -> None:
        self.page.get_by_role("link", name=link).click()
        if look:
            look.check(name)
        self.page.get_by_role("button", name=button).click()

    def status(self, text) -> None:
        expect(self.page.locator(".membership-status")).to_contain_text(text)

    def at_stripe(self) -> dict:
        return self.world.simulator.call("GET", f"/subscriptions/{self.subscription}")

    def portal(self) -> None:
        self.billing()
        self.page.get_by_role("link", name="Customer Portal").click()
        expect(self.page.get_by_text("Current subscriptions")).to_be_visible()

    def portal_turn(self, link: str, button: str) -> None:
        """A turn in the portal, then back to the site."""
        self.portal()
        self.page.get_by_role("link", name=link).click()
        self.page.get_by_role("button", name=button).click()
        self.come_back()

    def come_back(self) -> None:
        self.page.get_by_role("link", name=re.compile("Return to")).click()
        expect(self.page).to_have_url(f"{self.world.environ['UMSTRIPE_SITE_URL']}/account/billing/")


@pytest.fixture
def jane(world, page):
    return Member(world, page)


def test_the_accounts_tabs(jane, page, look):
    look.check("account")
    page.get_by_role("link", name="Change Password").click()
    expect(page.get_by_role("heading", name="Change Password", level=2)).to_be_visible()
    look.check("account-password")
    page.get_by_role("link", name="Billing").click()
    jane.status("Active. The next payment of $9.99 is on")
    expect(page.get_by_role("table", name="Invoices")).to_contain_text("$9.99")
    look.check("billing")


def test_cancel_undo_pause_and_resume_on_the_sites_own_pages(jane, page, look):
    jane.billing()
    page.get_by_role("link", name="Cancel membership").click()
    look.check("billing-cancel")
    page.get_by_role("button", name="Cancel membership").click()
    jane.status("Active. Ends on")
    assert jane.at_stripe()["cancel_at_period_end"] is True
    jane.press("Undo the cancellation", "Go on", look, "billing-undo")
    jane.status("Active. The next payment of $9.99 is on")
    jane.press("Pause membership", "Pause membership", look, "billing-pause")
    jane.status("Paused. Nothing is charged until you resume")
    look.check("billing-paused")
    jane.press("Resume membership", "Resume membership", look, "billing-resume")
    jane.status("Active. The next payment")
    page.get_by_label("Manual Payments").check()
    page.get_by_role("button", name="Billing", exact=True).click()
    jane.status("Active. The next invoice of $9.99 comes by e-mail on")
    jane.deliveries()
    jane.billing()
    jane.status("Active. The next invoice of $9.99 comes by e-mail on")


def test_switch_from_a_link_anywhere_and_back_to_where_it_stood(jane, page, look):
    page.goto(f"{jane.url}/switch-plan/{jane.standard}?switch=1&redirect_to=/account/")
    expect(page.locator(".order")).to_contain_text("Standard Plan, $19.99 / month")
    look.check("switch")
    page.get_by_role("button", name=re.compile("^Switch")).click()
    expect(page).to_have_url(f"{jane.url}/account/")
    expect(page.get_by_text("Your plan is Standard Plan now.")).to_be_visible()
    assert jane.at_stripe()["items"]["data"][0]["price"]["id"] == jane.prices["Standard Plan"]


def test_a_double_click_switches_once(jane, page):
    jane.billing()
    before = len(jane.world.simulator.call("GET", "/invoices", customer=jane.customer)["data"])
    page.get_by_role("link", name="Standard Plan").click()
    page.get_by_role("button", name=re.compile("^Switch")).dblclick()
    expect(page.get_by_text("Your plan is Standard Plan now.")).to_be_visible()
    invoices = jane.world.simulator.call("GET", "/invoices", customer=jane.customer)["data"]
    assert len(invoices) == before + 1


def test_past_due_says_so_and_leads_to_paying(jane, page, look):
    jane.world.simulator.do(f"/subscriptions/{jane.subscription}/fail")
    jane.deliveries()
    jane.billing()
    jane.status("Your last payment failed. We try again on")
    look.check("billing-past-due")
    page.get_by_role("link", name="Pay now").click()
    page.get_by_label("Card number").fill("4242 4242 4242 4242")
    page.get_by_label("Expiration (MM / YY)").fill("12 / 34")
    page.get_by_label("Security code (CVC)").fill("123")
    page.get_by_role("button", name=re.compile("^Pay")).click()
    wait_until(lambda: jane.at_stripe()["status"] == "active", "the invoice is paid")
    jane.deliveries()
    jane.billing()
    jane.status("Active. The next payment of $9.99 is on")


def test_cancel_undo_switch_and_pause_in_stripes_portal(jane, page):
    jane.portal_turn("Cancel subscription", "Cancel subscription")
    jane.status("Active. Ends on")
    jane.portal_turn("Don’t cancel subscription", "Don’t cancel subscription")
    jane.status("Active. The next payment")
    jane.portal()
    page.get_by_role("link", name="Update subscription").click()
    page.get_by_label("New plan").select_option(jane.prices["Standard Plan"])
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Confirm").click()
    jane.come_back()
    expect(page.locator(".membership")).to_contain_text("$19.99 / month")
    jane.portal_turn("Pause subscription", "Pause subscription")
    jane.status("Paused.")
    jane.press("Resume membership", "Resume membership")
    jane.status("Active. The next payment")
