"""The main job, with all the real processes and Stripe's published document between site and simulator."""

from __future__ import annotations

import pytest

from tests.processes import needs_document, wait_until
from tests.world import World

STRIPE = "/admin/settings/stripe"


@pytest.fixture
def world(database_url, tmp_path):
    one = World(database_url, tmp_path, watched=True)
    yield one
    one.stop()


def jane(person):
    """Jane's line of the users list."""
    text = person.get("/admin/users/?search=jane").text
    return text[text.index("jane@example.org") :]


@pytest.mark.contract
@needs_document
def test_connect_import_map_subscribe_and_every_status_gives_its_role(world):
    person, simulator = world.administrator(), world.simulator
    _connect(person, simulator)
    _import(person)
    _map(person)
    customer = _add_jane(person, simulator)
    price = simulator.prices()["Basic Plan"]
    subscription = simulator.do(f"/customers/{customer}/subscribe", price=price)["id"]
    _becomes(person, "Gold, Subscriber Active Basic Plan – $9.99 / month")
    simulator.do(f"/subscriptions/{subscription}/fail")
    _becomes(person, "Late, Subscriber Past Due")
    simulator.do(f"/subscriptions/{subscription}/recover")
    _becomes(person, "Gold, Subscriber Active")
    simulator.do(f"/subscriptions/{subscription}/cancel")
    _becomes(person, "Gone, Subscriber Canceled")
    simulator.do(f"/customers/{customer}/pay", price=simulator.prices()["Lifetime Access"])
    _becomes(person, "Gold, Subscriber Paid Lifetime Access")
    simulator.wait_until_delivered()
    log = person.get("/admin/activity/").text
    for line in ("Connected with Stripe", "Prices imported", "Subscription is Canceled (was Active)"):
        assert line in log
    code, records = world.proxy.verdict()
    findings = [record for record in records if record.get("findings")]
    assert code == 0, findings
    delivered = [record for record in records if record.get("webhook")]
    assert len(delivered) > 8 and len(records) - len(delivered) > 10


def _connect(person, simulator):
    keys = {
        "test_publishable_key": simulator.key("test", "publishable"),
        "test_secret_key": simulator.key("test", "restricted"),
    }
    page = person.submit(STRIPE, **keys, action="connect")
    assert "Connected with Stripe." in page.text and "Disconnect Stripe Account" in page.text
    page = person.submit(STRIPE, "test_secret_key", action="connect")
    assert "Connected with Stripe." in page.text
    assert len(simulator.call("GET", "/webhook_endpoints")["data"]) == 1


def _import(person):
    person.submit(STRIPE, "test_secret_key", to=f"{STRIPE}/test/import")
    wait_until(lambda: "prices were imported" in person.get(STRIPE).text, "the prices are imported")
    page = person.get(STRIPE).text
    assert "Basic Plan – $9.99 / month" in page and "Skipped. Tiered prices are not supported" in page


def _map(person):
    roles = {}
    for name in ("Gold", "Late", "Gone"):
        page = person.submit("/admin/roles/", name=name)
        assert name in page.text
    for title in ("Basic Plan", "Lifetime Access"):
        address = _plan(person, title)
        html = person.get(address).html
        for name in ("Gold", "Late", "Gone"):
            roles[name] = html.split(f">{name}</option>")[0].rpartition('value="')[2].rstrip('"')
        wanted = {"active_role": "Gold", "past_due_role": "Late", "canceled_role": "Gone"}
        wanted = wanted if title == "Basic Plan" else {"paid_role": "Gold"}
        page = person.submit(address, **{field: roles[name] for field, name in wanted.items()})
        assert "Plan updated." in page.text


def _plan(person, title):
    html = person.get("/admin/plans/").html
    return html.split(f'">{title}</a>')[0].rpartition('href="')[2]


def _add_jane(person, simulator):
    page = person.submit("/admin/users/add", username="jane", email="jane@example.org", name="Jane Doe")
    assert "jane is added." in page.text
    found = simulator.call("GET", "/customers", email="jane@example.org")["data"]
    assert [one["name"] for one in found] == ["Jane Doe"]
    return found[0]["id"]


def _becomes(person, words):
    wait_until(
        lambda: words in jane(person).replace("jane@example.org ", ""), f"{words}; it is {jane(person)[:120]}"
    )
