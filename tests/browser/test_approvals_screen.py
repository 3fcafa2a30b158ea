"""Approvals in a real browser: the list, the count in the menu, yes and no."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.people import PASSWORD, make_administrator, make_user
from tests.processes import wait_until
from tests.selling import PURCHASE_STATUSES, make_plan, open_shop, rows
from tests.stripe_events import deliver

pytestmark = pytest.mark.browser


@pytest.fixture
def site(world):
    """A running site with two reserved payments at Stripe."""
    from umstripe import create_app
    from umstripe.database import writing
    from umstripe.models import Connection

    app, simulator = create_app(world.environ), world.simulator
    make_administrator(app)
    open_shop(app)
    price = simulator.prices()["Lifetime Access"]
    make_plan(app, price, PURCHASE_STATUSES, type="one_time", nickname="Lifetime Access")
    with app.app_context(), writing():
        Connection.of("test").keep_keys("", simulator.key())
    for name in ("lena", "theo"):
        customer = simulator.call("POST", "/customers", email=f"{name}@example.org")["id"]
        make_user(app, name, customer=customer)
        simulator.do(f"/customers/{customer}/pay", price=price, status="uncaptured")
    for event in simulator.call("GET", "/events", limit=100, type="charge.succeeded")["data"]:
        assert deliver(app.test_client(), event).status_code == 200
    world.app = app
    return world.site


def test_an_administrator_approves_one_and_refuses_another(world, site, page, look):
    page.goto(f"{site.url}/login")
    page.get_by_label("Username or Email Address").fill("admin")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log In").click()
    expect(page.get_by_role("link", name="umstripe 2 waiting")).to_be_visible()
    page.get_by_role("link", name="umstripe 2 waiting").click()
    page.get_by_role("link", name="Approvals 2 waiting").click()
    expect(page.get_by_role("row")).to_have_count(3)
    look.check("approvals")
    page.get_by_role("link", name="Approve the payment of lena").click()
    expect(page.get_by_text("The amount is taken at Stripe, and the membership begins.")).to_be_visible()
    look.check("approval-yes")
    page.get_by_role("button", name="Approve and take $499.00").click()
    expect(page.get_by_text("Approved: lena has paid $499.00")).to_be_visible()
    page.get_by_role("link", name="Refuse the payment of theo").click()
    look.check("approval-no")
    page.get_by_role("button", name="Refuse and give it back").click()
    expect(page.get_by_text("Refused: the $499.00 that were reserved are given back")).to_be_visible()
    expect(page.get_by_text("Nothing waits for your approval.")).to_be_visible()
    look.check("approvals-none")
    statuses = "SELECT status FROM purchase ORDER BY id"
    wait_until(lambda: sorted(rows(world.app, statuses)) == [("failed",), ("paid",)], "both are answered")
    page.goto(f"{site.url}/admin/users/?search=lena")
    expect(page.get_by_role("row").filter(has_text="lena@example.org")).to_contain_text("Paid")
