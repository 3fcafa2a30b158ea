"""The page of an invoice, cards that want a confirmation, disputes, and parts of amounts."""

from __future__ import annotations

import re

import pytest
import requests

from stripe_simulator.tests.events import sent


@pytest.fixture
def behind(do, plan, customer):
    """A subscription whose renewal was declined."""
    return do(f"/customers/{customer['id']}/subscribe", price=plan["id"], status="past_due")


@pytest.fixture
def page(stripe, behind):
    return stripe.get(f"/v1/invoices/{behind['latest_invoice']}")["hosted_invoice_url"]


def pay(url, number):
    card = {"number": number, "expiry": "12/34", "cvc": "123"}
    return requests.Session().post(url, data=card, timeout=5)


def test_an_open_invoice_is_paid_on_its_page(stripe, simulator, behind, page, contract):
    assert page.startswith(simulator)
    shown = requests.get(page, timeout=5)
    assert "Pay 9.99 USD" in shown.text
    assert "Your card was declined" in pay(page, "4000000000000002").text
    assert stripe.get(f"/v1/subscriptions/{behind['id']}")["status"] == "past_due"
    assert "Your invoice is paid" in pay(page, "4242424242424242").text
    assert stripe.get(f"/v1/subscriptions/{behind['id']}")["status"] == "active"
    assert "Pay 9.99" not in requests.get(page, timeout=5).text
    sent(stripe, contract)


def test_a_card_that_fails_later_leaves_the_invoice_open_with_one_attempt_more(stripe, behind, page):
    assert "Your card was declined" in pay(page, "4000000000000341").text
    invoice = stripe.get(f"/v1/invoices/{behind['latest_invoice']}")
    assert (invoice["status"], invoice["attempt_count"]) == ("open", 2)


def test_an_invoice_has_a_pdf_and_an_unknown_one_a_clear_page(stripe, simulator, behind):
    invoice = stripe.get(f"/v1/invoices/{behind['latest_invoice']}")
    answer = requests.get(invoice["invoice_pdf"], timeout=5)
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-1.4")
    assert answer.content.endswith(b"%%EOF\n")
    assert invoice["number"].encode() in answer.content
    unknown = requests.get(f"{simulator}/i/in_nothing", timeout=5)
    assert unknown.status_code == 404
    assert "This invoice is not here" in unknown.text


def test_a_card_that_wants_a_confirmation_waits_for_it(stripe, do, behind, customer, page, contract):
    confirmation = pay(page, "4000002760003184")
    assert "Confirm your payment" in confirmation.text
    again = requests.Session().post(confirmation.url, data={"answer": "fail"}, timeout=5)
    assert (again.url, "unable to authenticate" in again.text) == (page, True)
    requests.post(confirmation.url, data={"answer": "complete"}, timeout=5)
    assert stripe.get(f"/v1/subscriptions/{behind['id']}")["status"] == "active"
    renewed = do(f"/subscriptions/{behind['id']}/renew")
    assert renewed["status"] == "past_due"
    types = [event["type"] for event in sent(stripe, contract)]
    expected = ["payment_intent.requires_action", "invoice.payment_action_required", "invoice.payment_failed"]
    assert types[-4:-1] == expected
    status, error = stripe.error("POST", f"/v1/invoices/{renewed['latest_invoice']}/pay")
    assert (status, error["code"]) == (402, "invoice_payment_intent_requires_action")


def test_a_dispute_is_opened_and_closed(stripe, do, customer, contract):
    paid = do(f"/customers/{customer['id']}/pay", amount=500)
    opened = do(f"/charges/{paid['id']}/dispute")
    assert (opened["amount"], opened["status"], opened["charge"]) == (500, "needs_response", paid["id"])
    assert stripe.get(f"/v1/charges/{paid['id']}")["disputed"] is True
    assert do(f"/charges/{paid['id']}/win_dispute")["status"] == "won"
    other = do(f"/customers/{customer['id']}/pay", amount=500)
    do(f"/charges/{other['id']}/dispute")
    assert do(f"/charges/{other['id']}/lose_dispute")["status"] == "lost"
    types = [event["type"] for event in sent(stripe, contract) if "dispute" in event["type"]]
    begun = ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
    ended = ["charge.dispute.closed", "charge.dispute.funds_reinstated"]
    assert types == [*begun, *ended, *begun, "charge.dispute.closed"]


def test_a_part_is_captured_and_the_rest_given_back(stripe, do, customer, contract):
    uncaptured = do(f"/customers/{customer['id']}/pay", amount=500, status="uncaptured")
    url = f"/v1/payment_intents/{uncaptured['payment_intent']}/capture"
    assert stripe.error("POST", url, {"amount_to_capture": 501})[1]["code"] == "amount_too_large"
    taken = stripe.post(url, {"amount_to_capture": 300})
    assert (taken["status"], taken["amount_received"]) == ("succeeded", 300)
    charge = stripe.get(f"/v1/charges/{uncaptured['id']}")
    assert (charge["amount_captured"], charge["amount_refunded"], charge["refunded"]) == (300, 200, False)
    refund = stripe.post("/v1/refunds", {"charge": uncaptured["id"]})
    assert refund["amount"] == 300
    types = [event["type"] for event in sent(stripe, contract)]
    assert types[-2:] == ["charge.refunded", "refund.created"]


def test_the_page_has_the_buttons_of_time(simulator, do, plan, customer, stripe):
    do(f"/customers/{customer['id']}/subscribe", price=plan["id"])
    shown = requests.get(f"{simulator}/_simulator/", timeout=5).text
    assert "One month later" in shown
    fields = {"mode": "test", "bill": "true", "months": "1"}
    answer = requests.post(f"{simulator}/_simulator/clock", data=fields, timeout=5)
    assert "Time has passed." in answer.text
    assert len(stripe.get("/v1/invoices", {"customer": customer["id"]})["data"]) == 2
    assert re.search(r"It is \d{4}-\d\d-\d\d \d\d:\d\d here", answer.text)
