"""Deliveries as Stripe sends them: its own recorded events and sample objects, signed for real."""

from __future__ import annotations

import copy
import hashlib
import hmac
import itertools
import json
import time
from functools import cache
from typing import Any

import pytest

from tests.processes import SHARED, WHY_NOT_SHARED

SECRETS = {"test": "whsec_of_the_test_mode", "live": "whsec_of_the_live_mode"}
API_VERSION = "2026-10-28.endive"
RESOURCES = {
    "charge": "charge",
    "charge.dispute": "dispute",
    "checkout.session": "checkout.session",
    "customer": "customer",
    "customer.subscription": "subscription",
    "invoice": "invoice",
    "payment_intent": "payment_intent",
    "price": "price",
    "product": "product",
}
_numbers = itertools.count(1)


@cache
def _recorded() -> dict[str, dict]:
    if not SHARED.is_dir():
        pytest.skip(WHY_NOT_SHARED)
    events = json.loads((SHARED / "events_seahaven.json").read_text())
    return {event["type"]: event for event in events}


@cache
def _samples() -> dict[str, dict]:
    if not SHARED.is_dir():
        pytest.skip(WHY_NOT_SHARED)
    return json.loads((SHARED / "fixtures3.json").read_text())["resources"]


def event(type_: str, at: int | None = None, livemode: bool = False, **changes: Any) -> dict[str, Any]:
    """An event of a type: recorded where there is one, else around Stripe's sample of the object.

    `changes` go into the object; `at` is when it was made, in seconds of Stripe's clock.
    """
    if type_ in _recorded():
        made = copy.deepcopy(_recorded()[type_])
    else:
        sample = copy.deepcopy(_samples()[RESOURCES[type_.rpartition(".")[0]]])
        made = {**copy.deepcopy(_recorded()["customer.created"]), "type": type_}
        made["data"] = {"object": sample}
    _as_the_document_says(made)
    made["id"], made["created"] = f"evt_test{next(_numbers):016}", at or int(time.time())
    made["livemode"] = made["data"]["object"]["livemode"] = livemode
    made["api_version"] = API_VERSION
    made["data"]["object"].update(changes)
    return made


def _as_the_document_says(part: Any) -> None:
    """The recorded charges have a null where Stripe's document allows none; the sample of an invoice lacks a field."""
    if isinstance(part, dict) and part.get("object") == "invoice":
        part.setdefault("amount_paid_off_stripe", 0)
    if isinstance(part, dict) and part.get("radar_options", part) is None:
        del part["radar_options"]
    for below in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        _as_the_document_says(below)


def subscription_event(
    status: str = "active",
    at: int | None = None,
    type_: str = "customer.subscription.updated",
    price: str = "price_basic",
    customer: str = "cus_jane",
    id_: str = "sub_jane",
    livemode: bool = False,
    **changes: Any,
) -> dict[str, Any]:
    """An event of a subscription that is for `price`."""
    said = {"id": id_, "customer": customer, "status": status, "pause_collection": None, **changes}
    made = event(type_, at, livemode, **said)
    subscription = made["data"]["object"]
    for item in subscription["items"]["data"]:
        item["price"]["id"] = price
        item["subscription"] = id_
    return made


def body_of(made: dict[str, Any]) -> bytes:
    return json.dumps(made).encode()


def signature(body: bytes, *secrets: str, at: int | None = None) -> str:
    """Stripe's header: an HMAC-SHA256 of `<seconds>.<body>` for each secret.

    https://docs.stripe.com/webhooks#verify-manually
    """
    at = int(time.time()) if at is None else at
    signed = f"{at}.".encode() + body
    sums = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={at}", *(f"v1={one}" for one in sums)])


def deliver(client: Any, made: dict[str, Any], mode: str = "test") -> Any:
    """Send an event to the mode's address, signed with the mode's secret. `client` is Flask's test client."""
    body = body_of(made)
    headers = {"Stripe-Signature": signature(body, SECRETS[mode]), "Content-Type": "application/json"}
    return client.post(f"/webhooks/stripe/{mode}", data=body, headers=headers)
