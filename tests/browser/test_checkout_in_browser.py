"""Buying a membership as people do it: with a mouse, a card, second thoughts and the back button."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.people import PASSWORD
from tests.processes import needs_document, wait_until
from tests.selling import settings
from tests.test_main_job import _connect, _import, _plan
from tests.world import World
from umstripe import create_app
from umstripe.database import db

pytestmark = pytest.mark.browser
CARD = "4242 4242 4242 4242"
DECLINED = "4000 0000 0000 0002"


class Sellers:
    """A whole world that sells, and what its visitors do in the browser."""

    def __init__(self, world: World, page) -> None:
        self.world, self.page, self.url = world, page, world.site.url
        self.admin = world.administrator()
        _connect(self.admin, world.simulator)
        _import(self.admin)

    def key(self, title: str = "Basic Plan") -> str:
        page = self.admin.get(_plan(self.admin, title))
        return re.search(r"/subscribe/([\w-]+)", page.html)[1]

    def change(self, title: str, **values) -> None:
        page = self.admin.submit(_plan(self.admin, title), **values)
        assert "Plan updated." in page.text, page.text[:600]

    def settings(self, **values) -> None:
        app = create_app(self.world.environ)
        settings(app, **values)
        with app.app_context():
            db.engine.dispose()

    def register(self, address: str = "/register", name: str = "karl") -> None:
        self.page.goto(self.url + address)
        self.page.get_by_label("Username").fill(name)
        self.page.get_by_label("Email Address").fill(f"{name}@example.org")
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)

    def press_register(self) -> None:
        self.page.get_by_role("button", name="Register").click()

    def at_stripe(self) -> None:
        if self.world.proxy:  # the payment page has an address of its own, as with Stripe's Custom Domains
            self.page.get_by_role("link", name="Go to the payment page").click()
        expect(self.page).to_have_url(re.compile(r"/c/pay/cs_test_"))

    def pay(self, number: str = CARD, where=None) -> None:
        place = where or self.page
        place.get_by_label("Card number").fill(number)
        place.get_by_label("Expiration").fill("12 / 34")
        place.get_by_label("CVC").fill("123")
        place.get_by_label("Cardholder").fill("Karl Mann")
        place.get_by_role("button", name=re.compile("^(Subscribe|Pay|Start trial)")).click()

    def succeeded(self) -> None:
        expect(self.page.get_by_role("heading", name="Payment successful")).to_be_visible()

    def settled(self, name: str = "karl") -> str:
        """Once every delivery has come: the user's line on the list of users."""
        self.world.simulator.wait_until_delivered()
        text = self.admin.get(f"/admin/users/?search={name}").text
        return text[text.index(f"{name}@example.org") :][:200]


@pytest.fixture
def sellers(world, page):
    return Sellers(world, page)


def test_register_with_a_choice_of_plans_and_pay(sellers, page, look):
    sellers.change("Basic Plan", description="Access to the blog")
    sellers.register()
    look.check("register")
    page.locator("label", has_text="Basic Plan").click()
    sellers.press_register()
    sellers.at_stripe()
    sellers.pay()
    sellers.succeeded()
    expect(page.locator(".order")).to_contain_text("Basic Plan - $9.99 / month")
    expect(page.locator(".order")).to_contain_text("Active")
    look.check("checkout-success")
    assert "Active Basic Plan" in sellers.settled()


def test_register_with_the_links_plan_alone_and_pay(sellers, page, look):
    sellers.settings(register_field="single")
    sellers.register(f"/register?plan={sellers.key('Standard Plan')}")
    expect(page.locator(".plan-card")).to_have_count(1)
    look.check("register-single")
    sellers.press_register()
    sellers.at_stripe()
    sellers.pay()
    sellers.succeeded()


def test_register_with_a_hidden_plan_and_pay_after_a_declined_card(sellers, page):
    sellers.settings(register_field="hidden")
    sellers.register(f"/register?plan={sellers.key()}")
    expect(page.locator(".plan-card")).to_have_count(0)
    sellers.press_register()
    sellers.at_stripe()
    sellers.pay(DECLINED)
    expect(page.get_by_text("Your card was declined.")).to_be_visible()
    sellers.pay(CARD)
    sellers.succeeded()
    assert "Active Basic Plan" in sellers.settled()


