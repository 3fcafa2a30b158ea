"""Checkout sessions: made, walked through by the forms of their pages, completed, with every event."""

from __future__ import annotations

import threading

import pytest
import requests

from stripe_simulator.testing import CARD, Walk
from stripe_simulator.tests.events import sent
from stripe_simulator.tests.processes import Client, SimulatorProcess, control, wait_for

DONE = "https://members.example.org/done?sid={CHECKOUT_SESSION_ID}"


@pytest.fixture
def session_params(plan):
    """The least that a subscription session takes."""
    return {"mode": "subscription", "line_items": [{"price": plan["id"], "quantity": 1}], "success_url": DONE}


@pytest.fixture
def lifetime(stripe, plan):
    return stripe.post("/v1/prices", {"product": plan["product"], "currency": "usd", "unit_amount": 49900})


def open_session(stripe, session_params, **more):
    return stripe.post("/v1/checkout/sessions", session_params | more)


def again(stripe, session, *expand):
    return stripe.get(f"/v1/checkout/sessions/{session['id']}", {"expand": list(expand)} if expand else None)


def types(stripe, contract):
    return [each["type"] for each in sent(stripe, contract)]


def test_a_subscription_is_bought_on_the_page(stripe, contract, session_params):
    session = open_session(
        stripe,
        session_params,
        client_reference_id="user-7",
        metadata={"plan": "basic"},
        subscription_data={"metadata": {"umstripe": "yes"}},
        cancel_url="https://members.example.org/back",
    )
    assert (session["status"], session["payment_status"], session["amount_total"]) == ("open", "unpaid", 999)
    assert session["id"].startswith("cs_test_")
    assert session["url"] == f"{stripe.url}/c/pay/{session['id']}"
    assert session["subscription"] is None
    before = len(sent(stripe, contract))
    walk = Walk(session["url"])
    assert "Basic Plan" in walk.text
    assert "9.99 USD every month" in walk.text
    walk.press(email="jane@example.org", **CARD)
    assert walk.left_for == DONE.replace("{CHECKOUT_SESSION_ID}", session["id"])

    done = again(stripe, session, "subscription.latest_invoice", "customer", "line_items", "invoice")
    assert (done["status"], done["payment_status"], done["url"]) == ("complete", "paid", None)
    assert done["customer_details"]["email"] == "jane@example.org"
    assert done["customer_details"]["name"] == "Jane Doe"
    assert done["customer"]["email"] == "jane@example.org"
    assert done["client_reference_id"] == "user-7"
    assert done["line_items"]["data"][0]["description"] == "Basic Plan"
    subscription = done["subscription"]
    assert (subscription["status"], subscription["metadata"]) == ("active", {"umstripe": "yes"})
    assert subscription["latest_invoice"]["status"] == "paid"
    assert subscription["default_payment_method"]
    assert done["invoice"]["amount_paid"] == 999
    assert types(stripe, contract)[before:] == [
        "customer.created",
        "payment_method.attached",
        "invoice.created",
        "invoice.finalized",
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice_payment.paid",
        "invoice.paid",
        "invoice.payment_succeeded",
        "customer.subscription.created",
        "checkout.session.completed",
    ]


