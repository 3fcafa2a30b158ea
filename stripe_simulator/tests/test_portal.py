"""The customer portal, walked by its links and forms."""

from __future__ import annotations

import re

import pytest
import requests

from stripe_simulator.tests.events import sent

BACK = "https://members.example.org/account"


@pytest.fixture
def gold(stripe, plan):
    price_params = {"product": plan["product"], "currency": "usd", "unit_amount": 2999, "nickname": "Gold"}
    return stripe.post("/v1/prices", price_params | {"recurring": {"interval": "month"}})


@pytest.fixture
def subscription(do, plan, customer):
    return do(f"/customers/{customer['id']}/subscribe", price=plan["id"])


@pytest.fixture
def everything(plan, gold):
    """The features of a portal that lets customers do all."""
    update = {"default_allowed_updates": ["price"], "proration_behavior": "always_invoice"}
    products = [{"product": plan["product"], "prices": [plan["id"], gold["id"]]}]
    return {
        "subscription_cancel": {"enabled": True, "mode": "at_period_end"},
        "subscription_update": {"enabled": True, "products": products, **update},
        "subscription_pause": {"enabled": True, "duration": {"type": "indefinite"}},
        "payment_method_update": {"enabled": True},
        "invoice_history": {"enabled": True},
        "customer_update": {"enabled": True, "allowed_updates": ["name", "email"]},
    }


@pytest.fixture
def walk(stripe, customer, everything):
    """Open the portal. Features given by name replace those of everything."""

    def begin(flow=None, **features):
        configuration = stripe.post("/v1/billing_portal/configurations", {"features": everything | features})
        params = {"customer": customer["id"], "configuration": configuration["id"], "return_url": BACK}
        params |= {"flow_data": flow} if flow else {}
        return Walk(stripe.post("/v1/billing_portal/sessions", params))

    return begin


class Walk:
    """A browser without scripts: the page that it is on."""

    def __init__(self, session):
        self.session, self.browser = session, requests.Session()
        self.go(session["url"])

    def go(self, url):
        self.at(self.browser.get(requests.compat.urljoin(self.session["url"], url), timeout=5))
        return self

    def at(self, answer):
        self.answer, self.status, self.text = answer, answer.status_code, answer.text

    def follow(self, label):
        link = re.search(rf'href="([^"]+)">{re.escape(label)}</a>', self.text)
        assert link, f"no link {label}"
        return self.go(link[1])

    def send(self, **fields):
        action = re.search(r'<form[^>]*method="post"[^>]*?(?: action="([^"]+)")?>', self.text)
        assert action, "no form"
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', self.text))
        url = requests.compat.urljoin(self.answer.url, action[1] or "")
        self.at(self._post(url, hidden | fields))
        return self

    def _post(self, url, data):
        answer = self.browser.post(url, data=data, timeout=5, allow_redirects=False)
        to = answer.headers.get("Location", "")
        if answer.status_code == 303 and "example.org" not in to:
            return self.browser.get(requests.compat.urljoin(url, to), timeout=5)
        return answer


def of(stripe, subscription):
    return stripe.get(f"/v1/subscriptions/{subscription['id']}")


def test_the_first_page_shows_what_the_customer_has(walk, subscription):
    home = walk()
    assert home.session["url"].startswith("http://127.0.0.1")
    for words in ("Basic Plan", "9.99 USD every month", "Active", "•••• 4242", "Invoice history", BACK):
        assert words in home.text


def test_a_subscription_is_canceled_and_renewed(stripe, walk, subscription, contract):
    home = walk()
    home.follow("Cancel subscription").send()
    assert "Cancels on" in home.text
    ending = of(stripe, subscription)
    end = subscription["items"]["data"][0]["current_period_end"]
    assert (ending["cancel_at"], ending["cancel_at_period_end"], ending["status"]) == (end, False, "active")
    home.follow("Don’t cancel subscription").send()
    assert of(stripe, subscription)["cancel_at"] is None
    assert sent(stripe, contract)[-1]["data"]["previous_attributes"]["cancel_at"] == end


def test_a_subscription_that_was_canceled_in_the_portal_ends_with_its_period(stripe, do, walk, subscription):
    walk().follow("Cancel subscription").send()
    assert do(f"/subscriptions/{subscription['id']}/renew")["status"] == "canceled"


def test_a_subscription_is_canceled_at_once_with_a_reason(stripe, walk, subscription):
    reason = {"enabled": True, "options": ["too_expensive", "unused"]}
    now = {"enabled": True, "mode": "immediately", "cancellation_reason": reason}
    home = walk(subscription_cancel=now)
    home.follow("Cancel subscription").send(feedback="too_expensive", comment="Dear me")
    ended = of(stripe, subscription)
    assert ended["status"] == "canceled"
    assert ended["cancellation_details"]["feedback"] == "too_expensive"
    assert "You have no subscription" in home.text


def test_a_switch_says_what_it_costs_and_costs_that(stripe, walk, subscription, gold):
    home = walk()
    home.follow("Update subscription")
    home.go(home.answer.url + f"?price={gold['id']}")
    due = re.search(r'id="due">([\d.]+) USD', home.text)[1]
    home.send()
    after = of(stripe, subscription)
    assert after["items"]["data"][0]["price"]["id"] == gold["id"]
    invoice = stripe.get(f"/v1/invoices/{after['latest_invoice']}")
    assert abs(invoice["amount_paid"] - round(float(due) * 100)) <= 1
    assert "is updated" in home.text


