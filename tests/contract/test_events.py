"""What the tests deliver obeys Stripe's published document, so that they test no wish of ours."""

from __future__ import annotations

import importlib.util
import json
import sys

import pytest

from tests.processes import SHARED, WHY_NOT_SHARED, needs_document
from tests.stripe_events import event, subscription_event
from umstripe.webhooks import HANDLERS

pytestmark = [pytest.mark.contract, needs_document]


@pytest.fixture(scope="module")
def contract():
    if not SHARED.is_dir():
        pytest.skip(WHY_NOT_SHARED)
    spec = importlib.util.spec_from_file_location("contract_proxy", SHARED / "contract_proxy.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["contract_proxy"] = module
    spec.loader.exec_module(module)
    overlay = module.load_json(SHARED / "overlay-2026-10-28.endive.json")
    return module.Contract(module.load_json(SHARED / "spec3.json"), overlay)


def violations(contract, made):
    _, found = contract.check_event(json.dumps(made).encode())
    return [one for one in found if one["level"] == "violation"]


@pytest.mark.parametrize("type_", sorted(HANDLERS))
def test_an_event_of_every_type_obeys_the_document(contract, type_):
    assert violations(contract, event(type_)) == []


@pytest.mark.parametrize("status", ["active", "past_due", "canceled", "paused", "trialing", "unpaid"])
def test_a_subscription_s_events_obey_the_document(contract, status):
    assert violations(contract, subscription_event(status)) == []


def test_the_check_finds_what_is_wrong(contract):
    wrong = subscription_event("active")
    wrong["data"]["object"]["status"] = "sleeping"
    assert violations(contract, wrong)
