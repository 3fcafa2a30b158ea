"""Coupons and promotion codes, delayed payments, payment links, embedded Checkout, and what is refused."""

from __future__ import annotations

import pytest
import requests

from stripe_simulator.testing import CARD, Walk
from stripe_simulator.tests.events import sent
from stripe_simulator.tests.test_checkout import DONE, again, lifetime, open_session, session_params, types

__all__ = ["lifetime", "session_params"]


@pytest.fixture
def codes(stripe):
    """WELCOME10 takes a tenth off for ever, FREE100 everything."""
    promotion_codes = {}
    for code, percent in (("WELCOME10", 10), ("FREE100", 100)):
        coupon = stripe.post("/v1/coupons", {"percent_off": percent, "duration": "forever", "name": code})
        promotion = {"type": "coupon", "coupon": coupon["id"]}
        promotion_codes[code] = stripe.post("/v1/promotion_codes", {"promotion": promotion, "code": code})
    return promotion_codes


def test_a_promotion_code_makes_it_cheaper(stripe, contract, session_params, codes):
    session = open_session(stripe, session_params, allow_promotion_codes=True)
    walk = Walk(session["url"])
    walk.press("apply", promotion_code="NOPE", email="jane@example.org")
    assert "This code is invalid." in walk.text
    assert walk.form.fields["email"] == "jane@example.org"
    walk.press("apply", promotion_code="welcome10")
    assert "8.99 USD" in walk.text
    walk.press("remove")
    assert "WELCOME10" not in walk.text
    walk.press("pay", promotion_code="WELCOME10", **CARD)
    assert walk.left_for is None, "a code that was typed is applied before anything is paid"
    assert walk.press(**CARD).left_for
    done = again(stripe, session, "subscription.discounts", "invoice", "discounts.promotion_code")
    assert (done["amount_subtotal"], done["amount_total"]) == (999, 899)
    assert done["total_details"]["amount_discount"] == 100
    assert done["discounts"][0]["promotion_code"]["times_redeemed"] == 1
    assert done["subscription"]["discounts"][0]["source"]["coupon"]
    assert (done["invoice"]["subtotal"], done["invoice"]["amount_paid"]) == (999, 899)
    assert done["invoice"]["total_discount_amounts"][0]["amount"] == 100
    assert "customer.discount.created" in types(stripe, contract)


def test_a_coupon_of_a_hundred_percent_needs_no_payment(stripe, contract, session_params, codes):
    session = open_session(
        stripe, session_params, allow_promotion_codes=True, payment_method_collection="if_required"
    )
    walk = Walk(session["url"]).press("apply", promotion_code="FREE100")
    assert "number" not in walk.form.fields
    assert walk.press(email="jane@example.org").left_for
    done = again(stripe, session, "subscription", "invoice")
    assert (done["payment_status"], done["amount_total"]) == ("no_payment_required", 0)
    assert (done["subscription"]["status"], done["invoice"]["status"]) == ("active", "paid")
    assert not any("charge" in each for each in types(stripe, contract))


def test_something_free_is_bought_once_without_a_payment(stripe, session_params, codes, lifetime):
    session = open_session(
        stripe, session_params, mode="payment", line_items=[{"price": lifetime["id"], "quantity": 1}],
        discounts=[{"promotion_code": codes["FREE100"]["id"]}],
    )  # fmt: skip
    assert session["amount_total"] == 0
    Walk(session["url"]).press(email="jane@example.org")
    done = again(stripe, session)
    assert (done["status"], done["payment_status"], done["payment_intent"]) == (
        "complete",
        "no_payment_required",
        None,
    )


@pytest.mark.parametrize(("duration", "months", "then"), [
    ("once", None, 999), ("repeating", 1, 999), ("repeating", 2, 499), ("forever", None, 499),
])  # fmt: skip
def test_a_discount_lasts_as_long_as_its_coupon_says(
    stripe, do, session_params, contract, customer, duration, months, then
):
    more = {"duration_in_months": months} if months else {}
    coupon = stripe.post("/v1/coupons", {"amount_off": 500, "currency": "usd", "duration": duration} | more)
    session = open_session(
        stripe, session_params, customer=customer["id"], discounts=[{"coupon": coupon["id"]}]
    )
    do(f"/sessions/{session['id']}/pay")
    subscription = again(stripe, session)["subscription"]
    shown = stripe.post("/v1/invoices/create_preview", {"subscription": subscription})
    do(f"/subscriptions/{subscription}/renew")
    paid = [each["amount_paid"] for each in stripe.get("/v1/invoices")["data"][::-1]]
    assert paid == [499, then]
    assert shown["amount_due"] == then
    sent(stripe, contract)


