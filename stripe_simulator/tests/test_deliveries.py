"""Webhook endpoints, and what arrives at them."""

from __future__ import annotations

import hashlib
import hmac
import json
import time

import pytest
import requests

from stripe_simulator.tests.processes import Client, SimulatorProcess, control, wait_for


def test_a_delivery_is_signed_over_its_raw_body(stripe, receiver, listening, contract):
    stripe.post("/v1/customers", {"email": "jane@example.com"})
    path, headers, body = receiver.next()
    assert path == "/hook"
    stamp, mac = (part.partition("=")[2] for part in headers["Stripe-Signature"].split(","))
    secret = listening["secret"].encode()
    assert hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest() == mac
    assert abs(int(stamp) - time.time()) < 5
    assert headers["User-Agent"].startswith("Stripe/1.0")
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    if contract:
        kind, violations = contract.check_event(body, headers, listening["secret"])
        assert (kind, violations) == ("customer.created", [])


def test_the_library_of_stripe_takes_the_signature(stripe, receiver, listening):
    from stripe import WebhookSignature

    stripe.post("/v1/customers", {"email": "jane@example.com"})
    _, headers, body = receiver.next()
    assert WebhookSignature.verify_header(
        body.decode(), headers["Stripe-Signature"], listening["secret"], 300
    )


def test_deliveries_arrive_in_the_order_of_the_events(stripe, do, receiver, listening, plan, contract):
    customer = stripe.post("/v1/customers", {"email": "jane@example.com"})
    for status in ("active", "unpaid", "paused", "canceled", "incomplete_expired"):
        do(f"/customers/{customer['id']}/subscribe", price=plan["id"], status=status)
    listed = stripe.get("/v1/events", {"limit": 100})["data"][::-1]
    got = receiver.events(len(listed))
    assert [event["id"] for event in got] == [event["id"] for event in listed]
    for event in got if contract else []:
        assert contract.check_event(json.dumps(event).encode())[1] == []


def test_an_endpoint_gets_what_it_asked_for_and_nothing_else(stripe, receiver):
    endpoint_params = {"url": receiver.url, "enabled_events": ["product.created", "product.updated"]}
    stripe.post("/v1/webhook_endpoints", endpoint_params)
    product = stripe.post("/v1/products", {"name": "A"})
    stripe.post("/v1/customers")
    stripe.post(f"/v1/products/{product['id']}", {"name": "B"})
    assert [event["type"] for event in receiver.events(2)] == ["product.created", "product.updated"]
    assert receiver.silent()


def test_an_update_carries_what_was_before(stripe, receiver, listening):
    product = stripe.post("/v1/products", {"name": "A", "metadata": {"k": "1"}})
    stripe.post(f"/v1/products/{product['id']}", {"name": "B", "metadata": {"k": "2", "new": "3"}})
    data = next(event["data"] for event in receiver.events(2) if event["type"] == "product.updated")
    assert data["object"]["name"] == "B"
    assert data["previous_attributes"] == {"name": "A", "metadata": {"k": "1", "new": None}}


def test_an_event_names_the_request_that_caused_it(stripe, receiver, listening):
    stripe.post("/v1/customers", {"name": "A"}, Idempotency_Key="abc")
    request = receiver.event()["request"]
    assert request["idempotency_key"] == "abc"
    assert request["id"].startswith("req_")


def test_a_delivery_comes_again_until_it_is_answered_well(stripe, receiver, listening):
    receiver.answers = [500, 302, 200]
    stripe.post("/v1/customers", {"name": "A"})
    first = receiver.event()
    event = stripe.get(f"/v1/events/{first['id']}")
    assert event["pending_webhooks"] == 1
    assert {receiver.event()["id"], receiver.event()["id"]} == {first["id"]}
    wait_for(lambda: stripe.get(f"/v1/events/{first['id']}")["pending_webhooks"] == 0)
    line = log(stripe)[0]
    assert (line["status"], line["answer"]) == ("succeeded", 200)
    assert [each["status"] for each in line["tries"]] == [500, 302, 200]
    assert receiver.silent()


def log(stripe, **chosen):
    return requests.get(stripe.url + "/_simulator/deliveries", params=chosen, timeout=5).json()["deliveries"]


def test_after_the_last_gap_a_delivery_has_failed_and_can_be_sent_again(stripe, do, receiver, listening):
    receiver.answers = [500] * 4
    stripe.post("/v1/customers", {"name": "A"})
    event = receiver.events(4)[0]["id"]
    wait_for(lambda: log(stripe, event=event)[0]["status"] == "failed")
    missed = stripe.get("/v1/events", {"delivery_success": False})["data"]
    assert [each["id"] for each in missed] == [event]
    do(f"/deliveries/{event}/resend")
    assert receiver.event()["id"] == event
    wait_for(lambda: not stripe.get("/v1/events", {"delivery_success": False})["data"])
    assert len(log(stripe, event=event)) == 2


def test_nobody_at_the_other_end_is_a_failed_try(stripe):
    stripe.post("/v1/webhook_endpoints", {"url": "http://127.0.0.1:9/hook", "enabled_events": ["*"]})
    stripe.post("/v1/customers")
    wait_for(lambda: log(stripe)[0]["tries"])
    assert log(stripe)[0]["error"] == "ConnectionError"


def test_a_disabled_or_deleted_endpoint_gets_nothing_more(stripe, receiver, listening):
    path = f"/v1/webhook_endpoints/{listening['id']}"
    assert stripe.post(path, {"disabled": True})["status"] == "disabled"
    stripe.post("/v1/customers")
    assert receiver.silent()
    assert stripe.post(path, {"disabled": False})["status"] == "enabled"
    receiver.answers = [500]
    stripe.post("/v1/customers")
    receiver.event()
    assert stripe.delete(path)["deleted"] is True
    assert receiver.silent()
    assert log(stripe)[0]["status"] == "canceled"


