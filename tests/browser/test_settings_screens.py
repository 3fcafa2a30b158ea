"""In a browser: a copied database says what it is; the signing secret is changed; wrong days are told."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.people import PASSWORD
from tests.processes import Site, wait_until

BANNER = "This looks like a copy of a site that lives somewhere else."
PAGES = ("", "users/", "plans/", "deliveries/", "health/", "settings/", "activity/")


def log_in(page, url):
    page.goto(f"{url}/login")
    page.get_by_label("Username or Email").fill("admin")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log In").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Dashboard")


@pytest.fixture
def connected(world, page):
    """The page, logged in at a site that is connected."""
    world.administrator()
    log_in(page, world.site.url)
    page.goto(f"{world.site.url}/admin/settings/stripe")
    page.get_by_role("button", name="Fill in the simulator’s keys").click()
    expect(page.get_by_text("The simulator’s keys are filled in.")).to_be_visible()
    page.wait_for_load_state()
    page.locator("[data-mode=test]").get_by_role("button", name="Connect with Stripe").click()
    expect(page.get_by_text("Connected with Stripe.")).to_be_visible()
    return page


@pytest.fixture
def copy(connected, world, database, database_url, tmp_path):
    """The site's database, copied while it was down and started by another site beside it.

    The browser is logged in there too: cookies do not know ports, and the copy has the same secret key.
    """
    world.site.stop()
    world.worker.stop()
    url = database.copy(database_url)
    world.site.start()
    environ = {
        **world.environ,
        "UMSTRIPE_DATABASE_URL": url,
        "UMSTRIPE_SITE_URL": "https://staging.example.org",
    }
    one = Site(environ, tmp_path)
    one.start()
    yield one
    one.stop()
    database.drop(url)


def endpoints(world):
    return [(one["id"], one["url"]) for one in world.simulator.call("GET", "/webhook_endpoints")["data"]]


def test_a_copy_says_so_on_every_page_and_forgets_the_account(copy, connected, world, look):
    page, before = connected, endpoints(world)
    page.goto(f"{world.site.url}/admin/")
    expect(page.get_by_text(BANNER)).to_have_count(0)
    for where in PAGES:
        page.goto(f"{copy.url}/admin/{where}")
        expect(page.get_by_text(BANNER)).to_be_visible()
    page.goto(f"{copy.url}/admin/settings/stripe")
    page.locator("[data-mode=test]").get_by_role("button", name="Change the signing secret").click()
    expect(page.get_by_text("The signing secret could not be changed.")).to_be_visible()
    look.check("copy-banner")
    page.get_by_role("link", name="Say what this site is").click()
    expect(page.get_by_role("heading", name="Copy of a site")).to_be_visible()
    look.check("copy")
    page.get_by_role("button", name="This is a copy").click()
    expect(page.get_by_text("It knows nothing of the Stripe account any more.")).to_be_visible()
    expect(page.get_by_text(BANNER)).to_have_count(0)
    assert endpoints(world) == before
    page.goto(f"{world.site.url}/admin/settings/stripe")
    expect(page.locator("[data-mode=test]").get_by_role("button", name="Connect again")).to_be_visible()


def test_a_site_that_has_moved_goes_on_where_it_is_now(copy, connected, look):
    page = connected
    page.goto(f"{copy.url}/admin/")
    page.get_by_role("link", name="Say what this site is").click()
    page.get_by_role("button", name="This is the site now").click()
    expect(page.get_by_text("This is the site now. Look at Health")).to_be_visible()
    expect(page.get_by_text(BANNER)).to_have_count(0)
    page.goto(f"{copy.url}/admin/settings/copy/")
    expect(page.get_by_text("This site is where it lives")).to_be_visible()
    look.check("copy-at-home")


def test_the_signing_secret_is_changed_by_a_click_and_deliveries_go_on(connected, world, look):
    page, (before,) = connected, endpoints(world)
    page.locator("[data-mode=test]").get_by_role("button", name="Change the signing secret").click()
    expect(page.get_by_text("The earlier one is good for 24 hours more.")).to_be_visible()
    look.check("secret-changed")
    (after,) = endpoints(world)
    assert after[0] != before[0] and after[1] == before[1]
    made = world.simulator.do("/customers", email="jane@example.org")["id"]
    world.simulator.wait_until_delivered()
    tried = wait_until(lambda: deliveries(world, "customer.created"), "the customer is told of")
    assert made in tried and tried[made] == 200


def deliveries(world, type_):
    """The answers to the deliveries of a type, by the object that they are about."""
    told = world.simulator.tell("/deliveries", type=type_)["deliveries"]
    events = {one["id"]: one for one in world.simulator.call("GET", "/events", limit=100)["data"]}
    return {
        events[one["event"]]["data"]["object"]["id"]: one["tries"][-1]["status"]
        for one in told
        if one["tries"]
    }


def test_wrong_days_are_told_and_lose_nothing_that_was_typed(world, page, look):
    world.administrator()
    log_in(page, world.site.url)
    page.goto(f"{world.site.url}/admin/settings/")
    page.get_by_label("Site Title").fill("Harbour Club")
    days = page.get_by_label("Keep Deliveries For (Days)")
    for wrong in ("0", "366", "", "-3", "1.5"):
        days.fill(wrong)
        page.get_by_role("button", name="Save Changes").click()
        expect(page.get_by_text("Please type a number of days from 1 to 365.", exact=True)).to_be_visible()
        expect(days).to_have_value(wrong)
        expect(page.get_by_label("Site Title")).to_have_value("Harbour Club")
    look.check("general-wrong-days")
    days.fill("45")
    page.get_by_role("button", name="Save Changes").click()
    expect(page.get_by_text("Settings have been saved successfully.")).to_be_visible()
    expect(days).to_have_value("45")
    look.check("general")