def test_the_discounts_of_a_subscription_can_be_changed(
    stripe, contract, do, session_params, customer, codes
):
    session = open_session(stripe, session_params, customer=customer["id"])
    do(f"/sessions/{session['id']}/pay")
    path = f"/v1/subscriptions/{again(stripe, session)['subscription']}"
    discounted = stripe.post(path, {"discounts": [{"promotion_code": codes["WELCOME10"]["id"]}]})
    assert (
        stripe.post(path, {"discounts": [{"discount": discounted["discounts"][0]}]})["discounts"]
        == discounted["discounts"]
    )
    assert stripe.post(path, {"discounts": ""})["discounts"] == []
    assert types(stripe, contract)[-2:] == ["customer.discount.deleted", "customer.subscription.updated"]


def test_a_code_that_ends_meanwhile_is_taken_away_before_anybody_pays(stripe, session_params, codes):
    session = open_session(stripe, session_params, allow_promotion_codes=True)
    walk = Walk(session["url"]).press("apply", promotion_code="WELCOME10")
    stripe.post(f"/v1/promotion_codes/{codes['WELCOME10']['id']}", {"active": False})
    walk.press(email="jane@example.org", **CARD)
    assert (walk.status, "not active" in walk.text, "9.99 USD" in walk.text) == (422, True, True)
    assert walk.form.fields["email"] == "jane@example.org"
    assert again(stripe, session)["status"] == "open"


CODES_REFUSED = [
    ("/v1/coupons", {}, "percent_off"),
    ("/v1/coupons", {"percent_off": 10, "amount_off": 5}, "percent_off"),
    ("/v1/coupons", {"percent_off": 101}, "percent_off"),
    ("/v1/coupons", {"amount_off": 100}, "currency"),
    ("/v1/coupons", {"percent_off": 10, "duration": "repeating"}, "duration_in_months"),
    ("/v1/promotion_codes", {"promotion": {"type": "coupon", "coupon": "nope"}}, "promotion[coupon]"),
    ("/v1/promotion_codes", {"promotion": {"type": "coupon"}}, "promotion[coupon]"),
]


@pytest.mark.parametrize(("path", "params", "param"), CODES_REFUSED)
def test_what_makes_no_code_is_refused(stripe, path, params, param):
    status, error = stripe.error("POST", path, params)
    assert (status, error["param"]) == (400, param)


def test_codes_end(stripe, session_params, codes, customer):
    coupon = stripe.post("/v1/coupons", {"percent_off": 50, "id": "HALF", "max_redemptions": 1})
    assert stripe.error("POST", "/v1/coupons", {"percent_off": 5, "id": "HALF"})[1]["code"] == (
        "resource_already_exists"
    )
    promotion = {"promotion": {"type": "coupon", "coupon": coupon["id"]}, "code": "HALF"}
    code = stripe.post("/v1/promotion_codes", promotion)
    assert "already exists" in stripe.error("POST", "/v1/promotion_codes", promotion)[1]["message"]
    assert stripe.get("/v1/promotion_codes", {"code": "half", "active": True})["data"][0]["id"] == code["id"]
    stripe.post(f"/v1/promotion_codes/{code['id']}", {"active": False})
    walk = Walk(open_session(stripe, session_params, allow_promotion_codes=True)["url"])
    assert "invalid" in walk.press("apply", promotion_code="HALF").text
    stripe.post("/v1/subscriptions", {
        "customer": customer["id"], "items": session_params["line_items"], "discounts": [{"coupon": "HALF"}],
        "default_payment_method": "pm_card_visa",
    })  # fmt: skip
    assert stripe.get("/v1/invoices")["data"][0]["amount_paid"] == 499
    assert stripe.get("/v1/coupons/HALF")["valid"] is False
    assert (
        stripe.error("POST", "/v1/checkout/sessions", session_params | {"discounts": [{"coupon": "HALF"}]})[
            1
        ]["code"]
        == "coupon_expired"
    )
    assert stripe.delete("/v1/coupons/HALF")["deleted"] is True
    assert stripe.error("GET", "/v1/coupons/HALF")[0] == 404


