"""From one plan to another: shown first, then exactly that; and everything that keeps somebody from it."""

from __future__ import annotations

import re
from html import unescape

import pytest
from sqlalchemy import event

from stripe_simulator.testing import Walk
from tests.databases import environ_for
from tests.members import member
from tests.people import Page, make_user
from tests.selling import rows


@pytest.fixture
def site(site):
    site.allow_switch("Basic Plan", "Standard Plan", "Platinum Membership")
    site.allow_switch("Standard Plan", "Basic Plan")
    return site


def link(site, title="Standard Plan", more=""):
    return f"/switch-plan/{site.plan_key(title)}?switch=1{more}"


def price_now(site):
    return site.now()["items"]["data"][0]["price"]["id"]


def invoices(site):
    return site.simulator.call("GET", "/invoices", customer=site.customer)["data"]


def card(site, token):
    """From now on the member pays with one of Stripe's test cards."""
    method = site.simulator.do(f"/customers/{site.customer}/card", card=token)["id"]
    site.simulator.call("POST", f"/subscriptions/{site.subscription}", default_payment_method=method)
    site.catch_up()


def test_the_page_says_what_it_costs_now_and_later_and_then_just_that_is_charged(site, jane):
    page = jane.get(link(site))
    assert "Basic Plan, $9.99 / month" in page.text and "Standard Plan, $19.99 / month" in page.text
    shown = re.search(r"To pay now \$(\d+\.\d\d)", page.text).group(1)
    before = len(invoices(site))
    page = jane.submit(link(site), "offer")
    assert "Your plan is Standard Plan now." in page.text and "$19.99 / month" in page.text
    assert price_now(site) == site.simulator.prices()["Standard Plan"]
    assert len(invoices(site)) == before + 1
    assert f"{invoices(site)[0]['amount_paid'] / 100:.2f}" == shown
    assert site.lines() == ["Switches from Basic Plan to Standard Plan"]
    assert site.now()["metadata"]["umstripe_plan"] == site.plan_key("Standard Plan")


def test_what_was_shown_before_the_secret_key_was_replaced_can_be_accepted_after(
    site, jane, database_url, tmp_path
):
    from umstripe import create_app

    fields = jane.get(link(site)).form("offer")["fields"]
    earlier = site.app.config["SECRET_KEY"]
    environ = environ_for(database_url, tmp_path / "instance", UMSTRIPE_STRIPE_API_BASE=site.simulator.url)
    newest = {"UMSTRIPE_SECRET_KEY": f"the newest secret key of all of them\n{earlier}"}
    client = create_app({**environ, **newest}).test_client()
    for cookie in jane.client._cookies.values():
        client.set_cookie(cookie.key, cookie.value)
    answer = client.post(link(site), data=fields, follow_redirects=True)
    assert "Your plan is Standard Plan now." in answer.text
    assert price_now(site) == site.simulator.prices()["Standard Plan"]


def test_the_billing_page_asks_once_for_the_plans_to_switch_to(site, jane):
    from umstripe.database import db

    asked = []
    with site.app.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert "Switch to another plan" in jane.get("/account/billing/").text
    assert len([one for one in asked if "price_id IN (" in one]) == 1


def test_going_down_leaves_a_credit_and_charges_nothing(site, jane):
    jane.submit(link(site), "offer")
    site.catch_up()
    page = jane.get(link(site, "Basic Plan"))
    assert "To pay now $0.00" in page.text and "is taken off your next payments" in page.text
    assert "Your plan is Basic Plan now." in jane.submit(link(site, "Basic Plan"), "offer").text


def test_another_interval_begins_a_new_period_and_the_page_says_so(site, jane):
    page = jane.get(link(site, "Platinum Membership"))
    assert "A new period begins now" in page.text and "$199.99 / year" in page.text
    jane.submit(link(site, "Platinum Membership"), "offer")
    assert price_now(site) == site.simulator.prices()["Platinum Membership"]


def test_a_declined_card_gets_a_sentence_and_nothing_changes(site, jane):
    card(site, "pm_card_chargeCustomerFail")
    before = price_now(site)
    page = jane.submit(link(site), "offer")
    assert "Nothing was changed: the payment did not go through." in page.text
    assert "card was declined" in page.text
    assert price_now(site) == before and site.lines() == []
    assert "Switch and pay" in page.html


