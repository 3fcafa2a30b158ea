"""Keys, parameters, errors, lists, expansion and idempotency, as Stripe has them."""

from __future__ import annotations

import re
import threading

import pytest
import requests

from stripe_simulator.tests.processes import VERSION, Client, control


def as_key(stripe, key):
    return Client(stripe.url, key, stripe.contract)


def restricted(do, stripe, *rights, mode="test"):
    return as_key(stripe, do("/keys", mode=mode, rights=list(rights))["key"])


def test_every_mode_has_its_three_keys(keys):
    for mode in ("test", "live"):
        for kind, prefix in (("publishable", "pk"), ("secret", "sk"), ("restricted", "rk")):
            assert re.fullmatch(rf"{prefix}_{mode}_[A-Za-z0-9]{{24,}}", keys[mode][kind])


def test_answers_carry_the_headers_that_stripe_sends(stripe):
    answer = stripe.call("GET", "/v1/account")
    assert answer.headers["Request-Id"].startswith("req_")
    assert answer.headers["Stripe-Version"] == VERSION
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Date"].endswith("GMT")


def test_the_account_is_shown_to_secret_keys_only(stripe, do):
    account = stripe.get("/v1/account")
    assert account["object"] == "account"
    assert stripe.get(f"/v1/accounts/{account['id']}")["id"] == account["id"]
    status, error = restricted(do, stripe, "customer_write").error("GET", "/v1/account")
    assert status == 403
    assert "rak_accounts_kyc_basic_read" in error["message"]
    assert stripe.error("GET", "/v1/accounts/acct_other")[0] == 403


def test_a_wrong_key_is_shown_with_stars(stripe):
    status, error = as_key(stripe, "sk_test_51NothingThatExistsabcd").error("GET", "/v1/account")
    assert (status, error["type"]) == (401, "invalid_request_error")
    assert re.fullmatch(r"Invalid API Key provided: sk_test_\*+abcd", error["message"])
    assert as_key(stripe, None).error("GET", "/v1/account")[0] == 401
    assert as_key(stripe, "short").error("GET", "/v1/account")[0] == 401


def test_a_key_may_come_as_basic_authentication(stripe):
    assert requests.get(stripe.url + "/v1/account", auth=(stripe.key, ""), timeout=5).status_code == 200


def test_an_expired_key_says_so_and_a_deleted_one_is_unknown(stripe, do):
    client = restricted(do, stripe, "customer_read")
    assert client.get("/v1/customers")["data"] == []
    do("/keys/expire", key=client.key)
    assert client.error("GET", "/v1/customers") == (
        401,
        client.error("GET", "/v1/customers")[1] | {"code": "api_key_expired"},
    )
    do("/keys/delete", key=client.key)
    assert "Invalid API Key" in client.error("GET", "/v1/customers")[1]["message"]


def test_a_publishable_key_is_good_for_tokens_only(stripe, keys):
    good = as_key(stripe, keys["test"]["publishable"])
    assert good.error("POST", "/v1/tokens")[0] == 400
    assert as_key(stripe, "pk_test_" + "x" * 30).error("POST", "/v1/tokens")[0] == 401
    status, error = good.error("GET", "/v1/prices")
    assert (status, error["code"]) == (403, "secret_key_required")


PROBES = [
    ("POST", "/v1/customers/cus_umstripe_probe", "customer_write", 404),
    ("POST", "/v1/checkout/sessions", "checkout_session_write", 400),
    ("POST", "/v1/checkout/sessions/cs_x/expire", "checkout_session_write", 404),
    ("GET", "/v1/checkout/sessions/cs_x", "checkout_session_read", 404),
    ("POST", "/v1/billing_portal/sessions", "customer_portal_write", 400),
    ("GET", "/v1/prices/price_x", "plan_read", 404),
    ("GET", "/v1/products/prod_x", "product_read", 404),
    ("POST", "/v1/subscriptions/sub_x", "subscription_write", 404),
    ("DELETE", "/v1/subscriptions/sub_x", "subscription_write", 404),
    ("POST", "/v1/webhook_endpoints/we_x", "webhook_write", 404),
    ("GET", "/v1/events/evt_x", "event_read", 404),
    ("GET", "/v1/invoices/in_x", "invoice_read", 404),
    ("POST", "/v1/payment_intents/pi_x/capture", "payment_intent_write", 404),
    ("POST", "/v1/refunds", "charge_write", 400),
]