def test_a_declined_card_loses_nothing_and_another_one_pays(stripe, contract, session_params, lifetime):
    session = open_session(
        stripe, session_params, mode="payment", line_items=[{"price": lifetime["id"], "quantity": 1}],
        payment_intent_data={"metadata": {"price": lifetime["id"]}, "description": "Lifetime"},
        customer_creation="always",
    )  # fmt: skip
    walk = Walk(session["url"])
    walk.press(email="jane@example.org", **CARD | {"number": "4000000000000002"})
    assert walk.status == 402
    assert "Your card was declined." in walk.text
    kept = walk.form.fields
    assert (kept["email"], kept["number"], kept["expiry"]) == (
        "jane@example.org",
        "4000000000000002",
        "12 / 34",
    )
    assert kept["cvc"] == ""
    walk.press(number="4000 0000 0000 9995", cvc="123")
    assert "insufficient funds" in walk.text
    assert again(stripe, session)["status"] == "open"
    walk.press(number="4242424242424242", cvc="123")
    assert walk.left_for

    done = again(stripe, session, "payment_intent.latest_charge")
    intent = done["payment_intent"]
    assert (intent["status"], intent["metadata"]) == ("succeeded", {"price": lifetime["id"]})
    assert intent["latest_charge"]["metadata"] == {"price": lifetime["id"]}
    assert intent["latest_charge"]["billing_details"]["email"] == "jane@example.org"
    assert done["customer"] == intent["customer"]
    happened = types(stripe, contract)
    assert happened.count("charge.failed") == 2
    assert happened.count("payment_intent.created") == 1
    assert happened[-1] == "checkout.session.completed"


def test_what_is_wrong_stands_beside_its_field(stripe, session_params):
    walk = Walk(open_session(stripe, session_params)["url"])
    walk.press(email="nobody", number="1234", expiry="13 / 34", cvc="x")
    assert walk.status == 422
    for words in ("like jane@example.com", "none of Stripe’s test cards", "like 12 / 34", "three or four"):
        assert words in walk.text
    assert walk.form.fields["email"] == "nobody"
    walk.press(email="a@b.org", **CARD | {"expiry": "01 / 20"})
    assert "expired" in walk.text


@pytest.mark.parametrize("number", ["4000002500003155", "4000002760003184"])
def test_a_payment_is_confirmed_on_a_second_page(stripe, session_params, number):
    session = open_session(stripe, session_params)
    walk = Walk(session["url"]).press(email="jane@example.org", **CARD | {"number": number})
    assert "Confirm this payment" in walk.text
    walk.press("fail")
    assert "unable to authenticate" in walk.text
    assert walk.form.fields["number"] == number
    assert again(stripe, session)["status"] == "open"
    walk.press(cvc="123").press("complete")
    assert walk.left_for
    assert again(stripe, session, "subscription")["subscription"]["status"] == "active"


