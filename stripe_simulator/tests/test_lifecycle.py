"""What happens to subscriptions and payments, and the events that tell of it."""

from __future__ import annotations

import pytest

from stripe_simulator.tests.events import sent

RENEWED = ["invoice.created", "invoice.finalized", "payment_intent.created"]
PAID = ["charge.succeeded", "payment_intent.succeeded", "invoice_payment.paid", "invoice.paid"]
PAID += ["invoice.payment_succeeded"]


@pytest.mark.parametrize(
    "status",
    ["active", "trialing", "incomplete", "incomplete_expired", "past_due", "unpaid", "paused", "canceled"],
)
def test_a_subscription_can_be_led_to_every_status(stripe, do, plan, customer, status, contract):
    subscription = do(f"/customers/{customer['id']}/subscribe", price=plan["id"], status=status)
    assert stripe.get(f"/v1/subscriptions/{subscription['id']}")["status"] == status
    expand = ["latest_invoice.payments", "customer.subscriptions", "items.data.price.product"]
    whole = stripe.get(f"/v1/subscriptions/{subscription['id']}", {"expand": expand})
    assert whole["items"]["data"][0]["price"]["product"]["name"] == "Basic Plan"
    assert whole["items"]["data"][0]["current_period_end"] > whole["items"]["data"][0]["current_period_start"]
    sent(stripe, contract)


def test_a_new_subscription_tells_of_its_invoice_and_payment(stripe, do, plan, customer, contract):
    do(f"/customers/{customer['id']}/subscribe", price=plan["id"])
    types = [event["type"] for event in sent(stripe, contract)]
    assert types[-9:] == [*RENEWED, *PAID, "customer.subscription.created"]


TURNS = [
    ("active", "renew", "active"),
    ("active", "fail", "past_due"),
    ("active", "unpaid", "unpaid"),
    ("past_due", "unpaid", "unpaid"),
    ("past_due", "recover", "active"),
    ("unpaid", "recover", "active"),
    ("incomplete", "recover", "active"),
    ("incomplete", "expire_incomplete", "incomplete_expired"),
    ("trialing", "renew", "active"),
    ("trialing", "fail", "past_due"),
    ("trialing", "trial_pause", "paused"),
    ("trialing", "trial_will_end", "trialing"),
    ("paused", "resume", "active"),
    ("active", "pause", "active"),
    ("active", "cancel", "canceled"),
    ("paused", "cancel", "canceled"),
    ("active", "cancel_at_period_end", "active"),
    ("active", "pending_update_expired", "active"),
]


@pytest.mark.parametrize(("before", "action", "after"), TURNS)
def test_every_turn_leads_where_stripe_leads(stripe, do, plan, customer, contract, before, action, after):
    subscription = do(f"/customers/{customer['id']}/subscribe", price=plan["id"], status=before)
    done = do(f"/subscriptions/{subscription['id']}/{action}")
    assert done["status"] == after
    assert stripe.get(f"/v1/subscriptions/{subscription['id']}") == done
    last = sent(stripe, contract)[-1]
    assert last["type"].startswith("customer.subscription.")
    assert last["data"]["object"]["status"] == after


def test_a_turn_that_the_status_does_not_allow_changes_nothing(
    stripe, simulator, do, plan, customer, contract
):
    import requests

    subscription = do(f"/customers/{customer['id']}/subscribe", price=plan["id"], status="canceled")
    count = len(sent(stripe, contract))
    for action in (
        "renew",
        "fail",
        "recover",
        "pause",
        "resume",
        "cancel",
        "expire_incomplete",
        "bogus",
        "switch",
    ):
        answer = requests.post(
            f"{simulator}/_simulator/subscriptions/{subscription['id']}/{action}", timeout=5
        )
        assert answer.status_code == 400, action
        assert answer.json()["error"]["message"]
    assert len(sent(stripe, contract)) == count


def test_a_failed_renewal_tells_what_was_before(stripe, do, plan, customer, contract):
    subscription = do(f"/customers/{customer['id']}/subscribe", price=plan["id"])
    do(f"/subscriptions/{subscription['id']}/fail")
    events = sent(stripe, contract)
    updated = events[-1]
    assert updated["type"] == "customer.subscription.updated"
    before = updated["data"]["previous_attributes"]
    assert before["status"] == "active"
    assert before["latest_invoice"] == subscription["latest_invoice"]
    assert (
        before["items"]["data"][0]["current_period_end"]
        == subscription["items"]["data"][0]["current_period_end"]
    )
    types = [event["type"] for event in events[-7:]]
    failed = ["charge.failed", "payment_intent.payment_failed", "invoice.payment_failed"]
    assert types == [*RENEWED, *failed, "customer.subscription.updated"]