def test_a_switch_that_cannot_be_paid_changes_nothing(stripe, do, walk, subscription, gold, customer):
    do(f"/customers/{customer['id']}/card", card="pm_card_chargeCustomerFail")
    stripe.post(f"/v1/subscriptions/{subscription['id']}", {"default_payment_method": ""})
    before = of(stripe, subscription)
    home = walk()
    home.follow("Update subscription")
    home.go(home.answer.url + f"?price={gold['id']}").send()
    assert "Your card was declined" in home.text
    assert of(stripe, subscription) == before


def test_a_subscription_is_paused_and_resumed(stripe, walk, subscription):
    home = walk()
    home.follow("Pause subscription").send()
    assert of(stripe, subscription)["status"] == "paused"
    home.follow("Resume subscription").send()
    assert of(stripe, subscription)["status"] == "active"


def test_a_card_is_replaced(stripe, walk, subscription, customer, contract):
    home = walk()
    home.follow("Add payment method").send(number="4000 0000 0000 0002", expiry="12 / 34", cvc="123")
    assert "Your card was declined" in home.text
    home.send(number="4242 4242 4242 4241", expiry="12/34", cvc="123")
    assert "card number is invalid" in home.text
    home.send(number="5555 5555 5555 4444", expiry="12/34", cvc="123")
    assert "•••• 4444" in home.text
    default = stripe.get(f"/v1/customers/{customer['id']}")["invoice_settings"]["default_payment_method"]
    assert of(stripe, subscription)["default_payment_method"] == default
    sent(stripe, contract)


def test_only_what_is_enabled_is_shown_and_possible(stripe, walk, subscription):
    off = {"enabled": False}
    home = walk(
        subscription_cancel=off, subscription_update=off, subscription_pause=off, payment_method_update=off
    )
    for words in ("Cancel subscription", "Update subscription", "Pause subscription", "Payment methods"):
        assert words not in home.text
    for path in (f"subscriptions/{subscription['id']}/cancel", "card"):
        url = f"{home.session['url']}/{path}"
        assert requests.get(url, timeout=5).status_code == 400
        requests.post(url, data={}, timeout=5)
    assert of(stripe, subscription) == subscription


def test_a_flow_leads_straight_there_and_back(stripe, walk, subscription):
    after = {"type": "redirect", "redirect": {"return_url": BACK + "?done"}}
    about = {"subscription": subscription["id"]}
    flow = {"type": "subscription_cancel", "subscription_cancel": about, "after_completion": after}
    page = walk(flow)
    assert "Your subscription stays available" in page.text
    assert page.session["flow"]["type"] == "subscription_cancel"
    page.send()
    assert page.answer.headers["Location"] == BACK + "?done"
    assert of(stripe, subscription)["cancel_at"]


def test_a_flow_that_is_not_enabled_is_refused(stripe, everything, customer, subscription):
    features = everything | {"subscription_pause": {"enabled": False}}
    configuration = stripe.post("/v1/billing_portal/configurations", {"features": features})
    flow = {"type": "subscription_pause", "subscription_pause": {"subscription": subscription["id"]}}
    params = {"customer": customer["id"], "configuration": configuration["id"], "flow_data": flow}
    assert stripe.error("POST", "/v1/billing_portal/sessions", params)[0] == 400


def test_an_unknown_and_an_expired_session_are_clear_pages(do, walk, subscription):
    home = walk()
    assert home.go("/p/session/nothing").status == 404
    assert "This link is not valid" in home.text
    do("/clock", ahead=3700)
    assert home.go(home.session["url"]).status == 410
    assert "This link has expired" in home.text


def test_without_a_configuration_there_is_no_portal_until_one_is_saved(stripe, do, customer):
    status, error = stripe.error("POST", "/v1/billing_portal/sessions", {"customer": customer["id"]})
    assert status == 400
    assert "default configuration has not been created" in error["message"]
    do("/portal")
    assert stripe.post("/v1/billing_portal/sessions", {"customer": customer["id"]})["url"]


def test_a_switch_is_confirmed_by_the_owner_of_the_card(stripe, do, walk, subscription, gold, customer):
    method = do(f"/customers/{customer['id']}/card", card="pm_card_authenticationRequired")["id"]
    stripe.post(f"/v1/subscriptions/{subscription['id']}", {"default_payment_method": method})
    change = {"items": [{"id": subscription["items"]["data"][0]["id"], "price": gold["id"]}]}
    change |= {"proration_behavior": "always_invoice", "payment_behavior": "error_if_incomplete"}
    status, error = stripe.error("POST", f"/v1/subscriptions/{subscription['id']}", change)
    assert (status, error["code"]) == (402, "subscription_payment_intent_requires_action")
    home = walk()
    home.follow("Update subscription")
    home.go(home.answer.url + f"?price={gold['id']}").send()
    assert "Your bank asks whether it is you who pays" in home.text
    home.send(answer="fail")
    assert "unable to authenticate" in home.text
    assert of(stripe, subscription)["items"]["data"][0]["price"]["id"] != gold["id"]
    home.follow("Update subscription")
    home.go(home.answer.url + f"?price={gold['id']}").send().send(answer="complete")
    assert of(stripe, subscription)["items"]["data"][0]["price"]["id"] == gold["id"]