@pytest.mark.parametrize("well", [True, False])
def test_the_bank_answers_days_later(stripe, contract, do, session_params, well):
    session = open_session(stripe, session_params)
    assert session["payment_method_types"] == ["card", "us_bank_account"]
    walk = Walk(session["url"]).press(email="jane@example.org", method="bank_debit")
    assert walk.left_for
    done = again(stripe, session, "subscription", "invoice.payments")
    assert (done["status"], done["payment_status"]) == ("complete", "unpaid")
    assert (done["subscription"]["status"], done["invoice"]["status"]) == ("active", "open")
    before = len(sent(stripe, contract))
    assert do(f"/sessions/{session['id']}/{'settle' if well else 'fail'}")["payment_status"] == (
        "paid" if well else "unpaid"
    )
    happened = types(stripe, contract)[before:]
    after = again(stripe, session, "subscription", "invoice")
    if well:
        assert happened[-1] == "checkout.session.async_payment_succeeded"
        assert {"charge.succeeded", "invoice.paid"} <= set(happened)
        assert (after["subscription"]["status"], after["invoice"]["status"]) == ("active", "paid")
    else:
        assert happened[-1] == "checkout.session.async_payment_failed"
        assert {"charge.failed", "invoice.payment_failed"} <= set(happened)
        assert (after["subscription"]["status"], after["invoice"]["status"]) == ("past_due", "open")


@pytest.mark.parametrize("action", ["settle", "fail"])
def test_a_delayed_payment_once(stripe, contract, do, session_params, lifetime, action):
    session = open_session(
        stripe, session_params, mode="payment", line_items=[{"price": lifetime["id"], "quantity": 1}]
    )
    do(f"/sessions/{session['id']}/pay", method="bank_debit")
    done = again(stripe, session, "payment_intent.latest_charge")
    assert done["payment_status"] == "unpaid"
    assert done["payment_intent"]["status"] == "processing"
    do(f"/charges/{done['payment_intent']['latest_charge']['id']}/{action}")
    word = "succeeded" if action == "settle" else "failed"
    assert types(stripe, contract)[-1] == f"checkout.session.async_payment_{word}"
    assert again(stripe, session)["payment_status"] == ("paid" if action == "settle" else "unpaid")


def link_for(stripe, price, **more):
    return stripe.post("/v1/payment_links", {"line_items": [{"price": price["id"], "quantity": 1}]} | more)


def test_a_payment_link_brings_its_reference_along(stripe, contract, plan):
    after = {"type": "redirect", "redirect": {"url": DONE}}
    link = link_for(stripe, plan, after_completion=after, metadata={"from": "blog"})
    assert link["url"] == f"{stripe.url}/l/{link['id']}"
    walk = Walk(
        link["url"] + "?client_reference_id=um_stripe_custom_checkout&prefilled_email=jane@example.org"
    )
    assert walk.form.fields["email"] == "jane@example.org"
    walk.press(**CARD)
    session = stripe.get("/v1/checkout/sessions", {"payment_link": link["id"]})["data"][0]
    assert walk.left_for == DONE.replace("{CHECKOUT_SESSION_ID}", session["id"])
    assert session["client_reference_id"] == "um_stripe_custom_checkout"
    assert (session["payment_link"], session["metadata"]) == (link["id"], {"from": "blog"})
    assert session["customer_details"]["email"] == "jane@example.org"
    assert types(stripe, contract)[-1] == "checkout.session.completed"
    items = stripe.get(f"/v1/payment_links/{link['id']}/line_items")["data"]
    assert [each["price"]["id"] for each in items] == [plan["id"]]


def test_a_link_may_end_on_stripes_own_page_and_be_turned_off(stripe, contract, lifetime):
    words = {"type": "hosted_confirmation", "hosted_confirmation": {"custom_message": "See you soon."}}
    link = link_for(stripe, lifetime, after_completion=words)
    walk = Walk(link["url"] + "?client_reference_id=not%20good").press(email="jane@example.org", **CARD)
    assert "See you soon." in walk.text
    session = stripe.get("/v1/checkout/sessions")["data"][0]
    assert (session["client_reference_id"], session["payment_status"]) == (None, "paid")
    off = stripe.post(f"/v1/payment_links/{link['id']}", {"active": False, "inactive_message": "Sold out."})
    assert off["active"] is False
    walk = Walk(link["url"])
    assert (walk.status, "Sold out." in walk.text) == (410, True)
    assert stripe.get("/v1/payment_links", {"active": True})["data"] == []
    assert types(stripe, contract).count("payment_link.updated") == 1