@pytest.mark.parametrize(("method", "path", "right", "allowed"), PROBES)
def test_the_right_is_checked_before_anything_else(stripe, do, method, path, right, allowed):
    status, error = restricted(do, stripe).error(method, path)
    assert status == 403
    assert f"'rak_{right}'" in error["message"]
    status, error = restricted(do, stripe, right).error(method, path)
    assert status == allowed
    if status == 404:
        assert error["code"] == "resource_missing"


@pytest.mark.parametrize(
    "path",
    ["customers", "prices", "products", "subscriptions", "webhook_endpoints", "events", "invoices", "charges",
     "payment_intents", "refunds", "checkout/sessions", "billing_portal/configurations"],
)  # fmt: skip
def test_every_list_is_there_with_one_at_a_time(stripe, path):
    assert stripe.get(f"/v1/{path}", {"limit": 1})["object"] == "list"


def test_write_includes_read(stripe, do):
    assert restricted(do, stripe, "customer_write").get("/v1/customers")["data"] == []


def test_the_modes_know_nothing_of_each_other(stripe, keys, do, customer, plan):
    live = as_key(stripe, keys["live"]["secret"])
    assert live.error("GET", f"/v1/customers/{customer['id']}")[0] == 404
    assert live.get("/v1/prices")["data"] == []
    assert live.post("/v1/customers", {"email": "a@b.c"})["livemode"] is True
    assert [each["id"] for each in stripe.get("/v1/customers")["data"]] == [customer["id"]]


REFUSED = [
    ("/v1/customers", {"colour": "red"}, "parameter_unknown", "colour"),
    ("/v1/customers", {"address": {"planet": "Mars"}}, "parameter_unknown", "address[planet]"),
    ("/v1/products", {}, "parameter_missing", "name"),
    ("/v1/prices", {"currency": "usd", "unit_amount": 1}, "parameter_missing", "product"),
    ("/v1/customers", {"balance": "much"}, "parameter_invalid_integer", "balance"),
    ("/v1/customers", {"email": "nobody"}, "email_invalid", "email"),
    ("/v1/products", {"name": "x", "active": "perhaps"}, None, "active"),
    ("/v1/subscriptions", {"customer": "cus_x", "items": [{"price": "p"}]}, "resource_missing", "customer"),
    ("/v1/customers", {"metadata": {"k" * 41: "v"}}, None, "metadata[" + "k" * 40 + "]"),
    ("/v1/customers", {"invoice_settings": "text"}, None, "invoice_settings"),
    (
        "/v1/webhook_endpoints",
        {"url": "https://a.com", "enabled_events": ["cow.moo"]},
        None,
        "enabled_events[0]",
    ),
    (
        "/v1/webhook_endpoints",
        {"url": "https://a.com", "enabled_events": []},
        "parameter_missing",
        "enabled_events",
    ),
]


@pytest.mark.parametrize(("path", "params", "code", "param"), REFUSED)
def test_what_the_document_does_not_know_is_refused_by_name(stripe, path, params, code, param):
    status, error = stripe.error("POST", path, params)
    assert (status, error["type"]) == (400, "invalid_request_error")
    assert (error.get("code"), error["param"]) == (code, param)


def test_bodies_that_cannot_be_read_are_refused(stripe):
    headers = {"Authorization": f"Bearer {stripe.key}"}
    for body, kind in (
        ("{}", "application/json"),
        ("a[b=1", FORM),
        ("a[b]=1&a=2&a[c]=3", FORM),
        ("%ff=%fe", FORM),
    ):
        headers["Content-Type"] = kind
        answer = requests.post(stripe.url + "/v1/customers", data=body, headers=headers, timeout=5)
        assert answer.status_code == 400, body
        assert answer.json()["error"]["type"] == "invalid_request_error"


FORM = "application/x-www-form-urlencoded"


def test_an_unknown_address_is_404(stripe):
    assert "Unrecognized request URL" in stripe.error("GET", "/v1/nothing/here")[1]["message"]
    assert stripe.error("DELETE", "/v1/prices/price_x")[0] == 404


def test_metadata_is_merged_and_emptied(stripe, customer):
    path = f"/v1/customers/{customer['id']}"
    assert stripe.post(path, {"metadata": {"a": "1", "b": "2"}})["metadata"] == {"a": "1", "b": "2"}
    assert stripe.post(path, {"metadata": {"a": ""}})["metadata"] == {"b": "2"}
    assert stripe.post(path, {"metadata": ""})["metadata"] == {}


