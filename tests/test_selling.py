"""The whole of selling, with all the real processes and Stripe's published document between site and simulator."""

from __future__ import annotations

import re

import pytest

from tests.people import PASSWORD
from tests.processes import needs_document, wait_until
from tests.shopper import BILLING, Shopper
from tests.world import World

STRIPE = "/admin/settings/stripe"
ROLES = ("Gold", "Trial", "Gone", "Waiting", "Owner", "Refunded")
REFERENCE = "?client_reference_id=um_stripe_custom_checkout"
PLANS = {
    "Basic Plan": {"active_role": "Gold", "canceled_role": "Gone"},
    "Standard Plan": {"active_role": "Gold", "trialing_role": "Trial", "canceled_role": "Gone"},
    "Lifetime Access": {"paid_role": "Owner", "pending_role": "Waiting", "refunded_role": "Refunded"},
}


@pytest.fixture
def world(database_url, tmp_path):
    one = World(database_url, tmp_path, watched=True)
    yield one
    one.stop()


@pytest.mark.contract
@needs_document
def test_plans_are_sold_managed_approved_refunded_and_embedded(world):
    admin = world.administrator()
    _connect(admin, world.simulator)
    _import(admin)
    keys = _put_up_for_sale(admin)
    assert "Done: Make a first sale" not in admin.get("/admin/").text
    _subscribe_and_manage(world, admin, keys)
    _trial(world, admin, keys["Standard Plan"])
    _promotion_code(world, admin, keys["Basic Plan"])
    _approval(world, admin, keys["Lifetime Access"])
    _payment_link(world, admin)
    _embedded(world, admin, keys["Basic Plan"])
    world.simulator.wait_until_delivered()
    _mails_are_written(admin)
    assert "No delivery fits" in admin.get("/admin/deliveries/?result=failed").text
    assert "Done: Make a first sale" in admin.get("/admin/").text
    code, records = world.proxy.verdict()
    assert code == 0, [record for record in records if record.get("findings")]
    delivered = [record for record in records if record.get("webhook")]
    assert len(delivered) > 35 and len(records) - len(delivered) > 60


def _connect(admin, simulator):
    """With a restricted key: what selling needs is on its list of rights, and is enough."""
    keys = {
        "test_publishable_key": simulator.key("test", "publishable"),
        "test_secret_key": simulator.key("test", "restricted"),
    }
    page = admin.submit(STRIPE, **keys, action="connect")
    assert "Connected with Stripe." in page.text
    rights = page.text.split("The key has it ")[1].split("Webhook Endpoints http")[0]
    assert rights.count(" Yes") == 11 and " No." not in rights


def _import(admin):
    admin.submit(STRIPE, "test_secret_key", to=f"{STRIPE}/test/import")
    wait_until(lambda: "prices were imported" in admin.get(STRIPE).text, "the prices are imported")
    admin.submit(STRIPE, "test_secret_key", collection_method_choice="y")


def _put_up_for_sale(admin):
    """Roles, a trial, promotion codes, a switch, an approval. Gives the plans' short keys by title."""
    for name in ROLES:
        admin.submit("/admin/roles/", name=name)
    more = {
        "Basic Plan": {"promotion_codes": "y", "switch_prices": "Standard Plan"},
        "Standard Plan": {"trial_days": "14"},
        "Lifetime Access": {"approval": "y"},
    }
    return {title: _set_up(admin, title, {**PLANS[title], **more[title]}) for title in PLANS}


def _set_up(admin, title, wanted):
    html = admin.get("/admin/plans/").html
    address = html.split(f'">{title}</a>')[0].rpartition('href="')[2]
    html = admin.get(address).html
    chosen = {name: _option(html, name, words) for name, words in wanted.items()}
    switch = {"switch_prices": chosen.pop("switch_prices", None)}
    assert "Plan updated." in admin.submit(address, **chosen, extra=switch).text
    return re.search(r"/subscribe/([0-9a-f]{10})\b", html)[1]


def _option(html, name, words):
    """The value of the choice that says these words, for a field with choices; the words for any other."""
    choices = html.partition(f'name="{name}"')[2].partition("</select>")[0]
    found = re.search(rf'value="(\d+)"[^>]*>{words}(<| –)', choices)
    return found[1] if found and name.endswith(("_role", "_prices")) else words


def _line(admin, name):
    """A member's line of the users list, from the address on."""
    text = admin.get(f"/admin/users/?search={name}").text
    return text.partition(f"{name}@example.org ")[2]


def _becomes(admin, name, words):
    wait_until(
        lambda: _line(admin, name).startswith(words), f"{name}: {words}; it is {_line(admin, name)[:90]}"
    )