def test_recovery_pays_the_same_invoice_with_the_same_intent(stripe, do, plan, customer):
    subscription = do(f"/customers/{customer['id']}/subscribe", price=plan["id"], status="past_due")
    invoice = stripe.get(f"/v1/invoices/{subscription['latest_invoice']}", {"expand": ["payments"]})
    assert (invoice["status"], invoice["attempt_count"]) == ("open", 1)
    do(f"/subscriptions/{subscription['id']}/recover")
    after = stripe.get(f"/v1/invoices/{subscription['latest_invoice']}", {"expand": ["payments"]})
    assert (after["status"], after["attempt_count"], after["amount_paid"]) == ("paid", 2, 999)
    assert after["payments"]["data"][0]["payment"] == invoice["payments"]["data"][0]["payment"]


def test_collection_that_is_paused_leaves_the_status(stripe, do, plan, customer, contract):
    subscription = do(f"/customers/{customer['id']}/subscribe", price=plan["id"])
    paused = do(f"/subscriptions/{subscription['id']}/pause")
    assert paused["pause_collection"] == {"behavior": "void", "resumes_at": None}
    renewed = do(f"/subscriptions/{subscription['id']}/renew")
    assert stripe.get(f"/v1/invoices/{renewed['latest_invoice']}")["status"] == "void"
    assert do(f"/subscriptions/{subscription['id']}/resume")["pause_collection"] is None
    assert "customer.subscription.paused" not in {event["type"] for event in sent(stripe, contract)}


def test_a_cancellation_at_the_period_end_can_be_undone_and_comes_true(stripe, do, plan, customer):
    subscription = do(f"/customers/{customer['id']}/subscribe", price=plan["id"])
    ending = do(f"/subscriptions/{subscription['id']}/cancel_at_period_end")
    assert ending["cancel_at"] == subscription["items"]["data"][0]["current_period_end"]
    assert do(f"/subscriptions/{subscription['id']}/undo_cancel")["cancel_at"] is None
    do(f"/subscriptions/{subscription['id']}/cancel_at_period_end")
    assert do(f"/subscriptions/{subscription['id']}/renew")["status"] == "canceled"


def test_who_ends_already_is_not_made_to_end_again(stripe, do, plan, customer, contract):
    subscription = do(f"/customers/{customer['id']}/subscribe", price=plan["id"])
    once = do(f"/subscriptions/{subscription['id']}/cancel_at_period_end")
    do("/clock", ahead=10)
    count = len(sent(stripe, contract))
    assert do(f"/subscriptions/{subscription['id']}/cancel_at_period_end") == once
    assert len(sent(stripe, contract)) == count


def test_a_switch_changes_the_price_of_the_same_item(stripe, do, plan, customer, contract):
    subscription = do(f"/customers/{customer['id']}/subscribe", price=plan["id"])
    data = {
        "product": plan["product"],
        "currency": "usd",
        "unit_amount": 19900,
        "recurring": {"interval": "year"},
    }
    yearly = stripe.post("/v1/prices", data)
    switched = do(f"/subscriptions/{subscription['id']}/switch", price=yearly["id"])
    item = switched["items"]["data"][0]
    assert (item["id"], item["price"]["id"]) == (subscription["items"]["data"][0]["id"], yearly["id"])
    assert stripe.get(f"/v1/invoices/{switched['latest_invoice']}")["amount_paid"] == 19900
    last = sent(stripe, contract)[-1]
    assert last["data"]["previous_attributes"]["items"]["data"][0]["price"]["id"] == plan["id"]


def test_a_card_that_fails_makes_the_renewal_past_due(stripe, do, plan, customer):
    subscription = do(f"/customers/{customer['id']}/subscribe", price=plan["id"])
    do(f"/customers/{customer['id']}/card", card="pm_card_chargeCustomerFail")
    stripe.post(f"/v1/subscriptions/{subscription['id']}", {"default_payment_method": ""})
    assert do(f"/subscriptions/{subscription['id']}/renew")["status"] == "past_due"