def test_lists_go_newest_first_in_both_directions(stripe):
    ids = [stripe.post("/v1/customers", {"email": f"c{i}@example.com"})["id"] for i in range(7)][::-1]
    first = stripe.get("/v1/customers", {"limit": 3})
    assert ([each["id"] for each in first["data"]], first["has_more"]) == (ids[:3], True)
    second = stripe.get("/v1/customers", {"limit": 4, "starting_after": ids[2]})
    assert ([each["id"] for each in second["data"]], second["has_more"]) == (ids[3:], False)
    back = stripe.get("/v1/customers", {"limit": 2, "ending_before": ids[3]})
    assert ([each["id"] for each in back["data"]], back["has_more"]) == (ids[1:3], True)
    stripe.delete(f"/v1/customers/{ids[2]}")
    after = stripe.get("/v1/customers", {"limit": 1, "starting_after": ids[2]})
    assert [each["id"] for each in after["data"]] == [ids[3]]


def test_a_page_out_of_reach_is_refused(stripe):
    for limit in (0, 101, -1, "many"):
        assert stripe.error("GET", "/v1/customers", {"limit": limit})[1]["param"] == "limit"
    status, error = stripe.error("GET", "/v1/customers", {"starting_after": "cus_gone"})
    assert (status, error["code"], error["param"]) == (400, "resource_missing", "starting_after")
    both = {"starting_after": "cus_a", "ending_before": "cus_b"}
    assert stripe.error("GET", "/v1/customers", both)[0] == 400


def test_customers_are_found_by_their_present_address(stripe, customer):
    stripe.post(f"/v1/customers/{customer['id']}", {"email": "new@example.com"})
    assert stripe.get("/v1/customers", {"email": "jane@example.com"})["data"] == []
    assert stripe.get("/v1/customers", {"email": "new@example.com"})["data"][0]["id"] == customer["id"]


def test_expansion_opens_what_the_key_may_read(stripe, do, plan):
    wanted = {"expand": ["data.product"]}
    assert stripe.get("/v1/prices", wanted)["data"][0]["product"]["name"] == "Basic Plan"
    status, error = restricted(do, stripe, "plan_read").error("GET", "/v1/prices", wanted)
    assert status == 403
    assert "rak_product_read" in error["message"]
    assert restricted(do, stripe, "plan_read", "product_read").get("/v1/prices", wanted)["data"]
    assert stripe.error("GET", "/v1/prices", {"expand": ["data.nothing"]})[0] == 400
    assert stripe.error("GET", "/v1/prices", {"expand": ["a.b.c.d.e"]})[0] == 400


KINDS = [
    ({"currency": "usd", "unit_amount": 999}, {"type": "one_time", "unit_amount_decimal": "999"}),
    ({"currency": "JPY", "unit_amount": 1500}, {"currency": "jpy", "unit_amount": 1500}),
    ({"currency": "kwd", "unit_amount": 12500}, {"currency": "kwd"}),
    (
        {"currency": "usd", "unit_amount_decimal": "99.50"},
        {"unit_amount": None, "unit_amount_decimal": "99.5"},
    ),
    ({"currency": "usd", "unit_amount": 0, "active": False}, {"active": False, "unit_amount": 0}),
    (
        {"currency": "usd", "custom_unit_amount": {"enabled": True, "minimum": 500}},
        {"custom_unit_amount": {"maximum": None, "minimum": 500, "preset": None}, "unit_amount": None},
    ),
    (
        {"currency": "usd", "unit_amount": 5, "recurring": {"interval": "month", "usage_type": "metered"}},
        {"type": "recurring"},
    ),
    (
        {
            "currency": "usd",
            "billing_scheme": "tiered",
            "tiers_mode": "volume",
            "recurring": {"interval": "week", "interval_count": 2},
            "tiers": [{"up_to": 5, "unit_amount": 100}, {"up_to": "inf", "flat_amount": 50}],
        },
        {"billing_scheme": "tiered", "tiers_mode": "volume", "unit_amount": None},
    ),
]


@pytest.mark.parametrize(("params", "wanted"), KINDS)
def test_prices_of_every_kind_can_be_made(stripe, params, wanted):
    price = stripe.post("/v1/prices", params | {"product_data": {"name": "Thing"}})
    assert {name: price[name] for name in wanted} == wanted
    whole = stripe.get(f"/v1/prices/{price['id']}", {"expand": ["tiers", "product"]})
    assert ("tiers" in whole and len(whole["tiers"] or [])) == (2 if "tiers" in params else 0)


