"""The pages that a visitor meets when something is in the way, each with axe's eyes and at 360 pixels.

The site runs inside the test's own process here, so that its state is at hand.
"""

from __future__ import annotations

import re
import threading
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect
from werkzeug.serving import make_server

from stripe_simulator.testing import CARD, Walk
from tests.people import PASSWORD, make_administrator, make_user
from tests.ports import free_port
from tests.selling import rows, settings
from tests.shop import Shop
from tests.stripe_events import deliver
from tests.test_disputes import dispute
from tests.test_purchases import AT, PAID, charge

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

    def with_a_mail_server(self) -> None:
        """Let what is finished by mail be finished so. Its worker does not run."""
        self.shop.app.config.update(MAIL_BACKEND="smtp")

    def path_in_mail(self, kind: str) -> str:
        """Return the path of the link in the newest mail of a kind."""
        from umstripe.database import db
        from umstripe.emails import outbox
        from umstripe.models import Mail

        with self.shop.app.test_request_context(base_url=self.url):
            mail = db.session.scalars(db.select(Mail).where(Mail.kind == kind).order_by(Mail.id)).all()[-1]
            return urlsplit(outbox.SECRET_LINKS[kind](mail)).path

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
    from umstripe.accounts import invitation
    from umstripe.models import User

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


def test_registering_that_is_finished_by_mail(visited, page):
    visited.with_a_mail_server()
    visited.see("/register", "Register", "register-by-mail")
    expect(page.get_by_label("Password", exact=True)).to_have_count(0)
    page.get_by_label("Username").fill("lena")
    page.get_by_label("Email Address").fill("lena@example.org")
    page.get_by_label("No membership for now").check()
    page.get_by_role("button", name="Register").click()
    visited.must_be("Look into your mail", "register-look-into-mail")
    path = visited.path_in_mail("register")
    visited.see(path, "Choose a password", "register-finish")
    page.get_by_label("Password", exact=True).fill("short")
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_text("Use 10 to 128 characters.")).to_be_visible()
    visited.must_be("Choose a password", "register-finish-wrong")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_text("Your password is set, and you are logged in.")).to_be_visible()
    visited.see(path, "This link does not work any more", "register-over")


def test_a_new_address_that_is_confirmed_by_mail(visited, page):
    visited.shop.member()
    visited.with_a_mail_server()
    visited.log_in()
    page.goto(f"{visited.url}/account/")
    page.get_by_label("Email", exact=True).fill("new@example.org")
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_role("button", name="Update Account").click()
    expect(page.get_by_text("We have sent an email to new@example.org.")).to_be_visible()
    visited.look.check("account-address-asked")
    path = visited.path_in_mail("confirm_address")
    visited.see(path, "Your new email address", "account-address")
    page.get_by_role("button", name="Use this address").click()
    expect(page.get_by_text("Your email address is changed.")).to_be_visible()
    visited.see(path, "Your new email address", "account-address-over")


def test_too_many_wrong_passwords(visited, page):
    visited.shop.member()
    stranger = visited.shop.visitor()
    for _ in range(10):
        stranger.submit("/login", email="karl", password="wrong wrong wrong")
    page.goto(f"{visited.url}/login")
    page.get_by_label("Username or Email Address").fill("karl")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Too many tries.")).to_be_visible()
    visited.must_be("Log In", "login-too-many")


@pytest.fixture
def administrator(visited, page):
    make_administrator(visited.shop.app)
    visited.log_in("admin")
    return page


def test_a_dispute_on_the_page_of_its_user(visited, administrator):
    client = visited.shop.app.test_client()
    late = {"evidence_details": {"due_by": AT + 900_000}, "reason": "product_not_received"}
    for one in (
        charge("succeeded", AT, **PAID),
        dispute("created", "needs_response", AT + 100, **late),
        dispute("closed", "lost", AT + 200, number=2, reason="fraudulent"),
    ):
        assert deliver(client, one).status_code == 200
    (jane,) = rows(visited.shop.app, "SELECT id FROM \"user\" WHERE username = 'jane'")[0]
    visited.see(f"/admin/users/{jane}", "Edit User jane", "user-dispute")
    expect(administrator.get_by_role("heading", name="Disputes")).to_be_visible()
    visited.see("/admin/health/", "Health", "health-dispute")


def test_a_free_order_that_waits_for_approval(visited, administrator):
    key = visited.shop.offer("Course", interval="", unit_amount=0, approval=True)
    assert Walk(visited.shop.pay_url(visited.shop.member(), key)).press().left_for
    visited.shop.deliver()
    visited.see("/admin/approvals/", "Approvals", "approvals-free")
    administrator.get_by_role("link", name="Approve").click()
    expect(administrator.get_by_text("There is nothing to pay.")).to_be_visible()
    visited.look.check("approval-free")


def test_keys_in_a_form_that_was_refused(visited, administrator):
    page = administrator
    page.goto(f"{visited.url}/admin/settings/stripe")
    page.locator("#test_secret_key").fill("sk_test_51abcdefghijklmnop")
    page.context.clear_cookies()
    page.get_by_role("button", name="Save Changes").last.click()
    expect(page.get_by_role("heading", name="This site needs cookies")).to_be_visible()
    assert "sk_test_51abcdefghijklmnop" not in page.content()
    visited.look.check("refused-form-keys")


def test_the_banner_while_no_worker_runs(visited, administrator):
    administrator.goto(f"{visited.url}/admin/")
    expect(administrator.get_by_text("No background worker is running")).to_have_count(0)
    visited.shop.app.extensions["worker_watch"].grace_until = 0
    visited.see("/admin/", "Dashboard", "worker-missing")
    expect(administrator.get_by_text("No background worker is running")).to_be_visible()
    administrator.get_by_role("link", name="See Health").click()
    visited.must_be("Health", "health-worker-missing")