def test_one_time_payments_end_in_every_way(stripe, do, customer, contract):
    def pay(status):
        return do(f"/customers/{customer['id']}/pay", amount=499, currency="USD", status=status)

    paid = pay("succeeded")
    assert (paid["paid"], paid["captured"], paid["amount_captured"]) == (True, True, 499)
    part = do(f"/charges/{paid['id']}/refund", amount=100)
    assert part["amount"] == 100
    do(f"/charges/{paid['id']}/refund")
    assert stripe.get(f"/v1/charges/{paid['id']}")["refunded"] is True
    assert (
        stripe.get(f"/v1/charges/{paid['id']}", {"expand": ["refunds"]})["refunds"]["data"][0]["amount"]
        == 399
    )
    assert pay("failed")["status"] == "failed"
    assert do(f"/charges/{pay('pending')['id']}/settle")["status"] == "succeeded"
    assert do(f"/charges/{pay('pending')['id']}/fail")["status"] == "failed"
    assert do(f"/charges/{pay('uncaptured')['id']}/capture")["captured"] is True
    assert do(f"/charges/{pay('uncaptured')['id']}/expire")["refunded"] is True
    types = {event["type"] for event in sent(stripe, contract)}
    expected = {"succeeded", "failed", "pending", "expired", "captured", "refunded"}
    assert {f"charge.{name}" for name in expected} <= types
    assert {"payment_intent.succeeded", "payment_intent.payment_failed", "refund.created"} <= types


def test_a_payment_set_aside_is_captured_or_given_back_by_the_api(stripe, do, customer):
    first = do(f"/customers/{customer['id']}/pay", amount=499, status="uncaptured")
    assert stripe.post(f"/v1/payment_intents/{first['payment_intent']}/capture")["status"] == "succeeded"
    second = do(f"/customers/{customer['id']}/pay", amount=499, status="uncaptured")
    assert stripe.post(f"/v1/payment_intents/{second['payment_intent']}/cancel")["status"] == "canceled"
    status, error = stripe.error("POST", f"/v1/payment_intents/{second['payment_intent']}/capture")
    assert (status, error["code"]) == (400, "payment_intent_unexpected_state")


def test_a_refund_gives_back_no_more_than_was_paid(stripe, do, customer):
    paid = do(f"/customers/{customer['id']}/pay", amount=500)
    status, _ = stripe.error("POST", "/v1/refunds", {"charge": paid["id"], "amount": 501})
    assert status == 400
    refund = stripe.post(
        "/v1/refunds", {"payment_intent": paid["payment_intent"], "reason": "requested_by_customer"}
    )
    assert stripe.get("/v1/refunds", {"charge": paid["id"]})["data"] == [refund]
    status, error = stripe.error("POST", "/v1/refunds", {"charge": paid["id"]})
    assert error["code"] == "charge_already_refunded"


def test_a_customer_that_is_deleted_takes_its_subscriptions_along(stripe, do, plan, customer, contract):
    subscription = do(f"/customers/{customer['id']}/subscribe", price=plan["id"])
    assert do(f"/customers/{customer['id']}/delete")["deleted"] is True
    assert stripe.get(f"/v1/customers/{customer['id']}")["deleted"] is True
    assert stripe.get(f"/v1/subscriptions/{subscription['id']}")["status"] == "canceled"
    types = [event["type"] for event in sent(stripe, contract)]
    assert types[-2:] == ["customer.subscription.deleted", "customer.deleted"]


def test_an_archived_price_is_inactive_everywhere_and_cannot_be_subscribed(
    stripe, simulator, do, plan, customer
):
    import requests

    subscription = do(f"/customers/{customer['id']}/subscribe", price=plan["id"])
    assert do(f"/prices/{plan['id']}/archive")["active"] is False
    assert (
        stripe.get(f"/v1/subscriptions/{subscription['id']}")["items"]["data"][0]["price"]["active"] is False
    )
    body = {"price": plan["id"]}
    url = f"{simulator}/_simulator/customers/{customer['id']}/subscribe"
    assert requests.post(url, json=body, timeout=5).status_code == 400
    assert do(f"/prices/{plan['id']}/restore")["active"] is True
