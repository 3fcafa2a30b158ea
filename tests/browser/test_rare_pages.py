"""The pages that a visitor meets when something is in the way, each with axe's eyes and at 360 pixels.

The site runs inside the test's own process here, so that its state is at hand.
"""

from __future__ import annotations

import re
import threading

import pytest
from playwright.sync_api import expect
from werkzeug.serving import make_server

from tests.people import PASSWORD, make_user
from tests.ports import free_port
from tests.selling import rows, settings
from tests.shop import Shop
from tests.simulator.checkout_walk import CARD, Walk

pytestmark = pytest.mark.browser


class Visited:
    """A shop that a browser can visit."""

    def __init__(self, shop: Shop, page, look, url: str) -> None:
        self.shop, self.page, self.look, self.url = shop, page, look, url

    def see(self, path: str, heading: str, name: str) -> None:
        """Open a page, and look at it as everybody should be able to."""
        self.page.goto(self.url + path)
        self.must_be(heading, name)

    def must_be(self, heading: str, name: str) -> None:
        expect(self.page.get_by_role("heading", name=heading).first).to_be_visible()
        self.look.check(name)

    def log_in(self, username: str = "karl") -> None:
        self.page.goto(f"{self.url}/login")
        self.page.get_by_label("Username or Email Address").fill(username)
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.page.keyboard.press("Enter")
        expect(self.page).not_to_have_url(re.compile("/login"))

    def order(self) -> str:
        """The path of the success page of the newest session."""
        return f"/checkout/success?umm_stripe_sid={self.shop.sessions()[0]['id']}"


@pytest.fixture
def visited(database_url, tmp_path, page, look):
    shop = Shop(database_url, tmp_path)
    port = free_port()
    server = make_server("127.0.0.1", port, shop.app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Visited(shop, page, look, f"http://127.0.0.1:{port}")
    server.shutdown()
    shop.stop()


def test_what_is_not_for_sale_or_behind_a_password(visited, page):
    draft, secret = (
        visited.shop.offer("Draft", status="draft"),
        visited.shop.offer("Club", visibility="password", password="sesame"),
    )
    visited.shop.offer("Gold")
    visited.see("/subscribe/nothing", "Not on offer", "no-offer")
    visited.see(f"/subscribe/{draft}", "Not on offer", "no-offer-draft")
    visited.see(f"/subscribe/{secret}", "Club", "plan-password")
    page.get_by_label("Password of this plan").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_text("This is not the password of this plan.")).to_be_visible()
    visited.look.check("plan-password-wrong")


def test_registering_wrongly_twice_and_without_a_plan(visited, page):
    visited.shop.offer("Gold")
    visited.shop.member("kim")
    page.goto(f"{visited.url}/register")
    page.get_by_label("Username").fill("two words")
    page.get_by_label("Email Address").fill("not an address")
    page.get_by_label("Password", exact=True).fill("short")
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_text("Use only letters").first).to_be_visible()
    expect(page.get_by_label("Username")).to_have_value("two words")
    visited.must_be("Register", "register-wrong")
    page.get_by_label("Username").fill("somebody")
    page.get_by_label("Email Address").fill("kim@example.org")
    page.get_by_label("Password", exact=True).fill("not the one of Kim 7")
    page.get_by_role("button", name="Register").click()
    expect(page).to_have_url(re.compile("/register/mail"))
    visited.look.check("register-mail")
    settings(visited.shop.app, register_without_plan=False, register_field="hidden")
    page.goto(f"{visited.url}/register")
    visited.look.check("register-no-plan")


def test_an_order_that_is_open_expired_on_its_way_or_somebody_else_s(visited):
    key = visited.shop.offer("Gold")
    member = visited.shop.member()
    visited.shop.pay_url(member, key)
    visited.see(visited.order(), "Your order", "success-who")
    visited.log_in()
    visited.see(visited.order(), "Not paid yet", "success-open")
    visited.shop.simulator.call("POST", f"/checkout/sessions/{visited.shop.sessions()[0]['id']}/expire")
    visited.see(visited.order(), "", "success-expired")
    once = visited.shop.offer("Book", interval="", unit_amount=2900)
    url = visited.shop.pay_url(member, once)
    assert Walk(url).press(**CARD).left_for
    visited.see(visited.order(), "Payment successful", "success-once")
    visited.see("/checkout/success?umm_stripe_sid=cs_test_unknown", "No order here", "success-not-yours")


def test_while_stripe_is_in_trouble(visited, page):
    key = visited.shop.offer("Gold")
    member = visited.shop.member()
    visited.shop.buy(member, key)
    visited.shop.deliver()
    other = visited.shop.offer("Silver")
    visited.shop.member("kim")
    visited.log_in("kim")
    page.goto(f"{visited.url}/subscribe/{other}")
    order = visited.order()
    visited.shop.simulator.kill()
    page.get_by_role("button", name="Go on to payment").click()
    expect(page.get_by_text("Stripe").first).to_be_visible()
    visited.look.check("checkout-trouble")
    visited.see(order, "", "success-unknown-yet")
    page.context.clear_cookies()
    visited.log_in()
    page.goto(f"{visited.url}/customer-portal")
    visited.look.check("no-portal")
    visited.see("/account/billing/", "Billing", "billing-without-stripe")


def test_an_invitation_a_lost_password_and_pages_that_are_not_there(visited, page):
    from umstripe.models import User, invitation

    make_user(visited.shop.app, "lena")
    with visited.shop.app.test_request_context(base_url=visited.url):
        link = invitation.link(User.with_username("lena"))
    path = link[link.index("/invitation/") :]
    visited.see(path, "Choose a password", "invitation")
    page.get_by_label("Password", exact=True).fill("short")
    page.keyboard.press("Enter")
    visited.must_be("Choose a password", "invitation-wrong")
    for label in ("Password", "Password, once more"):
        page.get_by_label(label, exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your password is set")).to_be_visible()
    visited.see(path, "This link does not work any more", "invitation-over")
    visited.see("/nowhere", "", "error-404")
    page.context.clear_cookies()
    visited.see("/login", "Log In", "login")
    page.get_by_label("Username or Email Address").fill("nobody")
    page.get_by_label("Password", exact=True).fill("wrong wrong wrong")
    page.keyboard.press("Enter")
    visited.must_be("Log In", "login-wrong")
    visited.see("/reset", "", "reset")
    assert rows(visited.shop.app, "SELECT count(*) FROM mail WHERE kind = 'invitation'") == [(0,)]
