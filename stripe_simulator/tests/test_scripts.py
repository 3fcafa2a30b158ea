"""A whole life in one call, as the controls would lead it turn by turn."""

from __future__ import annotations

import itertools
import json

import requests


def led(do, *turns, **values):
    return do("/script", turns=list(turns), **values)


def test_a_life_is_led_with_its_gaps_and_tells_of_every_turn(stripe, do, plan):
    done = led(
        do,
        {"do": "customer", "as": "jane", "metadata": {"whose": "ours"}},
        {"do": "subscribe", "on": "jane", "as": "first", "price": plan["id"], "ahead": 100},
        {"do": "fail", "on": "first", "ahead": 50},
        types=["customer.*", "customer.created", "customer.subscription.updated"],
    )
    names, turns = done["names"], done["turns"]
    assert [step["refused"] for step in turns] == ["", "", ""]
    assert [[event["type"] for event in step["events"]] for step in turns] == [
        ["customer.created"],
        [],
        ["customer.subscription.updated"],
    ]
    gaps = [later["from"] - earlier["to"] for earlier, later in itertools.pairwise(turns)]
    assert [gap // 50 for gap in gaps] == [2, 1]
    states = [step["objects"].get(names["first"], {}).get("status") for step in turns]
    assert states == [None, "active", "past_due"]
    assert set(turns[1]["objects"]) == set(names.values()), "attaching a card changes the customer too"
    assert set(turns[-1]["objects"]) == set(names.values())
    assert turns[-1]["objects"][names["first"]] == stripe.get(f"/v1/subscriptions/{names['first']}")
    assert stripe.get(f"/v1/customers/{names['jane']}")["metadata"] == {"whose": "ours"}


def test_a_script_pays_refunds_and_deletes(stripe, do, plan):
    done = led(
        do,
        {"do": "customer", "as": "jane"},
        {"do": "pay", "on": "jane", "as": "once", "amount": 900},
        {"do": "refund", "on": "once", "amount": 400},
        {"do": "refund", "on": "once"},
        {"do": "delete", "on": "jane"},
    )
    states = [step["objects"].get(done["names"]["once"], {}) for step in done["turns"]]
    assert [(step.get("amount_refunded"), step.get("refunded")) for step in states][1:4] == [
        (0, False),
        (400, False),
        (900, True),
    ]
    assert done["turns"][-1]["events"][-1]["type"] == "customer.deleted"
    assert done["turns"][-1]["objects"][done["names"]["jane"]]["deleted"]


def test_a_turn_that_is_not_allowed_says_why_and_life_goes_on(do, plan):
    done = led(
        do,
        {"do": "customer", "as": "jane"},
        {"do": "subscribe", "on": "jane", "as": "first", "price": plan["id"]},
        {"do": "resume", "on": "first"},
        {"do": "dance", "on": "jane"},
        {"do": "cancel", "on": "nobody"},
        {"do": "cancel", "on": "first"},
    )
    refused = [step["refused"] for step in done["turns"]]
    assert "needs it to be paused" in refused[2] and "cannot dance" in refused[3]
    assert "No such object" in refused[4] and refused[5] == ""
    assert done["turns"][2]["events"] == []


def test_what_is_no_script_is_refused(simulator):
    for turns in ("x", ["x"], [{}] * 201, None):
        answer = requests.post(f"{simulator}/_simulator/script", data=json.dumps({"turns": turns}), timeout=5)
        assert answer.status_code == 400 and "turns" in answer.json()["error"]["message"]