def test_only_an_embedded_session_may_be_framed(stripe, session_params):
    hosted = Walk(open_session(stripe, session_params)["url"])
    assert "frame-ancestors 'none'" in hosted.headers["Content-Security-Policy"]
    embedded = dict(session_params, ui_mode="embedded_page", return_url=DONE)
    embedded.pop("success_url")
    session = stripe.post("/v1/checkout/sessions", embedded)
    assert session["client_secret"].startswith(session["id"] + "_secret_")
    assert (session["url"], session["success_url"]) == (None, None)
    walk = Walk(f"{stripe.url}/c/pay/{session['id']}")
    assert "frame-ancestors http: https:" in walk.headers["Content-Security-Policy"]
    assert "'unsafe-inline'" not in walk.headers["Content-Security-Policy"]
    walk.press(email="jane@example.org", **CARD)
    assert "Thanks for your payment" in walk.text
    assert again(stripe, session)["status"] == "complete"
    script = requests.get(stripe.url + "/v3/stripe.js", timeout=5)
    assert "createEmbeddedCheckoutPage" in script.text
    assert script.headers["Content-Type"].startswith("text/javascript")


def test_another_site_cannot_send_the_form(stripe, session_params):
    session = open_session(stripe, session_params)
    foreign = {"Origin": "https://evil.example"}
    answer = requests.post(session["url"], data={"email": "a@b.org"} | CARD, headers=foreign, timeout=5)
    assert answer.status_code == 403
    assert requests.get(stripe.url + "/c/pay/cs_test_nothing", timeout=5).status_code == 404


REFUSED = [
    ({"mode": None}, "mode", "parameter_missing"),
    ({"mode": "setup"}, "mode", None),
    ({"line_items": None}, "line_items", "parameter_missing"),
    ({"success_url": None}, "success_url", "parameter_missing"),
    ({"success_url": "/done"}, "success_url", "url_invalid"),
    ({"cancel_url": "nowhere"}, "cancel_url", "url_invalid"),
    ({"return_url": DONE}, "return_url", None),
    ({"ui_mode": "embedded_page"}, "success_url", None),
    ({"ui_mode": "embedded_page", "success_url": None}, "return_url", "parameter_missing"),
    ({"customer": "cus_nobody"}, "customer", "resource_missing"),
    ({"customer_email": "nobody"}, "customer_email", "email_invalid"),
    ({"customer_creation": "always"}, "customer_creation", None),
    ({"customer_update": {"address": "auto"}}, "customer_update", None),
    ({"allow_promotion_codes": True, "discounts": [{"coupon": "x"}]}, "discounts", None),
    ({"discounts": [{"coupon": "nope"}]}, "discounts[0][coupon]", "resource_missing"),
    ({"payment_intent_data": {"description": "x"}}, "payment_intent_data", None),
    (
        {"subscription_data": {"trial_period_days": 7, "trial_end": 4102444800}},
        "subscription_data[trial_end]",
        None,
    ),
    ({"subscription_data": {"trial_period_days": 0}}, "subscription_data[trial_period_days]", None),
    ({"subscription_data": {"trial_end": 1000}}, "subscription_data[trial_end]", None),
    ({"expires_at": 1000}, "expires_at", None),
    ({"expires_at": 4102444800}, "expires_at", None),
    ({"payment_method_types": ["card"]}, "payment_method_types", "parameter_unknown"),
    ({"client_reference_id": "x" * 201}, "client_reference_id", None),
    ({"mode": "payment"}, "mode", None),
]


@pytest.mark.parametrize(("change", "param", "code"), REFUSED)
def test_what_stripe_refuses_is_refused(stripe, session_params, change, param, code):
    params = {name: value for name, value in (session_params | change).items() if value is not None}
    status, error = stripe.error("POST", "/v1/checkout/sessions", params)
    assert (status, error.get("param"), error.get("code")) == (400, param, code), error
    assert stripe.get("/v1/checkout/sessions")["data"] == []


