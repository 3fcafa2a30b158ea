"""Prorations, previews, changes of subscriptions and the payment of invoices."""

from __future__ import annotations

import pytest

from tests.simulator.simulator_events import sent

DAY = 86_400


@pytest.fixture
def gold(stripe, plan):
    """A monthly price of 29.99 dollars."""
    wanted = {"product": plan["product"], "currency": "usd", "unit_amount": 2999, "nickname": "Gold"}
    return stripe.post("/v1/prices", wanted | {"recurring": {"interval": "month"}})


@pytest.fixture
def yearly(stripe, plan):
    wanted = {"product": plan["product"], "currency": "usd", "unit_amount": 19900}
    return stripe.post("/v1/prices", wanted | {"recurring": {"interval": "year"}})


@pytest.fixture
def subscription(do, plan, customer):
    return do(f"/customers/{customer['id']}/subscribe", price=plan["id"])


def item_of(subscription):
    return subscription["items"]["data"][0]


def switch_to(subscription, price, **more):
    return {"items": [{"id": item_of(subscription)["id"], "price": price["id"]}], **more}


def with_card(do, customer, card):
    return do(f"/customers/{customer['id']}/card", card=card)


def test_a_proration_is_what_a_hand_computes(stripe, subscription, gold):
    """A third of a 30 or 31 day month is left: 9.99 and 29.99 by the second, each rounded by itself."""
    item = item_of(subscription)
    start, end = item["current_period_start"], item["current_period_end"]
    at = end - 10 * DAY
    days = (end - start) // DAY
    by_hand = {28: (-357, 1071), 29: (-344, 1034), 30: (-333, 1000), 31: (-322, 967)}[days]
    details = switch_to(subscription, gold, proration_date=at, proration_behavior="always_invoice")
    shown = stripe.post(
        "/v1/invoices/create_preview", {"subscription": subscription["id"], "subscription_details": details}
    )
    lines = shown["lines"]["data"]
    assert [line["amount"] for line in lines] == list(by_hand)
    assert all(line["parent"]["subscription_item_details"]["proration"] for line in lines)
    assert [line["period"] for line in lines] == [{"start": at, "end": end}] * 2
    assert lines[0]["description"].startswith("Unused time on ")
    assert lines[1]["description"].startswith("Remaining time on Gold after ")
    assert shown["amount_due"] == shown["total"] == sum(by_hand)
    assert (shown["status"], shown["billing_reason"]) == ("draft", "subscription_update")
    assert stripe.get(f"/v1/subscriptions/{subscription['id']}") == subscription
    assert stripe.get("/v1/invoices")["data"][0]["id"] == subscription["latest_invoice"]


def test_what_was_previewed_is_what_is_charged(stripe, subscription, gold, contract):
    at = item_of(subscription)["current_period_end"] - 10 * DAY
    details = switch_to(subscription, gold, proration_date=at, proration_behavior="always_invoice")
    shown = stripe.post(
        "/v1/invoices/create_preview", {"subscription": subscription["id"], "subscription_details": details}
    )
    after = stripe.post(f"/v1/subscriptions/{subscription['id']}", details)
    invoice = stripe.get(f"/v1/invoices/{after['latest_invoice']}")
    assert (invoice["status"], invoice["amount_paid"]) == ("paid", shown["amount_due"])
    assert item_of(after)["price"]["id"] == gold["id"]
    assert item_of(after)["current_period_end"] == item_of(subscription)["current_period_end"]
    sent(stripe, contract)


def test_prorations_wait_for_the_next_invoice(stripe, do, subscription, gold, contract):
    at = item_of(subscription)["current_period_end"] - 10 * DAY
    after = stripe.post(
        f"/v1/subscriptions/{subscription['id']}", switch_to(subscription, gold, proration_date=at)
    )
    assert after["latest_invoice"] == subscription["latest_invoice"]
    shown = stripe.post("/v1/invoices/create_preview", {"subscription": subscription["id"]})
    assert [line["amount"] for line in shown["lines"]["data"]][-1] == 2999
    assert len(shown["lines"]["data"]) == 3
    renewed = do(f"/subscriptions/{subscription['id']}/renew")
    invoice = stripe.get(f"/v1/invoices/{renewed['latest_invoice']}")
    assert invoice["total"] == shown["total"]
    again = stripe.post("/v1/invoices/create_preview", {"subscription": subscription["id"]})
    assert again["total"] == 2999
    assert "invoiceitem.created" in {event["type"] for event in sent(stripe, contract)}


