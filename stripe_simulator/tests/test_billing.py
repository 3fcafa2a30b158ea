"""Prorations, previews, changes of subscriptions and the payment of invoices."""

from __future__ import annotations

import pytest

from stripe_simulator.tests.events import sent

DAY = 86_400


@pytest.fixture
def gold(stripe, plan):
    """A monthly price of 29.99 dollars."""
    price_params = {"product": plan["product"], "currency": "usd", "unit_amount": 2999, "nickname": "Gold"}
    return stripe.post("/v1/prices", price_params | {"recurring": {"interval": "month"}})


@pytest.fixture
def yearly(stripe, plan):
    price_params = {"product": plan["product"], "currency": "usd", "unit_amount": 19900}
    return stripe.post("/v1/prices", price_params | {"recurring": {"interval": "year"}})


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
    subscription = do(f"/customers/{customer['id']}/subscribe", price=plan["id"], status="past_due")
    with_card(do, customer, "pm_card_chargeCustomerFail")
    stripe.post(f"/v1/subscriptions/{subscription['id']}", {"default_payment_method": ""})
    status, error = stripe.error("POST", f"/v1/invoices/{subscription['latest_invoice']}/pay")
    assert (status, error["code"]) == (402, "card_declined")
    assert stripe.get(f"/v1/invoices/{subscription['latest_invoice']}")["attempt_count"] == 2
    paid = stripe.post(
        f"/v1/invoices/{subscription['latest_invoice']}/pay", {"payment_method": "pm_card_visa"}
    )
    assert (paid["status"], paid["attempt_count"]) == ("paid", 3)
    assert stripe.get(f"/v1/subscriptions/{subscription['id']}")["status"] == "active"
    status, error = stripe.error("POST", f"/v1/invoices/{subscription['latest_invoice']}/pay")
    assert error["code"] == "invoice_already_paid"
    open_ones = stripe.get("/v1/invoices", {"subscription": subscription["id"], "status": "open"})
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
    assert item_of(paused)["current_period_end"] < item_of(subscription)["current_period_end"]
    after = stripe.post(f"/v1/subscriptions/{subscription['id']}/resume", SUCCESS)
    assert (after["status"], after["status_details"]) == ("active", None)
    assert stripe.get(f"/v1/invoices/{after['latest_invoice']}")["total"] in (0, 1)
    types = [event["type"] for event in sent(stripe, contract)]
    assert "customer.subscription.paused" in types
    assert types[-1] == "customer.subscription.resumed"


def test_a_trial_and_an_invoice_sent_cannot_be_paused(stripe, do, subscription, plan, customer):
    on_trial = do(f"/customers/{customer['id']}/subscribe", price=plan["id"], status="trialing")
    manual = {"collection_method": "send_invoice", "days_until_due": 14}
    stripe.post(f"/v1/subscriptions/{subscription['id']}", manual)
    for each in (on_trial, subscription):
        assert stripe.error("POST", f"/v1/subscriptions/{each['id']}/pause")[0] == 400


SUCCESS = {"payment_behavior": "resume_on_payment_success"}


@pytest.fixture
def paused(stripe, do, plan, customer):
    """Paused after a trial, on a clock of nobody: its invoice would be 9.99 dollars."""
    return do(f"/customers/{customer['id']}/subscribe", price=plan["id"], status="paused")


def test_by_default_a_resumption_waits_for_somebody_to_pay(stripe, paused, contract):
    waiting = stripe.post(f"/v1/subscriptions/{paused['id']}/resume")
    invoice = stripe.get(f"/v1/invoices/{waiting['latest_invoice']}")
    assert (waiting["status"], invoice["status"], invoice["attempted"]) == ("paused", "open", False)
    again = stripe.post(f"/v1/subscriptions/{paused['id']}/resume")
    assert again["latest_invoice"] == waiting["latest_invoice"]
    stripe.post(f"/v1/invoices/{invoice['id']}/pay")
    after = stripe.get(f"/v1/subscriptions/{paused['id']}")
    assert (after["status"], after["status_details"]) == ("active", None)
    assert item_of(after)["current_period_start"] == after["billing_cycle_anchor"] >= paused["created"]
    assert sent(stripe, contract)[-1]["type"] == "customer.subscription.resumed"


def test_an_attempt_that_fails_resumes_it_past_due_and_nothing_is_tried_again(stripe, do, paused, customer):
    waiting = stripe.post(f"/v1/subscriptions/{paused['id']}/resume")
    bad = do(f"/customers/{customer['id']}/card", card="pm_card_chargeCustomerFail")
    to_pay = f"/v1/invoices/{waiting['latest_invoice']}/pay"
    assert stripe.error("POST", to_pay, {"payment_method": bad["id"]})[0] == 402
    assert stripe.get(f"/v1/subscriptions/{paused['id']}")["status"] == "past_due"
    assert stripe.get(f"/v1/invoices/{waiting['latest_invoice']}")["next_payment_attempt"] is None