def test_two_clicks_at_once_pay_once(stripe, contract, session_params, customer):
    session = open_session(stripe, session_params, customer=customer["id"])
    walks = [Walk(session["url"]) for _ in range(4)]
    threads = [threading.Thread(target=walk.press, kwargs=CARD) for walk in walks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {walk.left_for for walk in walks} == {DONE.replace("{CHECKOUT_SESSION_ID}", session["id"])}
    assert len(stripe.get("/v1/subscriptions", {"customer": customer["id"]})["data"]) == 1
    assert types(stripe, contract).count("charge.succeeded") == 1
    walk = Walk(session["url"])
    assert "Thanks for your payment" in walk.text


def test_a_known_customer_is_used_again(stripe, session_params, customer):
    session = open_session(stripe, session_params, customer=customer["id"])
    assert session["customer_details"]["email"] == "jane@example.com"
    walk = Walk(session["url"])
    assert "jane@example.com" in walk.text
    assert walk.press(**CARD).left_for
    assert again(stripe, session)["customer"] == customer["id"]
    assert len(stripe.get("/v1/customers")["data"]) == 1


def test_a_trial_takes_a_card_and_no_money(stripe, session_params):
    data = {"trial_period_days": 7, "trial_settings": {"end_behavior": {"missing_payment_method": "pause"}}}
    session = open_session(stripe, session_params, subscription_data=data)
    assert session["amount_total"] == 0
    walk = Walk(session["url"])
    assert "7 days free, then 9.99 USD every month" in walk.text
    walk.press(email="jane@example.org", **CARD | {"number": "4000000000000341"})
    done = again(stripe, session, "subscription")
    assert done["payment_status"] == "no_payment_required"
    assert done["subscription"]["status"] == "trialing"
    assert done["subscription"]["trial_settings"] == data["trial_settings"]
    assert done["subscription"]["default_payment_method"]


def test_a_trial_without_a_card_when_none_is_required(stripe, session_params):
    session = open_session(
        stripe,
        session_params,
        payment_method_collection="if_required",
        subscription_data={"trial_period_days": 7},
    )
    walk = Walk(session["url"])
    assert "number" not in walk.form.fields
    assert walk.press(email="jane@example.org").left_for
    assert again(stripe, session, "subscription")["subscription"]["default_payment_method"] is None


def test_money_is_set_aside_until_it_is_captured(stripe, session_params, lifetime):
    session = open_session(
        stripe, session_params, mode="payment", line_items=[{"price": lifetime["id"], "quantity": 1}],
        payment_intent_data={"capture_method": "manual"},
    )  # fmt: skip
    Walk(session["url"]).press(email="jane@example.org", **CARD)
    done = again(stripe, session)
    assert (done["status"], done["payment_status"], done["customer"]) == ("complete", "unpaid", None)
    intent = stripe.get(f"/v1/payment_intents/{done['payment_intent']}")
    assert intent["status"] == "requires_capture"
    stripe.post(f"/v1/payment_intents/{intent['id']}/capture")
    assert again(stripe, session)["payment_status"] == "paid"


def test_the_same_idempotency_key_opens_one_session(stripe, session_params):
    ids = [
        stripe.post("/v1/checkout/sessions", session_params, Idempotency_Key="one")["id"] for _ in range(3)
    ]
    assert len(set(ids)) == 1
    assert len(stripe.get("/v1/checkout/sessions")["data"]) == 1


def test_sessions_are_found_by_what_they_led_to(stripe, do, session_params, customer):
    session = open_session(stripe, session_params, customer=customer["id"])
    open_session(stripe, session_params)
    do(f"/sessions/{session['id']}/pay")
    done = again(stripe, session)
    for where in (
        {"customer": customer["id"]},
        {"status": "complete"},
        {"subscription": done["subscription"]},
    ):
        sessions = stripe.get("/v1/checkout/sessions", where | {"expand": ["data.line_items"]})["data"]
        assert [each["id"] for each in sessions] == [session["id"]]
        assert sessions[0]["line_items"]["data"][0]["amount_total"] == 999
    assert len(stripe.get("/v1/checkout/sessions", {"status": "open"})["data"]) == 1
    items = stripe.get(f"/v1/checkout/sessions/{session['id']}/line_items")
    assert [each["quantity"] for each in items["data"]] == [1]


def test_an_expired_session_says_so_and_takes_no_payment(stripe, contract, session_params, do):
    session = open_session(stripe, session_params, cancel_url="https://members.example.org/back")
    walk = Walk(session["url"])
    assert stripe.post(f"/v1/checkout/sessions/{session['id']}/expire")["status"] == "expired"
    walk.press(email="jane@example.org", **CARD)
    assert "This page has expired" in walk.text
    status, error = stripe.error("POST", f"/v1/checkout/sessions/{session['id']}/expire")
    assert (status, "status of `expired`" in error["message"]) == (400, True)
    assert types(stripe, contract)[-1] == "checkout.session.expired"
    assert stripe.get("/v1/customers")["data"] == []


def test_a_session_expires_by_the_clock(contract):
    """In a simulator of its own, for its clock does not go back."""
    simulator = SimulatorProcess("--allow-local-endpoints")
    try:
        key = requests.get(simulator.url + "/_simulator/keys", timeout=5).json()["test"]["secret"]
        stripe = Client(simulator.url, key, contract)
        price = stripe.get("/v1/prices", {"type": "recurring"})["data"][-1]["id"]
        items = [{"price": price, "quantity": 1}]
        session = open_session(stripe, {"mode": "subscription", "success_url": DONE, "line_items": items})
        assert session["expires_at"] - session["created"] == 24 * 3600
        control(simulator.url, "/clock", {"ahead": 24 * 3600 + 1})
        wait_for(lambda: types(stripe, contract)[-1:] == ["checkout.session.expired"])
        assert again(stripe, session)["status"] == "expired"
    finally:
        simulator.stop()