def test_prices_are_filtered(stripe, plan):
    stripe.post(
        "/v1/prices", {"currency": "eur", "unit_amount": 5, "product": plan["product"], "active": False}
    )
    assert [each["id"] for each in stripe.get("/v1/prices", {"active": True})["data"]] == [plan["id"]]
    assert [each["id"] for each in stripe.get("/v1/prices", {"type": "recurring"})["data"]] == [plan["id"]]
    assert len(stripe.get("/v1/prices", {"product": plan["product"]})["data"]) == 2


def test_products_are_changed_and_only_empty_ones_deleted(stripe, plan):
    path = f"/v1/products/{plan['product']}"
    assert stripe.post(path, {"name": "Gold", "default_price": plan["id"]})["default_price"] == plan["id"]
    assert stripe.error("DELETE", path)[0] == 400
    empty = stripe.post("/v1/products", {"name": "Empty", "images": ["https://a.com/x.png"]})
    assert stripe.delete(f"/v1/products/{empty['id']}")["deleted"] is True
    assert stripe.error("GET", f"/v1/products/{empty['id']}")[0] == 404


def test_a_subscription_is_made_changed_and_ended_by_the_api(stripe, plan, customer):
    base = {"customer": customer["id"], "items": [{"price": plan["id"]}]}
    status, error = stripe.error("POST", "/v1/subscriptions", base)
    assert (status, error["code"]) == (400, "resource_missing")
    assert stripe.get("/v1/invoices")["data"] == []
    stripe.post("/v1/subscriptions", base | {"payment_behavior": "default_incomplete"})
    trial = stripe.post("/v1/subscriptions", base | {"trial_period_days": 7, "metadata": {"user": "5"}})
    assert (trial["status"], trial["trial_end"]) == ("trialing", trial["created"] + 7 * 86400)
    subscription = stripe.post("/v1/subscriptions", base | {"default_payment_method": "pm_card_visa"})
    assert subscription["status"] == "active"
    path = f"/v1/subscriptions/{subscription['id']}"
    assert (
        stripe.post(path, {"pause_collection": {"behavior": "void"}})["pause_collection"]["behavior"]
        == "void"
    )
    assert stripe.post(path, {"pause_collection": ""})["pause_collection"] is None
    assert stripe.post(path, {"cancel_at_period_end": True})["cancel_at_period_end"] is True
    assert stripe.post(path, {"cancel_at_period_end": False})["cancel_at"] is None
    other = stripe.post("/v1/prices", {"currency": "usd", "unit_amount": 1999, "product": plan["product"],
                                       "recurring": {"interval": "month"}})  # fmt: skip
    item = subscription["items"]["data"][0]["id"]
    changed = stripe.post(path, {"items": [{"id": item, "price": other["id"]}]})
    assert changed["items"]["data"][0]["price"]["id"] == other["id"]
    assert stripe.error("POST", path, {"items": [{"id": "si_x", "price": other["id"]}]})[0] == 400
    assert stripe.delete(path)["status"] == "canceled"
    assert stripe.error("DELETE", path)[0] == 404
    assert stripe.error("POST", path, {"cancel_at_period_end": True})[0] == 400


def test_subscriptions_are_listed_by_status_and_customer(stripe, do, plan, customer):
    for status in ("active", "trialing", "canceled", "incomplete_expired"):
        do(f"/customers/{customer['id']}/subscribe", price=plan["id"], status=status)

    def found(**params):
        listed = stripe.get("/v1/subscriptions", {"customer": customer["id"]} | params)["data"]
        return {each["status"] for each in listed}

    assert found() == {"active", "trialing", "incomplete_expired"}
    assert found(status="all") == {"active", "trialing", "canceled", "incomplete_expired"}
    assert found(status="ended") == {"canceled", "incomplete_expired"}
    assert found(status="trialing") == {"trialing"}
    assert stripe.get("/v1/subscriptions", {"price": plan["id"], "status": "all"})["data"]
    assert stripe.get("/v1/subscriptions", {"customer": "cus_other"})["data"] == []