def test_a_trial_with_a_promotion_code(sellers, page):
    sellers.change("Basic Plan", trial_days="14", promotion_codes="y")
    sellers.register(f"/register?plan={sellers.key()}")
    expect(page.locator(".plan-card", has_text="14 days free")).to_be_visible()
    sellers.press_register()
    page.get_by_label("promotion code").fill("WELCOME10")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("WELCOME10").first).to_be_visible()
    sellers.pay()
    sellers.succeeded()
    expect(page.locator(".order")).to_contain_text("Trialing")
    assert "Trialing Basic Plan" in sellers.settled()


def test_back_from_checkout_nothing_is_paid_and_the_account_goes_on(sellers, page, look):
    sellers.register(f"/register?plan={sellers.key()}")
    sellers.press_register()
    sellers.at_stripe()
    page.go_back()
    page.wait_for_load_state()
    sellers.page.goto(f"{sellers.url}/account/billing/")
    look.check("billing-not-paid")
    page.get_by_role("link", name="Go on to payment").click()
    look.check("subscribe")
    page.get_by_role("button", name="Go on to payment").click()
    sellers.at_stripe()
    page.get_by_role("link", name=re.compile("Back|Cancel")).first.click()
    expect(page.get_by_text("No payment has been taken.")).to_be_visible()
    look.check("checkout-canceled")
    page.get_by_role("link", name="Go on and pay").click()
    page.get_by_role("button", name="Go on to payment").click()
    sellers.pay()
    sellers.succeeded()
    sessions = sellers.world.simulator.call("GET", "/checkout/sessions")["data"]
    assert [one["status"] for one in sessions] == ["complete"], "one session, used again each time"


def test_the_form_sent_again_after_checkout_pays_for_the_plan_chosen_in_it(sellers, page):
    """As a browser shows the form when one comes back to it, and as a second tab has it."""
    sellers.register(f"/register?plan={sellers.key()}")
    page.locator("label", has_text="Premium Plan").click()
    first, sellers.page = page, page.context.new_page()
    sellers.register(f"/register?plan={sellers.key()}")
    sellers.press_register()
    sellers.at_stripe()
    sellers.page.close()
    sellers.page = first
    sellers.press_register()
    sellers.at_stripe()
    sellers.pay()
    sellers.succeeded()
    expect(page.locator(".order")).to_contain_text("Premium Plan")
    sessions = sellers.world.simulator.call("GET", "/checkout/sessions")["data"]
    assert [one["status"] for one in sessions] == ["complete", "expired"]


def test_a_double_click_makes_one_account_and_one_session(sellers, page):
    sellers.register(f"/register?plan={sellers.key()}")
    page.get_by_role("button", name="Register").dblclick()
    sellers.at_stripe()
    assert len(sellers.world.simulator.call("GET", "/checkout/sessions")["data"]) == 1
    assert sellers.admin.get("/admin/users/?search=karl").text.count("karl@example.org") == 1


def test_the_success_page_before_any_delivery_and_again(sellers, page):
    """Stripe sends nothing to an endpoint that is switched off."""
    simulator = sellers.world.simulator
    (endpoint,) = simulator.call("GET", "/webhook_endpoints")["data"]
    simulator.call("POST", f"/webhook_endpoints/{endpoint['id']}", disabled="true")
    sellers.register(f"/register?plan={sellers.key()}")
    sellers.press_register()
    sellers.pay()
    sellers.succeeded()
    expect(page.locator(".order")).to_contain_text("Active")
    page.reload()
    sellers.succeeded()
    assert "Active Basic Plan" in sellers.settled()


def test_the_success_page_after_the_delivery_twice_and_by_somebody_else(sellers, page, chrome):
    sellers.register(f"/register?plan={sellers.key()}")
    sellers.press_register()
    sellers.pay()
    sellers.succeeded()
    sellers.world.simulator.wait_until_delivered()
    for _ in range(2):
        page.reload()
        sellers.succeeded()
    other = chrome.new_context().new_page()
    other.goto(page.url)
    expect(other.get_by_text("Please log in to see your order.")).to_be_visible()
    assert "karl" not in other.content() and "Basic Plan" not in other.content()
    other.context.close()


