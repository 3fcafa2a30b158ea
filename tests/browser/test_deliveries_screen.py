"""The deliveries screen in a browser: list, filter, one delivery."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.people import PASSWORD


def test_a_delivery_is_found_and_read(world, page, look):
    from tests.stripe_events import body_of, event

    world.administrator()
    page.goto(f"{world.site.url}/login")
    page.get_by_label("Username or Email").fill("admin")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log In").click()
    _come(world, body_of(event("customer.updated", id="cus_stranger")))
    page.goto(f"{world.site.url}/admin/deliveries/")
    look.check("deliveries")
    page.get_by_label("All results").select_option(label="Foreign")
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("link", name="customer.updated").click()
    expect(page.get_by_role("region", name="What Stripe sent")).to_contain_text("cus_stranger")
    look.check("delivery")
    page.get_by_role("button", name="Process again").click()
    expect(page.get_by_role("status").get_by_text("It is not about one of your members.")).to_be_visible()


def _come(world, body):
    """A delivery, with the secret that the site knows."""
    import requests

    from tests.stripe_events import SECRETS, signature
    from umstripe import create_app
    from umstripe.database import writing
    from umstripe.models import Connection

    with create_app(world.environ).app_context(), writing():
        Connection.of("test").endpoint_secret = SECRETS["test"]
    header = {"Stripe-Signature": signature(body, SECRETS["test"])}
    assert requests.post(f"{world.site.url}/webhooks/stripe/test", data=body, headers=header, timeout=30).ok