def _subscribe_and_manage(world, admin, keys):
    anna = Shopper(world.site.url, "anna")
    anna.register(keys["Basic Plan"])
    page = anna.pay()
    for words in ("Payment successful", "Basic Plan - $9.99 / month", "Active", "anna@example.org"):
        assert words in page.text
    _becomes(admin, "anna", "Gold, Subscriber Active Basic Plan")
    page = anna.get(BILLING)
    assert "Active. The next payment" in page.text and "$9.99 Paid" in page.text
    assert "Already subscribed" in anna.get(f"/subscribe/{keys['Standard Plan']}").text
    _cancel_in_portal(anna, page)
    page = anna.get(BILLING)
    assert "Ends on" in page.text and "Nothing more will be charged" in page.text
    page = anna.press_here(anna.follow(page, "Undo the cancellation"))
    assert "Your membership goes on." in page.text and "The next payment" in page.text
    page = anna.follow(page, "Standard Plan")
    assert "To pay now $10.00" in page.text and "What is left of your present plan" in page.text
    page = anna.press_here(page, "offer")
    assert "Your plan is Standard Plan now." in page.text
    page = anna.press_here(page, "collection_method", collection_method="send_invoice")
    assert "Your payment collection method is changed." in page.text
    _becomes(admin, "anna", "Gold, Subscriber Active Standard Plan")


def _cancel_in_portal(anna, page):
    portal = anna.follow(page, "Customer Portal")
    assert "Current subscriptions" in portal.text
    done = anna.press_here(anna.follow(portal, "Cancel subscription"))
    found = re.search(r'href="([^"]+)">← Return', done.html)
    anna.come_back(found[1].replace("&amp;", "&"))


def _trial(world, admin, key):
    ben = Shopper(world.site.url, "ben")
    assert "14 days" in ben.register(key).text
    assert "Trialing" in ben.pay().text
    _becomes(admin, "ben", "Subscriber, Trial Trialing Standard Plan")


def _promotion_code(world, admin, key):
    cleo = Shopper(world.site.url, "cleo")
    cleo.register(key)
    assert "Paid now $8.99" in cleo.pay("WELCOME10").text
    _becomes(admin, "cleo", "Gold, Subscriber Active Basic Plan")


def _approval(world, admin, key):
    for name, verb, line in (
        ("dora", "approve", "Owner, Subscriber Paid Lifetime Access"),
        ("emil", "refuse", "Subscriber Failed Lifetime Access"),
    ):
        buyer = Shopper(world.site.url, name)
        buyer.register(key)
        assert "The amount is only reserved." in buyer.pay().text
        _becomes(admin, name, "Subscriber, Waiting Pending Lifetime Access")
        found = re.search(rf"/admin/approvals/\d+/{verb}", admin.get("/admin/approvals/").html)
        page = admin.submit(found[0])
        assert "Approved: dora has paid $499.00" in page.text or "nothing was taken" in page.text
        _becomes(admin, name, line)
    charges = world.simulator.call("GET", "/charges", limit=100)["data"]
    taken = next(one for one in charges if one["amount_captured"] == 49900)
    world.simulator.call("POST", "/refunds", charge=taken["id"])
    _becomes(admin, "dora", "Refunded, Subscriber Refunded Lifetime Access")


def _payment_link(world, admin):
    """Somebody pays without an account; the mail that is kept for want of a mail server lets them in."""
    fay = Shopper(world.site.url, "fay")
    link = world.simulator.call("GET", "/payment_links")["data"][0]["url"]
    fay.get(link + REFERENCE)
    fay.pay_link()
    _becomes(admin, "fay", "Gold, Subscriber Active Basic Plan")
    found = re.search(r"/invitation/[\w.-]+", _mail(admin, "fay", "Your account at"))
    page = fay.submit(found[0], password=PASSWORD, password_again=PASSWORD)
    assert "Your password is set, and you are logged in." in page.text
    assert "Active. The next payment" in fay.get(BILLING).text


def _mail(admin, name, subject):
    """The page of a mail that was kept, as there is no mail server."""
    listed = f"/admin/mails/?state=kept&search={name}"
    link = re.compile(rf'href="(/admin/mails/\d+)">{subject}')
    found = wait_until(lambda: link.search(admin.get(listed).html), f"the mail to {name} is kept")
    return admin.get(found[1]).html


def _embedded(world, admin, key):
    admin.submit(STRIPE, "test_secret_key", embedded_checkout="y")
    gus = Shopper(world.site.url, "gus")
    page = gus.register(key)
    assert "data-pay" in page.html and f"{world.proxy.url}/v3/stripe.js" in page.html
    session = gus.client.at.rpartition("=")[2]
    world.simulator.do(f"/sessions/{session}/pay")
    assert "Payment successful" in gus.get(f"/checkout/success?umm_stripe_sid={session}").text
    _becomes(admin, "gus", "Gold, Subscriber Active Basic Plan")


def _mails_are_written(admin):
    welcome = [
        f"Welcome to Member Site {name}@example.org" for name in ("anna", "ben", "cleo", "dora", "gus")
    ]
    wanted = [*welcome, "Your membership Basic Plan ends on", "Your account at Member Site fay@example.org"]

    def lacking():
        text = admin.get("/admin/mails/").text
        return [words for words in wanted if words not in text]

    wait_until(lambda: not lacking(), f"the mails are written; lacking {lacking()}")