def test_who_is_subscribed_is_told_so_and_led_to_the_portal(sellers, page, look):
    sellers.register(f"/register?plan={sellers.key()}")
    sellers.press_register()
    sellers.pay()
    sellers.succeeded()
    page.goto(f"{sellers.url}/subscribe/{sellers.key('Premium Plan')}")
    expect(page.get_by_role("heading", name="Already subscribed")).to_be_visible()
    expect(page.get_by_role("link", name="Customer Portal")).to_be_visible()
    look.check("already-subscribed")


def test_pay_on_a_page_of_this_site(sellers, page, look):
    sellers.settings(embedded_checkout=True)
    sellers.register(f"/register?plan={sellers.key()}")
    sellers.press_register()
    expect(page).to_have_url(re.compile(r"/checkout/pay\?umm_stripe_sid="))
    frame = page.frame_locator("iframe")
    expect(frame.get_by_label("Card number")).to_be_visible()
    look.check("checkout-pay")
    sellers.pay(where=frame)
    sellers.succeeded()
    assert "Active Basic Plan" in sellers.settled()


@pytest.mark.contract
@needs_document
def test_all_of_it_with_stripes_document_between(database_url, tmp_path, page, look):
    world = World(database_url, tmp_path, watched=True)
    try:
        sellers = Sellers(world, page)
        sellers.change("Basic Plan", trial_days="14", promotion_codes="y")
        for number, title in enumerate(("Basic Plan", "Lifetime Access")):
            page.context.clear_cookies()
            sellers.register(f"/register?plan={sellers.key(title)}", f"karl{number}")
            sellers.press_register()
            look.check("checkout-away")
            sellers.at_stripe()
            sellers.pay()
            sellers.succeeded()
            page.goto(f"{sellers.url}/subscribe/{sellers.key(title)}")
        wait_until(lambda: "Paid Lifetime Access" in sellers.settled("karl1"), "the second has paid")
        assert world.proxy.violations() == []
        assert "/v1/checkout/sessions" in world.proxy.records.read_text()
    finally:
        world.stop()


def test_a_one_time_plan_waits_for_approval_runs_out_and_is_refunded(sellers, page):
    sellers.change("Lifetime Access", approval="y", duration_count="2", duration_unit="month")
    sellers.register(f"/register?plan={sellers.key('Lifetime Access')}")
    sellers.press_register()
    sellers.at_stripe()
    sellers.pay()
    expect(page.get_by_text("The amount is only reserved.")).to_be_visible()
    sellers.world.simulator.wait_until_delivered()
    approve = "/admin/approvals/1/approve"
    assert "Approved: karl has paid $499.00" in sellers.admin.submit(approve).text
    billing = f"{sellers.url}/account/billing"
    page.goto(billing)
    expect(page.get_by_text("Valid until")).to_be_visible()
    _its_time_is_over(sellers)
    page.goto(billing)
    expect(page.get_by_text("Ended on")).to_be_visible()
    assert "Expired Lifetime Access" in sellers.settled()
    charge = sellers.world.simulator.call("GET", "/charges")["data"][0]["id"]
    sellers.world.simulator.do(f"/charges/{charge}/refund")
    assert "Refunded Lifetime Access" in sellers.settled()
    page.goto(billing)
    expect(page.get_by_text("Refunded on")).to_be_visible()


def _its_time_is_over(sellers: Sellers) -> None:
    """Its two months lie a hundred days back, without the wait."""
    from umstripe.database import write
    from umstripe.models.plan import end_after

    app = create_app(sellers.world.environ)
    with app.app_context():
        with write() as tx:
            created, ends_at = tx.exec_driver_sql("SELECT created, ends_at FROM purchase").one()
            assert ends_at == end_after(created, 2, "month")
            back = 100 * 24 * 3600
            tx.exec_driver_sql(f"UPDATE purchase SET created = {created - back}, ends_at = {ends_at - back}")
        db.engine.dispose()