def test_a_resumption_that_nobody_pays_for_is_void_after_23_hours(stripe, do, paused, contract):
    waiting = stripe.post(f"/v1/subscriptions/{paused['id']}/resume")
    do("/clock", ahead=23 * 3600 - 60, bill=True)
    assert stripe.get(f"/v1/invoices/{waiting['latest_invoice']}")["status"] == "open"
    do("/clock", ahead=120, bill=True)
    assert stripe.get(f"/v1/invoices/{waiting['latest_invoice']}")["status"] == "void"
    assert stripe.get(f"/v1/subscriptions/{paused['id']}")["status"] == "paused"
    sent(stripe, contract)


def test_a_resumption_by_success_charges_at_once_or_stays_paused(stripe, do, paused, customer):
    url = f"/v1/subscriptions/{paused['id']}"
    with_card(do, customer, "pm_card_chargeCustomerFail")
    stripe.post(url, {"default_payment_method": ""})
    refused = stripe.post(url + "/resume", SUCCESS)
    invoice = stripe.get(f"/v1/invoices/{refused['latest_invoice']}")
    assert (refused["status"], invoice["status"], invoice["attempted"]) == ("paused", "open", True)
    assert invoice["next_payment_attempt"]
    with_card(do, customer, "pm_card_visa")
    do("/clock", days=4, bill=True)
    assert stripe.get(url)["status"] == "active"


def without_card(stripe, plan, **more):
    """Somebody on trial who has no card."""
    nobody = stripe.post("/v1/customers", {"email": "nobody@example.org"})
    params = {"customer": nobody["id"], "items": [{"price": plan["id"]}], "trial_period_days": 7}
    return stripe.post("/v1/subscriptions", params | more)


def test_without_a_card_nothing_is_resumed_and_no_card_comes_from_nowhere(stripe, do, plan):
    subscription = without_card(stripe, plan)
    do(f"/subscriptions/{subscription['id']}/trial_pause")
    url = f"/v1/subscriptions/{subscription['id']}"
    assert stripe.error("POST", url + "/resume", SUCCESS)[0] == 400
    assert (stripe.get(url)["status"], stripe.get(url)["latest_invoice"]) == (
        "paused",
        subscription["latest_invoice"],
    )
    assert stripe.get(f"/v1/customers/{subscription['customer']}/payment_methods")["data"] == []


@pytest.mark.parametrize(("wanted", "status"), [("pause", "paused"), ("cancel", "canceled")])
def test_a_trial_that_ends_now_without_a_card_ends_as_its_settings_say(stripe, plan, wanted, status):
    settings = {"trial_settings": {"end_behavior": {"missing_payment_method": wanted}}}
    subscription = without_card(stripe, plan, **settings)
    assert stripe.post(f"/v1/subscriptions/{subscription['id']}", {"trial_end": "now"})["status"] == status


def test_a_trial_that_must_be_paid_for_without_a_card_does_not_end(stripe, plan):
    subscription = without_card(stripe, plan)
    assert stripe.error("POST", f"/v1/subscriptions/{subscription['id']}", {"trial_end": "now"})[0] == 400
    assert stripe.get(f"/v1/subscriptions/{subscription['id']}")["status"] == "trialing"


def test_a_trial_that_ends_now_is_told_of_before(stripe, do, plan, customer, contract):
    subscription = do(f"/customers/{customer['id']}/subscribe", price=plan["id"], status="trialing")
    stripe.post(f"/v1/subscriptions/{subscription['id']}", {"trial_end": "now"})
    types = [event["type"] for event in sent(stripe, contract)]
    position = types.index("customer.subscription.trial_will_end")
    assert position < len(types) - 1 and types[-1] == "customer.subscription.updated"


def test_collection_by_invoice_needs_days_and_goes_back(stripe, subscription):
    url = f"/v1/subscriptions/{subscription['id']}"
    assert stripe.error("POST", url, {"collection_method": "send_invoice"})[1]["param"] == "days_until_due"
    manual = stripe.post(url, {"collection_method": "send_invoice", "days_until_due": 14})
    assert (manual["collection_method"], manual["days_until_due"]) == ("send_invoice", 14)
    assert stripe.post(url, {"days_until_due": 7})["days_until_due"] == 7
    back = stripe.post(url, {"collection_method": "charge_automatically"})
    assert (back["collection_method"], back["days_until_due"]) == ("charge_automatically", None)