def test_the_same_idempotency_key_gives_the_same_answer(stripe):
    first = stripe.call("POST", "/v1/customers", {"email": "a@b.c", "name": "A"}, Idempotency_Key="once")
    again = stripe.call("POST", "/v1/customers", {"name": "A", "email": "a@b.c"}, Idempotency_Key="once")
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    status, error = stripe.error("POST", "/v1/customers", {"email": "x@y.z"}, Idempotency_Key="once")
    assert (status, error["type"]) == (400, "idempotency_error")
    assert len(stripe.get("/v1/customers")["data"]) == 1


def test_a_refused_call_leaves_its_idempotency_key_free(stripe):
    stripe.error("POST", "/v1/customers", {"colour": "red"}, Idempotency_Key="free")
    assert stripe.post("/v1/customers", {"email": "a@b.c"}, Idempotency_Key="free")["id"]


def test_two_calls_at_once_with_one_idempotency_key_conflict(stripe, do):
    do("/faults", kind="hang", seconds=1, path="/v1/customers", method="POST")
    slow = threading.Thread(
        target=stripe.post, args=("/v1/customers", {"name": "A"}), kwargs={"Idempotency_Key": "k"}
    )
    slow.start()
    requests.get(stripe.url + "/_simulator/state", timeout=5)
    wait_until_taken(stripe)
    status, error = stripe.error("POST", "/v1/customers", {"name": "A"}, Idempotency_Key="k")
    assert (status, error["code"]) == (409, "idempotency_key_in_use")
    slow.join()
    assert len(stripe.get("/v1/customers")["data"]) == 1


def wait_until_taken(stripe):
    from stripe_simulator.tests.processes import wait_for

    wait_for(lambda: not requests.get(stripe.url + "/_simulator/faults", timeout=5).json()["faults"])


def test_faults_strike_the_next_calls_and_no_others(stripe, do):
    do("/faults", kind="500", times=2, path="/v1/customers")
    assert stripe.get("/v1/prices")["data"] == []
    assert [stripe.error("GET", "/v1/customers")[0] for _ in range(2)] == [500, 500]
    assert stripe.get("/v1/customers")["data"] == []
    do("/faults", kind="429", seconds=7)
    answer = stripe.call("GET", "/v1/customers")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    do("/faults", kind="drop", method="GET")
    with pytest.raises(requests.ConnectionError):
        stripe.call("GET", "/v1/customers")
    do("/faults", kind="500", times=100)
    assert requests.delete(stripe.url + "/_simulator/faults", timeout=5).json() == {"faults": []}
    assert stripe.get("/v1/customers")["data"] == []


def test_a_lost_answer_can_be_had_again_with_the_idempotency_key(stripe, do):
    do("/faults", kind="drop", method="POST", path="/v1/customers", when="after")
    with pytest.raises(requests.ConnectionError):
        stripe.call("POST", "/v1/customers", {"name": "A"}, Idempotency_Key="lost")
    again = stripe.call("POST", "/v1/customers", {"name": "A"}, Idempotency_Key="lost")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(stripe.get("/v1/customers")["data"]) == 1


@pytest.mark.parametrize(("when", "made"), [("amid", 0), ("after", 1)])
def test_a_failure_that_came_after_the_work_began_is_kept_by_its_idempotency_key(stripe, do, when, made):
    do("/faults", kind="500", method="POST", path="/v1/customers", when=when)
    request = ("POST", "/v1/customers", {"name": "A"})
    answers = [stripe.call(*request, Idempotency_Key="failed") for _ in range(3)]
    assert [each.status_code for each in answers] == [500] * 3
    assert [each.headers.get("Idempotent-Replayed") for each in answers] == [None, "true", "true"]
    assert answers[0].json() == answers[1].json() == answers[2].json()
    assert len(stripe.get("/v1/customers")["data"]) == made
    assert stripe.call(*request, Idempotency_Key="another").status_code == 200
    assert len(stripe.get("/v1/customers")["data"]) == made + 1


def test_a_failure_before_the_work_began_leaves_its_idempotency_key_free(stripe, do):
    do("/faults", kind="500", method="POST", path="/v1/customers")
    assert stripe.call("POST", "/v1/customers", {"name": "A"}, Idempotency_Key="free").status_code == 500
    assert stripe.call("POST", "/v1/customers", {"name": "A"}, Idempotency_Key="free").status_code == 200


