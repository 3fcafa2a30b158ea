"""Payment links, as people use them: a stranger, and somebody whose address has an account."""

from __future__ import annotations

import email
import re
from email import policy
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.people import PASSWORD, make_administrator, make_user
from tests.processes import wait_until
from tests.selling import PURCHASE_STATUSES, make_plan, open_shop, role_for, roles_of

pytestmark = pytest.mark.browser


@pytest.fixture
def shop(world):
    """A connected site with a one-time plan, and a payment link for it at Stripe."""
    from umstripe import create_app, webhooks
    from umstripe.database import writing
    from umstripe.models import Connection, User

    world.app, simulator = create_app(world.environ), world.simulator
    make_administrator(world.app)
    open_shop(world.app)
    make_user(world.app, "lena", "Subscriber", customer="cus_of_lena")
    price = simulator.prices()["Lifetime Access"]
    make_plan(world.app, price, PURCHASE_STATUSES, type="one_time", nickname="Lifetime Access")
    with world.app.app_context():
        keys = {"publishable": simulator.key(kind="publishable"), "secret": simulator.key()}
        Connection.of("test").connect(world.site.url, webhooks.HANDLERS, **keys)
        with writing():
            User.with_username("lena").set_password(PASSWORD)
    done = f"{world.site.url}/checkout/success?umm_stripe_sid={{CHECKOUT_SESSION_ID}}"
    asked = {"line_items[0][price]": price, "line_items[0][quantity]": 1}
    asked |= {"after_completion[type]": "redirect", "after_completion[redirect][url]": done}
    made = simulator.call("POST", "/payment_links", **asked)
    world.link = f"{made['url']}?client_reference_id=um_stripe_custom_checkout"
    return world


def pay(page, shop, address):
    page.goto(shop.link)
    page.get_by_label("Email").fill(address)
    page.get_by_label("Card number").fill("4242 4242 4242 4242")
    page.get_by_label("Expiration").fill("12 / 34")
    page.get_by_label("CVC").fill("123")
    page.get_by_role("button", name="Pay").last.click()
    expect(page.get_by_text("We have sent you a mail")).to_be_visible()


def link_in_mail(shop, address, path):
    """The link in the mail that the worker has sent."""
    folder = Path(shop.app.config["MAIL_FILE_PATH"])

    def found():
        for file in folder.glob("*") if folder.is_dir() else ():
            for one in re.split(r"\n-{70,}\n", file.read_text()):
                mail = email.message_from_string(one.lstrip(), policy=policy.default)
                if mail["To"] == address:
                    text = mail.get_body(("plain",)).get_content()
                    if link := re.search(rf"https?://\S+/{path}/[^\s>]+", text):
                        return link.group(0)
        return None

    return wait_until(found, f"a mail to {address} with a link to {path}")


def test_a_stranger_pays_chooses_a_password_and_is_a_member(shop, page, look):
    pay(page, shop, "theo@example.org")
    look.check("link-success")
    page.goto(link_in_mail(shop, "theo@example.org", "invitation"))
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password, once more").fill(PASSWORD)
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_text("Your password is set, and you are logged in.")).to_be_visible()
    page.goto(f"{shop.site.url}/account/billing/")
    expect(page.get_by_text("Lifetime Access").first).to_be_visible()
    shop.simulator.wait_until_delivered()
    assert role_for("paid") in roles_of(shop.app, "theo")


def test_an_account_s_owner_says_that_it_was_theirs(shop, page, look):
    pay(page, shop, "lena@example.org")
    shop.simulator.wait_until_delivered()
    assert roles_of(shop.app, "lena") == ["Subscriber"]
    page.goto(link_in_mail(shop, "lena@example.org", "claim"))
    expect(page.get_by_role("heading", name="Was this you?")).to_be_visible()
    look.check("claim")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password, once more").fill(PASSWORD)
    page.get_by_role("button", name="Yes, it was me").click()
    expect(page.get_by_text("Lifetime Access belongs to the account lena now.")).to_be_visible()
    look.check("claim-done")
    expect(page.get_by_text("Lifetime Access").first).to_be_visible()
    assert role_for("paid") in roles_of(shop.app, "lena")
    page.goto(f"{shop.site.url}/claim/nonsense")
    expect(page.get_by_role("heading", name="This link does not work any more")).to_be_visible()
    look.check("claim-over")


def test_an_administrator_finds_what_a_link_needs_on_the_plan_s_screen(shop, page, look):
    page.goto(f"{shop.site.url}/login")
    page.get_by_label("Username or Email Address").fill("admin")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log In").click()
    page.goto(f"{shop.site.url}/admin/plans/?search=Lifetime+Access")
    page.get_by_role("link", name="Lifetime Access", exact=True).click()
    needed = page.get_by_role("textbox", name="What goes at the end of a Payment Link")
    expect(needed).to_have_value("?client_reference_id=um_stripe_custom_checkout")
    look.check("plan-links")