def test_the_secret_is_told_once(stripe, listening):
    assert listening["secret"].startswith("whsec_")
    assert "secret" not in stripe.get(f"/v1/webhook_endpoints/{listening['id']}")
    assert "secret" not in stripe.get("/v1/webhook_endpoints")["data"][0]
    changed = stripe.post(f"/v1/webhook_endpoints/{listening['id']}", {"enabled_events": ["price.created"]})
    assert changed["enabled_events"] == ["price.created"]
    assert "secret" not in changed


def test_sixteen_endpoints_are_the_most_for_a_mode(stripe, keys):
    endpoint_params = {"url": "https://example.com/hook", "enabled_events": ["*"]}
    for _ in range(16):
        stripe.post("/v1/webhook_endpoints", endpoint_params)
    status, error = stripe.error("POST", "/v1/webhook_endpoints", endpoint_params)
    assert status == 400
    assert "maximum of 16" in error["message"]
    assert Client(stripe.url, keys["live"]["secret"], stripe.contract).post(
        "/v1/webhook_endpoints", endpoint_params
    )


def test_the_modes_deliver_to_their_own_endpoints(stripe, keys, receiver, listening):
    live = Client(stripe.url, keys["live"]["secret"], stripe.contract)
    live.post("/v1/customers", {"name": "Live"})
    assert receiver.silent()
    live.post("/v1/webhook_endpoints", {"url": receiver.url + "/live", "enabled_events": ["*"]})
    live.post("/v1/customers", {"name": "Live"})
    path, _, body = receiver.next()
    assert (path, json.loads(body)["livemode"]) == ("/live", True)


def test_events_are_filtered_by_type_and_time(stripe, do, customer, plan):
    do(f"/customers/{customer['id']}/subscribe", price=plan["id"])

    def types(**params):
        return {event["type"] for event in stripe.get("/v1/events", {"limit": 100} | params)["data"]}

    assert types(type="price.created") == {"price.created"}
    assert types(type="invoice.*") == {
        "invoice.created",
        "invoice.finalized",
        "invoice.paid",
        "invoice.payment_succeeded",
    }
    assert types(types=["price.created", "customer.created"]) == {"price.created", "customer.created"}
    assert types(created={"lt": int(time.time()) - 60}) == set()
    assert "price.created" in types(created={"gte": int(time.time()) - 60})
    both = {"type": "a", "types": ["b"]}
    assert stripe.error("GET", "/v1/events", both)[0] == 400


URLS = [
    ("http://localhost:8000/hook", False),
    ("http://127.0.0.1/hook", False),
    ("https://10.1.2.3/hook", False),
    ("https://192.168.0.9/hook", False),
    ("https://[::1]/hook", False),
    ("https://printer.local/hook", False),
    ("https://site.internal/hook", False),
    ("https://0x7f.1/hook", False),
    ("https://intranet/hook", False),
    ("ftp://example.com/hook", False),
    ("example.com/hook", False),
    ("https://example.com:bad/hook", False),
    ("http://example.com/hook", True),
    ("https://example.com/hook", True),
    ("https://shop.test/hook", True),
]


@pytest.fixture(scope="module")
def strict(receiver_for_module):
    """A simulator that refuses local addresses as Stripe does, and knows the way to shop.test."""
    running = SimulatorProcess("--resolve", f"shop.test={receiver_for_module.url}")
    yield running.url
    assert running.stop() == 0


@pytest.fixture(scope="module")
def receiver_for_module():
    from stripe_simulator.tests.processes import Receiver

    taking = Receiver()
    yield taking
    taking.server.shutdown()


@pytest.fixture
def far(strict, contract):
    control(strict, "/reset", {"demo": True})
    keys = requests.get(strict + "/_simulator/keys", timeout=5).json()
    return {mode: Client(strict, keys[mode]["secret"], contract) for mode in keys}


@pytest.mark.parametrize(("url", "good"), URLS)
def test_only_public_addresses_are_taken(far, url, good):
    endpoint_params = {"url": url, "enabled_events": ["*"]}
    if good:
        assert far["test"].post("/v1/webhook_endpoints", endpoint_params)["url"] == url
        return
    status, error = far["test"].error("POST", "/v1/webhook_endpoints", endpoint_params)
    assert (status, error["code"], error["param"]) == (400, "url_invalid", "url")


def test_live_mode_wants_https(far):
    endpoint_params = {"url": "http://example.com/hook", "enabled_events": ["*"]}
    assert far["live"].error("POST", "/v1/webhook_endpoints", endpoint_params)[1]["code"] == "url_invalid"


def test_deliveries_to_a_resolved_host_go_where_it_really_is(far, receiver_for_module):
    endpoint_params = {
        "url": "https://shop.test/webhooks/stripe/test",
        "enabled_events": ["customer.created"],
    }
    far["test"].post("/v1/webhook_endpoints", endpoint_params)
    far["test"].post("/v1/customers")
    path, headers, _ = receiver_for_module.next()
    assert (path, headers["Host"]) == ("/webhooks/stripe/test", "shop.test")


def test_a_fresh_simulator_has_a_catalogue_to_import(far):
    for client in far.values():
        prices = client.get("/v1/prices", {"limit": 100, "expand": ["data.product"]})["data"]
        names = {price["product"]["name"]: price["unit_amount"] for price in prices}
        assert names["Basic Plan"] == 999
        assert names["Lifetime Access"] == 49900
        assert {price["billing_scheme"] for price in prices} == {"per_unit", "tiered"}
        assert "metered" in {(price["recurring"] or {}).get("usage_type") for price in prices}