def test_a_portal_configuration_is_kept(stripe):
    features = {
        "subscription_cancel": {"enabled": True, "mode": "immediately"},
        "invoice_history": {"enabled": True},
    }
    configuration = stripe.post("/v1/billing_portal/configurations", {"features": features})
    path = f"/v1/billing_portal/configurations/{configuration['id']}"
    assert stripe.get(path)["features"]["subscription_cancel"]["mode"] == "immediately"
    assert stripe.post(path, {"active": False})["active"] is False
    assert stripe.get("/v1/billing_portal/configurations", {"active": True})["data"] == []


def test_payment_methods_are_attached_with_stripes_test_tokens(stripe):
    made = stripe.post(
        "/v1/customers",
        {"payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}},
    )
    method = made["invoice_settings"]["default_payment_method"]
    assert stripe.get(f"/v1/payment_methods/{method}")["card"]["last4"] == "4242"
    assert stripe.get(f"/v1/customers/{made['id']}/payment_methods")["data"]
    whole = stripe.get(f"/v1/customers/{made['id']}", {"expand": ["invoice_settings.default_payment_method"]})
    assert whole["invoice_settings"]["default_payment_method"]["object"] == "payment_method"


def test_ten_thousand_prices_are_read_in_pages(stripe, simulator):
    control(simulator, "/seed", {"prices": 10_000, "variety": True})
    seen, params = 0, {"limit": 100, "expand": ["data.product"]}
    client = Client(simulator, stripe.key, None)
    while True:
        page = client.get("/v1/prices", params)
        seen += len(page["data"])
        if not page["has_more"]:
            break
        params["starting_after"] = page["data"][-1]["id"]
    assert seen == 10_000
    stripe.get("/v1/prices", {"limit": 10, "expand": ["data.product", "data.tiers"]})


def test_one_call_makes_one_event(stripe, do, plan, customer):
    subscription = do(f"/customers/{customer['id']}/subscribe", price=plan["id"])
    changes = {"cancel_at_period_end": True, "metadata": {"a": "1"}, "description": "Gold"}
    stripe.post(f"/v1/subscriptions/{subscription['id']}", changes)
    (event,) = stripe.get("/v1/events", {"type": "customer.subscription.updated"})["data"]
    before = event["data"]["previous_attributes"]
    assert before["cancel_at_period_end"] is False
    assert before["metadata"] == {"a": None}
    stripe.post(f"/v1/subscriptions/{subscription['id']}", changes)
    assert len(stripe.get("/v1/events", {"type": "customer.subscription.updated"})["data"]) == 1


def test_a_trial_can_be_ended_now_or_later(stripe, do, plan, customer):
    subscription = do(
        f"/customers/{customer['id']}/subscribe", price=plan["id"], status="trialing", trial_days=5
    )
    path = f"/v1/subscriptions/{subscription['id']}"
    later = subscription["trial_end"] + 86400
    assert stripe.post(path, {"trial_end": later})["items"]["data"][0]["current_period_end"] == later
    ended = stripe.post(path, {"trial_end": "now"})
    assert (ended["status"], ended["trial_end"] <= later) == ("active", True)
    assert stripe.get(f"/v1/invoices/{ended['latest_invoice']}")["amount_paid"] == 999
    assert stripe.error("POST", path, {"trial_end": 5})[0] == 400


def test_a_body_that_is_too_large_is_refused_in_stripes_shape(stripe):
    headers = {"Authorization": f"Bearer {stripe.key}", "Content-Type": FORM}
    answer = requests.post(
        stripe.url + "/v1/customers", data="name=" + "x" * 2_000_000, headers=headers, timeout=5
    )
    assert answer.status_code == 413
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_failed_first_payment_is_refused_or_left_incomplete_as_asked(stripe, plan):
    payer = stripe.post("/v1/customers", {"payment_method": "pm_card_chargeCustomerFail"})
    card = stripe.get(f"/v1/customers/{payer['id']}/payment_methods")["data"][0]["id"]
    params = {"customer": payer["id"], "items": [{"price": plan["id"]}], "default_payment_method": card}
    status, error = stripe.error(
        "POST", "/v1/subscriptions", params | {"payment_behavior": "error_if_incomplete"}
    )
    assert (status, error["type"], error["code"]) == (402, "card_error", "card_declined")
    assert stripe.get("/v1/subscriptions", {"status": "all"})["data"] == []
    assert stripe.get("/v1/charges")["data"] == []
    assert stripe.post("/v1/subscriptions", params)["status"] == "incomplete"
