"""The way into Stripe's customer portal and back."""

from __future__ import annotations

from stripe_simulator.testing import Walk
from tests.members import member
from tests.people import make_user
from tests.selling import rows, settings


def configurations(site):
    return site.simulator.call("GET", "/billing_portal/configurations", limit=100)["data"]


def test_the_link_leads_straight_to_stripes_portal(site, jane):
    answer = jane.client.get("/customer-portal")
    assert answer.status_code == 303 and answer.headers["Location"].startswith(site.simulator.url)


def visited(site):
    """The customer of the newest portal session."""
    opened = [one for one in site.events() if one["type"] == "billing_portal.session.created"]
    return opened[-1]["data"]["object"]["customer"]


def test_of_two_customers_the_portal_is_that_of_the_membership_that_goes_on(site, jane):
    first, before = site.customer, site.subscription
    site.buy_as_another_customer()
    jane.client.get("/customer-portal")
    assert visited(site) == site.customer
    site.simulator.call("DELETE", f"/subscriptions/{site.subscription}")
    site.subscription = site.subscribe(first)
    site.catch_up()
    jane.client.get("/customer-portal")
    assert visited(site) == first and site.status(before) == "canceled"


def test_after_the_portal_both_customers_are_looked_at(site, jane):
    first = site.customer
    site.buy_as_another_customer()
    new = site.subscribe(first)
    site.simulator.call("POST", f"/subscriptions/{site.subscription}", cancel_at_period_end="true")
    assert "Ends on" in jane.get("/customer-portal/back").text
    assert site.status(new) == "active"


def test_a_configuration_is_made_once_for_what_it_says(site, jane):
    before = len(configurations(site))
    for _ in range(2):
        jane.client.get("/customer-portal")
    assert len(configurations(site)) == before + 1
    features = configurations(site)[0]["features"]
    assert (
        features["subscription_cancel"]["enabled"]
        and features["subscription_cancel"]["mode"] == "at_period_end"
    )
    assert features["customer_update"]["allowed_updates"] == ["address", "email", "tax_id"]
    assert features["invoice_history"]["enabled"] and features["payment_method_update"]["enabled"]
    assert not features["subscription_update"]["enabled"] and "subscription_pause" not in features
    settings(site.app, cancel_allowed=False, pause_allowed=True)
    jane.client.get("/customer-portal")
    features = configurations(site)[0]["features"]
    assert not features["subscription_cancel"]["enabled"] and features["subscription_pause"]["enabled"]
    settings(site.app, cancel_allowed=True, pause_allowed=False)
    jane.client.get("/customer-portal")
    assert len(configurations(site)) == before + 2


def test_the_portal_offers_the_prices_that_the_present_plan_allows(site, jane):
    site.allow_switch("Basic Plan", "Standard Plan", "Platinum Membership")
    jane.client.get("/customer-portal")
    update = configurations(site)[0]["features"]["subscription_update"]
    prices = site.simulator.prices()
    assert update["enabled"] and update["default_allowed_updates"] == ["price"]
    offered = {price for product in update["products"] for price in product["prices"]}
    assert offered == {prices[name] for name in ("Basic Plan", "Standard Plan", "Platinum Membership")}


def test_a_switch_in_the_portal_does_not_end_a_trial(site, jane):
    site.allow_switch("Basic Plan", "Standard Plan")
    site.simulator.do(f"/subscriptions/{site.subscription}/cancel")
    site.subscription = site.subscribe(site.customer, status="trialing")
    site.catch_up()
    walk = Walk(jane.client.get("/customer-portal").headers["Location"])
    walk.go(
        f"{walk.url}/subscriptions/{site.subscription}/update?price={site.simulator.prices()['Standard Plan']}"
    )
    walk.press()
    assert "is updated" in walk.text and site.now()["status"] == "trialing"


def test_a_configuration_that_stripe_does_not_take_any_more_is_made_again(site, jane):
    from umstripe.database import write
    from umstripe.models import PortalConfiguration

    jane.client.get("/customer-portal")
    with site.app.app_context(), write() as tx:
        tx.execute(PortalConfiguration.__table__.update().values(stripe_configuration_id="bpc_gone"))
    assert jane.client.get("/customer-portal").status_code == 303
    assert rows(site.app, "SELECT stripe_configuration_id FROM portal_configuration") != [("bpc_gone",)]


def test_for_a_customer_deleted_at_stripe_no_configuration_is_made_and_the_page_says_so(site, jane):
    jane.client.get("/customer-portal")
    before = len(configurations(site))
    site.simulator.call("DELETE", f"/customers/{site.customer}")
    for _ in range(3):
        assert "There is nothing to manage yet" in jane.get("/customer-portal").text
    assert len(configurations(site)) == before
    assert site.status() == "canceled"
    assert rows(site.app, "SELECT deleted FROM customer") == [(True,)]


def test_what_was_changed_in_the_portal_shows_before_the_delivery(site, jane):
    site.simulator.call("POST", f"/subscriptions/{site.subscription}", cancel_at_period_end="true")
    page = jane.get("/customer-portal/back")
    assert "Ends on" in page.text and site.status() == "active"
    assert site.lines() and "Brought in line with Stripe" in site.lines()[0]


def test_without_a_customer_the_page_says_so(site):
    make_user(site.app, "bob")
    from umstripe.database import writing
    from umstripe.models import User

    with site.app.app_context(), writing():
        User.with_username("bob").customers[0].deleted = True
    page = member(site.app, "bob").get("/customer-portal")
    assert "There is nothing to manage yet" in page.text


def test_when_stripe_does_not_answer_the_page_says_so(site, jane):
    site.simulator.stop()
    assert "cannot be reached at the moment" in jane.get("/customer-portal").text
    assert "may show here a minute later" in jane.get("/customer-portal/back").text


def test_a_visitor_logs_in_first(site):
    answer = site.app.test_client().get("/customer-portal")
    assert answer.status_code == 302 and "/login?next=" in answer.headers["Location"]