def test_without_prorations_nothing_is_charged_but_the_next_period(stripe, subscription, gold):
    change = switch_to(subscription, gold, proration_behavior="none")
    assert (
        stripe.post(f"/v1/subscriptions/{subscription['id']}", change)["latest_invoice"]
        == subscription["latest_invoice"]
    )
    shown = stripe.post("/v1/invoices/create_preview", {"subscription": subscription["id"]})
    assert shown["total"] == 2999
    bad = change | {"proration_date": item_of(subscription)["current_period_start"]}
    assert (
        stripe.error("POST", f"/v1/subscriptions/{subscription['id']}", bad)[1]["param"] == "proration_date"
    )


def test_another_interval_begins_a_new_period_and_credits_the_old_one(stripe, subscription, yearly):
    after = stripe.post(f"/v1/subscriptions/{subscription['id']}", switch_to(subscription, yearly))
    invoice = stripe.get(f"/v1/invoices/{after['latest_invoice']}")
    amounts = [line["amount"] for line in invoice["lines"]["data"]]
    assert amounts[1] == 19900
    assert -999 <= amounts[0] <= -998
    assert after["billing_cycle_anchor"] == item_of(after)["current_period_start"]


def test_a_credit_is_kept_for_later_invoices(stripe, do, subscription, yearly, plan, customer):
    stripe.post(
        f"/v1/subscriptions/{subscription['id']}", switch_to(subscription, yearly, proration_behavior="none")
    )
    now = stripe.get(f"/v1/subscriptions/{subscription['id']}")
    back = stripe.post(f"/v1/subscriptions/{subscription['id']}", switch_to(now, plan))
    invoice = stripe.get(f"/v1/invoices/{back['latest_invoice']}")
    assert (invoice["status"], invoice["amount_due"]) == ("paid", 0)
    assert invoice["ending_balance"] == invoice["total"] < 0
    assert stripe.get(f"/v1/customers/{customer['id']}")["balance"] == invoice["total"]
    shown = stripe.post("/v1/invoices/create_preview", {"subscription": subscription["id"]})
    assert (shown["total"], shown["amount_due"]) == (999, 0)


def test_a_declined_change_must_not_happen(stripe, do, subscription, gold, customer, contract):
    with_card(do, customer, "pm_card_chargeCustomerFail")
    stripe.post(f"/v1/subscriptions/{subscription['id']}", {"default_payment_method": ""})
    before = stripe.get(f"/v1/subscriptions/{subscription['id']}")
    at = item_of(subscription)["current_period_end"] - 10 * DAY
    change = switch_to(subscription, gold, proration_behavior="always_invoice", proration_date=at)
    status, error = stripe.error(
        "POST",
        f"/v1/subscriptions/{subscription['id']}",
        change | {"payment_behavior": "error_if_incomplete"},
    )
    assert (status, error["type"], error["code"]) == (402, "card_error", "card_declined")
    assert stripe.get(f"/v1/subscriptions/{subscription['id']}") == before
    waiting = stripe.post(
        f"/v1/subscriptions/{subscription['id']}", change | {"payment_behavior": "pending_if_incomplete"}
    )
    assert item_of(waiting)["price"]["id"] != gold["id"]
    assert waiting["pending_update"]["subscription_items"][0]["price"]["id"] == gold["id"]
    with_card(do, customer, "pm_card_visa")
    stripe.post(f"/v1/invoices/{waiting['latest_invoice']}/pay")
    after = stripe.get(f"/v1/subscriptions/{subscription['id']}")
    assert (item_of(after)["price"]["id"], after["pending_update"]) == (gold["id"], None)
    sent(stripe, contract)


