"""What goes wrong on demand: deliveries on their way, outages, endpoints given up, older versions, old events."""

from __future__ import annotations

import time
from collections import Counter

import pytest
import requests

from stripe_simulator.tests.processes import wait_for
from stripe_simulator.tests.test_deliveries import log


def products(stripe, count):
    """Make products. Gives the ids of their events, oldest first."""
    for number in range(count):
        stripe.post("/v1/products", {"name": f"Product {number}"})
    return [event["id"] for event in stripe.get("/v1/events", {"limit": 100})["data"]][::-1]


def ids(receiver, count):
    return [event["id"] for event in receiver.events(count)]


def test_late_deliveries_come_late_and_in_another_order(stripe, do, receiver, listening):
    assert do("/weather", late=0.6, seed=4)["late"] == 0.6
    began = time.monotonic()
    ids_made = products(stripe, 12)
    got = ids(receiver, 12)
    assert sorted(got) == sorted(ids_made) and got != ids_made
    assert time.monotonic() - began > 0.2


def test_only_a_share_of_the_deliveries_need_be_late(stripe, do, receiver, listening):
    do("/weather", late=600, late_share=0.5, seed=1)
    products(stripe, 20)
    wait_for(lambda: receiver.got.qsize() >= 5)
    assert receiver.got.qsize() < 16


def test_doubled_deliveries_come_twice_and_one_success_is_enough(stripe, do, receiver, listening):
    do("/weather", doubled=1)
    ids_made = products(stripe, 5)
    assert Counter(ids(receiver, 10)) == Counter(ids_made * 2)
    wait_for(lambda: all(len(line["tries"]) == 2 for line in log(stripe)))
    assert {line["status"] for line in log(stripe)} == {"succeeded"}


def test_a_lost_delivery_never_comes_though_stripe_believes_it_did(stripe, do, receiver, listening):
    do("/weather", lost=1)
    products(stripe, 3)
    assert receiver.silent()
    assert {line["status"] for line in log(stripe)} == {"lost"}
    assert stripe.get("/v1/events", {"delivery_success": False})["data"] == []


def test_shuffled_deliveries_come_one_by_one_in_another_order(stripe, do, receiver, listening):
    receiver.slow = 0.05
    do("/weather", shuffled=100, seed=2)
    ids_made = products(stripe, 15)
    got = ids(receiver, 15)
    assert sorted(got) == sorted(ids_made) and got != ids_made
    assert receiver.most_at_once == 1


def test_parallel_deliveries_come_at_once_up_to_a_number(stripe, do, receiver, listening):
    receiver.slow = 0.2
    do("/weather", parallel=4)
    products(stripe, 12)
    receiver.events(12)
    assert 2 <= receiver.most_at_once <= 4


def test_the_same_seed_loses_the_same_deliveries(stripe, do, receiver, listening):
    def arrived():
        do("/weather", lost=0.5, seed=11)
        ids_made = products(stripe, 20)[-20:]
        return [line["status"] for event in ids_made for line in log(stripe, event=event)]

    first = [status == "lost" for status in arrived()]
    assert [status == "lost" for status in arrived()] == first and len(set(first)) == 2


def test_the_weather_is_fair_again_when_nothing_is_said(stripe, do, receiver, listening):
    do("/weather", lost=1, parallel=8)
    conditions = do("/weather")
    assert conditions == requests.get(stripe.url + "/_simulator/weather", timeout=5).json()
    assert (conditions["lost"], conditions["parallel"], conditions["gives_up"]) == (0.0, 1, False)
    products(stripe, 1)
    assert receiver.event()["type"] == "product.created"


BAD_WEATHER = [{"lost": 1.1}, {"lost": "often"}, {"late": -1}, {"parallel": 33}, {"shuffled": 0}]


@pytest.mark.parametrize("wrong", BAD_WEATHER)
def test_impossible_weather_is_refused(simulator, wrong):
    assert requests.post(simulator + "/_simulator/weather", json=wrong, timeout=5).status_code == 400


def test_an_endpoint_that_stripe_disables_gets_nothing_until_it_is_enabled(stripe, do, receiver, listening):
    assert do(f"/endpoints/{listening['id']}/disable")["status"] == "disabled"
    products(stripe, 1)
    assert receiver.silent()
    stripe.post(f"/v1/webhook_endpoints/{listening['id']}", {"disabled": False})
    products(stripe, 1)
    assert receiver.event()["data"]["object"]["name"] == "Product 0" and receiver.silent()


def test_an_endpoint_is_given_up_when_all_tries_failed_and_nothing_came_through(
    stripe, do, receiver, listening
):
    do("/weather", gives_up=True)
    receiver.answers = [500] * 4
    products(stripe, 1)
    path = f"/v1/webhook_endpoints/{listening['id']}"
    wait_for(lambda: stripe.get(path)["status"] == "disabled")
    assert log(stripe)[0]["status"] == "failed"


def down(simulator, keys):
    headers = {"Authorization": f"Bearer {keys['test']['secret']}"}
    return requests.get(simulator + "/v1/prices", headers=headers, timeout=5)


def mend(simulator):
    requests.delete(simulator + "/_simulator/faults", timeout=5)


@pytest.mark.parametrize("kind", ["500", "429"])
def test_in_an_outage_every_call_fails_until_it_is_mended(stripe, do, keys, simulator, kind):
    do("/outage", kind=kind, seconds=7)
    for _ in range(3):
        answer = down(simulator, keys)
        assert answer.status_code == int(kind)
        assert answer.headers.get("Retry-After") == ("7" if kind == "429" else None)
    mend(simulator)
    assert stripe.get("/v1/prices")["data"] == []