def test_after_a_decline_it_goes_with_another_card(site, jane):
    card(site, "pm_card_chargeCustomerFail")
    jane.submit(link(site), "offer")
    card(site, "pm_card_visa")
    assert "Your plan is Standard Plan now." in jane.submit(link(site), "offer").text


def test_when_the_bank_wants_a_confirmation_the_switch_goes_on_at_stripe(site, jane):
    card(site, "pm_card_authenticationRequired")
    before = price_now(site)
    page = jane.submit(link(site), "offer")
    assert "Nothing was changed yet: your bank wants you to confirm this payment." in page.text
    assert price_now(site) == before and site.lines() == []
    due = re.search(r"To pay now (\$\d+\.\d\d)", page.text).group(1)
    walk = Walk(at_stripe(jane, page)).press()
    assert f"whether it is you who pays {due[1:]} USD" in walk.text
    walk.press(answer="complete")
    assert walk.left_for.endswith("/customer-portal/back")
    assert "$19.99 / month" in jane.get("/customer-portal/back").text
    assert price_now(site) == site.simulator.prices()["Standard Plan"]


def test_by_way_of_the_bank_it_still_leads_where_the_link_says(site, jane):
    card(site, "pm_card_authenticationRequired")
    page = jane.submit(link(site, more="&redirect_to=/account/?tab=1"), "offer")
    walk = Walk(at_stripe(jane, page)).press().press(answer="complete")
    back = walk.left_for[walk.left_for.index("/customer-portal/back") :]
    assert jane.client.get(back).headers["Location"] == "/account/?tab=1"
    for elsewhere in ("https://elsewhere.example/", "//elsewhere.example", "//["):
        answer = jane.client.get("/customer-portal/back", query_string={"redirect_to": elsewhere})
        assert answer.headers["Location"] == "/account/billing/"


def test_a_switch_that_the_bank_does_not_confirm_changes_nothing(site, jane):
    card(site, "pm_card_authenticationRequired")
    before = price_now(site)
    walk = Walk(at_stripe(jane, jane.submit(link(site), "offer"))).press().press(answer="fail")
    assert "unable to authenticate" in walk.text and price_now(site) == before


def at_stripe(jane, page):
    """Where the page's button to Stripe leads."""
    there = unescape(re.search(r'href="([^"]+)">Go on to Stripe<', page.html).group(1))
    return jane.client.get(there).headers["Location"]


def test_only_prices_that_the_present_plan_allows(site, jane):
    page = jane.get(link(site, "Premium Plan"))
    assert "Your present plan, Basic Plan, does not allow a switch to Premium Plan." in page.text
    page = jane.get(link(site, "Lifetime Access"))
    assert "Your membership cannot be switched to Lifetime Access." in page.text


def test_the_same_plan_and_a_second_press_say_so(site, jane):
    assert "You have this plan already: Basic Plan." in jane.get(link(site, "Basic Plan")).text
    form = jane.get(link(site)).form("offer")
    before = len(invoices(site))
    for _ in range(2):
        answer = jane.client.post(form["action"], data=form["fields"], follow_redirects=True)
    assert "You have this plan already: Standard Plan." in Page(answer.text).text
    assert len(invoices(site)) == before + 1


def test_a_form_from_before_another_change_is_refused(site, jane):
    form = jane.get(link(site, "Platinum Membership")).form("offer")
    jane.submit(link(site), "offer")
    site.allow_switch("Standard Plan", "Platinum Membership")
    answer = jane.client.post(form["action"], data=form["fields"], follow_redirects=True)
    assert "Please look at them again." in Page(answer.text).text
    assert price_now(site) == site.simulator.prices()["Standard Plan"]


@pytest.mark.parametrize("offer", ["", "nonsense", "WzFd.x.y", "\x00"])
def test_an_offer_that_we_have_not_made_is_refused(site, jane, offer):
    form = jane.get(link(site)).form("offer")
    answer = jane.client.post(form["action"], data={**form["fields"], "offer": offer}, follow_redirects=True)
    assert "Please look at them again." in Page(answer.text).text
    assert price_now(site) == site.simulator.prices()["Basic Plan"]


def take_a_fifth_off(site):
    """A coupon that lasts."""
    coupon = site.simulator.call("POST", "/coupons", percent_off=20, duration="forever")["id"]
    site.simulator.call("POST", f"/subscriptions/{site.subscription}", **{"discounts[0][coupon]": coupon})


