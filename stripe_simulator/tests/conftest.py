"""What every test of the simulator starts with."""

from __future__ import annotations

import importlib.util
import sys

import pytest
import requests

from stripe_simulator.tests.processes import SHARED, Client, Receiver, SimulatorProcess, control


@pytest.fixture(scope="session")
def contract():
    """Stripe's document with its overlay, or None where it is not at hand."""
    if not SHARED.is_dir():
        print("../shared/stripe is not here: answers are not held against Stripe's document")
        return None
    spec = importlib.util.spec_from_file_location("contract_proxy", SHARED / "contract_proxy.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["contract_proxy"] = module
    spec.loader.exec_module(module)
    overlay = SHARED / "overlay-2026-10-28.endive.json"
    return module.Contract(module.load_json(SHARED / "spec3.json"), module.load_json(overlay))


@pytest.fixture(scope="session")
def running():
    simulator = SimulatorProcess("--empty", "--allow-local-endpoints", "--retry-gaps", "0.1,0.2,0.3")
    yield simulator
    assert simulator.stop() == 0


@pytest.fixture
def simulator(running):
    """The address of a simulator that is as good as new."""
    control(running.url, "/reset")
    yield running.url


@pytest.fixture
def keys(simulator):
    return requests.get(simulator + "/_simulator/keys", timeout=5).json()


@pytest.fixture
def stripe(simulator, keys, contract):
    """Calls with the secret key of test mode."""
    return Client(simulator, keys["test"]["secret"], contract)


@pytest.fixture
def do(simulator):
    """Controls of the simulator."""
    return lambda address, **values: control(simulator, address, values)


@pytest.fixture
def receiver():
    taking = Receiver()
    yield taking
    taking.server.shutdown()


@pytest.fixture
def plan(stripe):
    """A monthly price of 9.99 dollars."""
    product = stripe.post("/v1/products", {"name": "Basic Plan"})
    recurring = {"interval": "month"}
    price_params = {"product": product["id"], "currency": "usd", "unit_amount": 999, "recurring": recurring}
    return stripe.post("/v1/prices", price_params)


@pytest.fixture
def customer(stripe):
    return stripe.post("/v1/customers", {"email": "jane@example.com", "name": "Jane"})


@pytest.fixture
def listening(stripe, receiver):
    """An endpoint at the receiver that wants everything."""
    return stripe.post("/v1/webhook_endpoints", {"url": receiver.url + "/hook", "enabled_events": ["*"]})