def test_an_outage_ends_by_itself_after_its_time(do, keys, simulator):
    do("/outage", lasts=3)
    assert down(simulator, keys).status_code == 500
    wait_for(lambda: down(simulator, keys).ok, 10)
    assert requests.get(simulator + "/_simulator/state", timeout=5).json()["outage"] is None


def test_however_many_calls_hang_the_outage_can_be_mended(do, keys, simulator):
    from concurrent.futures import ThreadPoolExecutor

    do("/outage", kind="hang", seconds=60)

    def call(_):
        with pytest.raises(requests.RequestException):
            down(simulator, keys)

    with ThreadPoolExecutor(20) as threads:
        calls = threads.map(call, range(20))
        began = time.monotonic()
        time.sleep(0.3)
        mend(simulator)
        list(calls)
    assert time.monotonic() - began < 4
    assert down(simulator, keys).ok


OLD = "2024-06-20"


def subscribed(stripe, do, plan, customer):
    subscription = do(f"/customers/{customer['id']}/subscribe", price=plan["id"])
    do(f"/subscriptions/{subscription['id']}/renew")
    return subscription["id"]


def about(events, subscription):
    return [event for event in events if event["data"]["object"]["id"] == subscription]


def test_an_endpoint_of_an_older_version_gets_the_older_shape(stripe, do, receiver, plan, customer):
    made = {"url": receiver.url, "enabled_events": ["customer.subscription.updated"], "api_version": OLD}
    assert stripe.post("/v1/webhook_endpoints", made)["api_version"] == OLD
    subscription = subscribed(stripe, do, plan, customer)
    event = receiver.event()
    old, now = event["data"]["object"], stripe.get(f"/v1/subscriptions/{subscription}")
    item = now["items"]["data"][0]
    assert event["api_version"] == OLD
    assert old["current_period_end"] == item["current_period_end"] and "current_period_end" not in now
    assert "current_period_end" not in old["items"]["data"][0] and "billing_mode" not in old
    assert old["plan"] == old["items"]["data"][0]["plan"]
    assert (
        old["plan"] | {"id": plan["id"], "amount": 999, "interval": "month", "object": "plan"} == old["plan"]
    )
    assert old["items"]["data"][0]["price"]["id"] == plan["id"] and old["quantity"] == 1
    before = event["data"]["previous_attributes"]
    assert before["current_period_end"] == old["current_period_start"]
    listed = about(stripe.get("/v1/events")["data"], subscription)[0]
    assert "current_period_end" not in listed["data"]["object"], "the list is of the account's version"


def test_an_account_of_an_older_version_lists_older_events(stripe, do, plan, customer):
    do("/version", api_version=OLD)
    key = {"Authorization": f"Bearer {stripe.key}"}
    subscription = subscribed(stripe, do, plan, customer)
    listed = requests.get(stripe.url + "/v1/events", params={"limit": 50}, headers=key, timeout=5).json()[
        "data"
    ]
    event = about(listed, subscription)[0]
    assert event["api_version"] == OLD and event["data"]["object"]["current_period_end"]
    invoices = [each["data"]["object"] for each in listed if each["type"] == "invoice.created"]
    assert {invoice["subscription"] for invoice in invoices} == {subscription} and "parent" not in invoices[0]
    same = requests.get(stripe.url + f"/v1/events/{event['id']}", headers=key, timeout=5).json()
    assert same == event


@pytest.mark.parametrize("version", ["2025-03-31.basil", "2026-10-28.endive"])
def test_since_basil_the_period_is_the_item_s(stripe, do, receiver, plan, customer, version):
    wanted = {
        "url": receiver.url,
        "enabled_events": ["customer.subscription.created"],
        "api_version": version,
    }
    stripe.post("/v1/webhook_endpoints", wanted)
    subscribed(stripe, do, plan, customer)
    event = receiver.event()
    assert event["api_version"] == version and "current_period_end" not in event["data"]["object"]
    assert event["data"]["object"]["items"]["data"][0]["current_period_end"]


def test_events_older_than_30_days_are_gone_from_the_list(stripe, do, plan):
    assert len(products(stripe, 2)) == 4
    old = stripe.get("/v1/events")["data"][0]["id"]
    do("/clock", ahead=30 * 86_400 + 5)
    assert stripe.get("/v1/events")["data"] == []
    assert stripe.error("GET", f"/v1/events/{old}")[1]["code"] == "resource_missing"
    assert len(products(stripe, 1)) == 1


def test_a_crowd_lives_by_chance_and_the_same_seed_leads_the_same_lives(stripe, do, plan):
    def lived():
        done = do("/crowd", customers=20, rounds=6, prices=[plan["id"]], seed=5, gap=3)
        newest = (
            stripe.get("/v1/subscriptions", {"customer": customer, "status": "all"})["data"]
            for customer in done["customers"]
        )
        return done["events"], [[each["status"] for each in subscriptions] for subscriptions in newest]

    first = lived()
    assert first == lived() and first[0] > 200
    assert len({status for one in first[1] for status in one}) >= 4


def test_a_silent_crowd_makes_no_events(stripe, do, plan):
    done = do("/crowd", customers=50, rounds=1, prices=[plan["id"]], silent=True)
    assert (
        done["events"] == 0
        and len(stripe.get("/v1/subscriptions", {"limit": 100, "status": "all"})["data"]) == 50
    )