def test_a_declined_change_may_leave_it_past_due(stripe, do, subscription, gold, customer):
    with_card(do, customer, "pm_card_chargeCustomerFail")
    stripe.post(f"/v1/subscriptions/{subscription['id']}", {"default_payment_method": ""})
    at = item_of(subscription)["current_period_end"] - 10 * DAY
    change = switch_to(subscription, gold, proration_behavior="always_invoice", proration_date=at)
    after = stripe.post(f"/v1/subscriptions/{subscription['id']}", change)
    assert (after["status"], item_of(after)["price"]["id"]) == ("past_due", gold["id"])


def test_an_open_invoice_is_paid_and_the_subscription_follows(stripe, do, plan, customer, contract):
    made = do(f"/customers/{customer['id']}/subscribe", price=plan["id"], status="past_due")
    with_card(do, customer, "pm_card_chargeCustomerFail")
    stripe.post(f"/v1/subscriptions/{made['id']}", {"default_payment_method": ""})
    status, error = stripe.error("POST", f"/v1/invoices/{made['latest_invoice']}/pay")
    assert (status, error["code"]) == (402, "card_declined")
    assert stripe.get(f"/v1/invoices/{made['latest_invoice']}")["attempt_count"] == 2
    paid = stripe.post(f"/v1/invoices/{made['latest_invoice']}/pay", {"payment_method": "pm_card_visa"})
    assert (paid["status"], paid["attempt_count"]) == ("paid", 3)
    assert stripe.get(f"/v1/subscriptions/{made['id']}")["status"] == "active"
    status, error = stripe.error("POST", f"/v1/invoices/{made['latest_invoice']}/pay")
    assert error["code"] == "invoice_already_paid"
    open_ones = stripe.get("/v1/invoices", {"subscription": made["id"], "status": "open"})
    assert open_ones["data"] == []
    sent(stripe, contract)


def test_the_first_invoice_of_a_new_subscription_can_be_seen_before(stripe, plan, customer):
    details = {"items": [{"price": plan["id"], "quantity": 2}]}
    shown = stripe.post(
        "/v1/invoices/create_preview", {"customer": customer["id"], "subscription_details": details}
    )
    assert (shown["total"], shown["billing_reason"]) == (1998, "subscription_create")
    assert stripe.get("/v1/subscriptions")["data"] == []


def test_a_subscription_that_ends_has_no_next_invoice(stripe, do, subscription):
    do(f"/subscriptions/{subscription['id']}/cancel_at_period_end")
    status, error = stripe.error("POST", "/v1/invoices/create_preview", {"subscription": subscription["id"]})
    assert (status, error["code"]) == (404, "invoice_upcoming_none")


def test_a_pause_that_was_asked_for_stops_service_and_credits_what_is_left(stripe, subscription, contract):
    paused = stripe.post(f"/v1/subscriptions/{subscription['id']}/pause")
    assert paused["status"] == "paused"
    assert paused["status_details"]["paused"]["subscription"]["type"] == "pause_requested"
    after = stripe.post(f"/v1/subscriptions/{subscription['id']}/resume")
    assert (after["status"], after["status_details"]) == ("active", None)
    assert stripe.get(f"/v1/invoices/{after['latest_invoice']}")["total"] in (0, 1)
    types = [event["type"] for event in sent(stripe, contract)]
    assert "customer.subscription.paused" in types
    assert types[-1] == "customer.subscription.resumed"


def test_collection_by_invoice_needs_days_and_goes_back(stripe, subscription):
    url = f"/v1/subscriptions/{subscription['id']}"
    assert stripe.error("POST", url, {"collection_method": "send_invoice"})[1]["param"] == "days_until_due"
    manual = stripe.post(url, {"collection_method": "send_invoice", "days_until_due": 14})
    assert (manual["collection_method"], manual["days_until_due"]) == ("send_invoice", 14)
    assert stripe.post(url, {"days_until_due": 7})["days_until_due"] == 7
    back = stripe.post(url, {"collection_method": "charge_automatically"})
    assert (back["collection_method"], back["days_until_due"]) == ("charge_automatically", None)