def test_line_items_must_fit_the_mode_and_each_other(stripe, session_params, plan, lifetime, customer):
    def refused(items, **more):
        return stripe.error("POST", "/v1/checkout/sessions", session_params | {"line_items": items} | more)[1]

    assert "at least one recurring price" in refused([{"price": lifetime["id"], "quantity": 1}])["message"]
    assert "Quantity is required" in refused([{"price": plan["id"]}])["message"]
    euro = stripe.post(
        "/v1/prices",
        {"product": plan["product"], "currency": "eur", "unit_amount": 5, "recurring": {"interval": "month"}},
    )
    both = [{"price": plan["id"], "quantity": 1}, {"price": euro["id"], "quantity": 1}]
    assert "same currency" in refused(both)["message"]
    taxed = refused([both[0]], customer=customer["id"], automatic_tax={"enabled": True})
    assert taxed["code"] == "customer_tax_location_invalid"
    stripe.post(f"/v1/prices/{plan['id']}", {"active": False})
    assert refused([both[0]])["param"] == "line_items[0][price]"
    stripe.delete(f"/v1/customers/{customer['id']}")
    assert refused([both[1]], customer=customer["id"])["param"] == "customer"


def test_a_billing_address_is_asked_for_and_kept(stripe, session_params, customer):
    session = open_session(
        stripe, session_params, customer=customer["id"], automatic_tax={"enabled": True},
        customer_update={"address": "auto", "name": "auto"}, locale="de",
    )  # fmt: skip
    assert session["automatic_tax"]["status"] == "requires_location_inputs"
    walk = Walk(session["url"]).press(**CARD)
    assert "Fill this in." in walk.text
    walk.press(**CARD, line1="Main Street 1", city="Berlin", postal_code="10115", country="DE")
    assert walk.left_for
    assert again(stripe, session)["customer_details"]["address"]["city"] == "Berlin"
    kept = stripe.get(f"/v1/customers/{customer['id']}")
    assert (kept["address"]["country"], kept["name"]) == ("DE", "Jane Doe")


def test_a_control_pays_and_tells_why_not(stripe, do, session_params):
    session = open_session(stripe, session_params)
    refused = do(f"/sessions/{session['id']}/pay", card="4000000000000002", email="jane@example.org")
    assert (refused["status"], refused["refusal"]) == ("open", "Your card was declined.")
    assert do(f"/sessions/{session['id']}/pay", card="pm_card_mastercard")["status"] == "complete"


def test_who_is_on_a_test_clock_buys_in_its_time(stripe, contract, session_params):
    clock = stripe.post("/v1/test_helpers/test_clocks", {"frozen_time": 1_700_000_000})
    owner = stripe.post("/v1/customers", {"email": "jane@example.org", "test_clock": clock["id"]})
    session = open_session(
        stripe, session_params, customer=owner["id"], subscription_data={"trial_period_days": 3}
    )
    assert session["expires_at"] > 1_700_000_000 + 30 * 24 * 3600, "sessions themselves live in real time"
    assert Walk(session["url"]).press(**CARD).left_for
    subscription = again(stripe, session, "subscription")["subscription"]
    assert subscription["start_date"] == 1_700_000_000
    assert subscription["trial_end"] == 1_700_000_000 + 3 * 24 * 3600
    sent(stripe, contract)


def test_what_changes_at_stripe_while_the_page_is_open(stripe, session_params, plan, customer):
    session = open_session(stripe, session_params)
    walk = Walk(session["url"])
    stripe.post(f"/v1/prices/{plan['id']}", {"active": False})
    assert walk.press(email="jane@example.org", **CARD).left_for, "an open session may still be paid"
    data = {
        "currency": "usd",
        "unit_amount": 700,
        "recurring": {"interval": "month"},
        "product": plan["product"],
    }
    opened = open_session(
        stripe, session_params, customer=customer["id"], line_items=[{"price_data": data, "quantity": 2}]
    )
    assert opened["amount_total"] == 1400
    walk = Walk(opened["url"])
    stripe.delete(f"/v1/customers/{customer['id']}")
    walk.press(email="jane@example.org", **CARD)
    assert (walk.status, "begin anew" in walk.text) == (422, True)
    assert again(stripe, opened)["status"] == "open"