def test_what_comes_later_is_called_the_price_before_discounts_and_taxes(site, jane):
    take_a_fifth_off(site)
    page = jane.get(link(site))
    assert re.search(
        r"After that \$19\.99 / month, the next time on \w+ \d+, \d+ Before discounts and taxes\.", page.text
    )


def test_a_trial_goes_on_and_what_is_due_then_is_what_stripe_will_take(site, jane):
    site.simulator.do(f"/subscriptions/{site.subscription}/cancel")
    site.subscription = site.subscribe(site.customer, status="trialing")
    take_a_fifth_off(site)
    site.catch_up()
    page = jane.get(link(site))
    assert "To pay now $0.00" in page.text and "Your trial goes on until" in page.text
    assert "$15.99 is due then." in page.text
    jane.submit(link(site), "offer")
    assert site.now()["status"] == "trialing"
    assert price_now(site) == site.simulator.prices()["Standard Plan"]


@pytest.mark.parametrize(
    ("turn", "sentence"),
    [
        ("pause", "Your membership is paused. Resume it first, then switch."),
        ("fail", "Your last payment failed. Pay the open invoice first, then switch."),
        ("cancel_at_period_end", "Undo that first, then switch."),
    ],
)
def test_what_must_be_put_right_first_is_said(site, jane, turn, sentence):
    site.simulator.do(f"/subscriptions/{site.subscription}/{turn}")
    site.catch_up()
    assert sentence in jane.get(link(site)).text


def test_a_change_that_has_not_been_delivered_is_seen_before_anything_is_offered(site, jane):
    site.simulator.do(f"/subscriptions/{site.subscription}/cancel_at_period_end")
    assert "Your membership has changed meanwhile." in jane.get(link(site)).text
    assert "Undo that first, then switch." in jane.get(link(site)).text


def test_another_currency_is_refused_in_a_sentence(site, jane):
    product = site.simulator.call("POST", "/products", name="Euro Plan")["id"]
    values = {"product": product, "currency": "eur", "unit_amount": 900, "recurring[interval]": "month"}
    site.simulator.call("POST", "/prices", **values)
    site.import_prices()
    site.allow_switch("Basic Plan", "Euro Plan")
    assert "Euro Plan is paid in EUR, your membership in USD." in jane.get(link(site, "Euro Plan")).text


def test_a_closed_plan_is_not_offered(site, jane):
    from umstripe.database import writing
    from umstripe.models import Plan

    with site.app.app_context(), writing():
        Plan.with_key(site.plan_key("Standard Plan")).status = "closed"
    assert "Standard Plan" not in jane.get("/account/billing/").text
    assert "does not allow a switch" in jane.get(link(site)).text


def test_who_has_no_subscription_is_led_to_the_plans_own_page(site):
    make_user(site.app, "bob")
    bob = member(site.app, "bob")
    answer = bob.client.get(link(site))
    assert (
        answer.status_code == 302
        and answer.headers["Location"] == f"/subscribe/{site.plan_key('Standard Plan')}"
    )


@pytest.mark.parametrize("key", ["nothing", "x" * 500, "ä"])
def test_a_wrong_key_goes_home(site, jane, key):
    answer = jane.client.get(f"/switch-plan/{key}")
    assert answer.status_code == 302 and answer.headers["Location"] == "/"


def test_afterwards_it_goes_back_to_where_the_link_says(site, jane):
    form = jane.get(link(site, more="&redirect_to=/account/%3Fhello=1")).form("offer")
    answer = jane.client.post(form["action"], data=form["fields"])
    assert answer.status_code == 303 and answer.headers["Location"] == "/account/?hello=1"


@pytest.mark.one_database
@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "\t//evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "http://localhost@evil.example/",
        "/\n/evil.example",
        " //evil.example",
    ],
)
def test_it_never_goes_to_another_site(site, jane, elsewhere):
    form = jane.get(link(site)).form("offer")
    answer = jane.client.post(form["action"], data={**form["fields"], "redirect_to": elsewhere})
    assert answer.status_code == 303 and answer.headers["Location"] == "/account/billing/"


def test_when_stripe_does_not_answer_the_page_says_so(site, jane):
    form = jane.get(link(site)).form("offer")
    site.simulator.stop()
    assert "cannot be reached at the moment" in jane.get(link(site)).text
    answer = jane.client.post(form["action"], data=form["fields"], follow_redirects=True)
    assert "cannot be reached at the moment" in Page(answer.text).text
    assert rows(site.app, "SELECT count(*) FROM activity WHERE trigger = 'member'") == [(0,)]
