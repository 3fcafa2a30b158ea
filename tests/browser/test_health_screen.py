"""The health page and a repair as an administrator does them, with the worker running."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.people import PASSWORD


def test_trouble_is_seen_compared_and_repaired_by_clicks(world, page, look):
    world.administrator()
    page.goto(f"{world.site.url}/login")
    page.get_by_label("Username or Email").fill("admin")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log In").click()
    page.goto(f"{world.site.url}/admin/settings/stripe")
    page.get_by_role("button", name="Fill in the simulator’s keys").click()
    expect(page.get_by_text("The simulator’s keys are filled in.")).to_be_visible()
    page.wait_for_load_state()
    page.locator("[data-mode=test]").get_by_role("button", name="Connect with Stripe").click()
    expect(page.get_by_text("Connected with Stripe.")).to_be_visible()
    page.get_by_role("link", name="Health", exact=True).click()
    page.get_by_role("button", name="Ask Stripe now").click()
    expect(page.get_by_text("As it should be at Stripe")).to_be_visible()
    look.check("health")
    _disabled_at_stripe(world)
    page.get_by_role("button", name="Ask Stripe now").click()
    expect(page.get_by_text("is disabled at Stripe")).to_be_visible()
    look.check("health-trouble")
    page.get_by_role("button", name="Mend the endpoint").click()
    expect(page.get_by_text("The webhook endpoint is as it should be.")).to_be_visible()
    page.get_by_role("button", name="Compare with Stripe now").click()
    expect(page.get_by_text("were compared with Stripe")).to_be_visible(timeout=30_000)
    page.goto(f"{world.site.url}/admin/")
    look.check("dashboard-health")


def _disabled_at_stripe(world):
    made = world.simulator.call("GET", "/webhook_endpoints")["data"][0]
    world.simulator.call("POST", f"/webhook_endpoints/{made['id']}", disabled="true")
