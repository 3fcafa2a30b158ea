"""Import Prices: all of them, once, whatever happens to the worker, in memory that does not grow."""

from __future__ import annotations

import subprocess
import time

import psutil
import pytest

from tests.databases import ROOT
from tests.processes import umstripe, wait_until
from tests.selling import rows
from tests.world import World

ADDRESS = "/admin/settings/stripe"


@pytest.fixture
def world(database_url, tmp_path):
    one = World(database_url, tmp_path)
    yield one
    one.stop()


@pytest.fixture
def person(world):
    one = world.administrator()
    keys = {f"test_{which}_key": world.simulator.key("test", which) for which in ("publishable", "secret")}
    one.submit(ADDRESS, "test_secret_key", **keys, action="connect")
    return one


@pytest.fixture
def see(world):
    """Rows of the running site's database."""
    from umstripe import create_app

    app = create_app(world.environ)
    return lambda query: rows(app, query)


def start(person):
    person.submit(ADDRESS, "test_secret_key", to=f"{ADDRESS}/test/import")


def state(person):
    return person.client.get(f"{ADDRESS}/test/import").json()


def finish(person, seconds=60):
    wait_until(lambda: state(person)["done"], f"the import ends: {state(person)}", seconds)
    return state(person)


def do_import(person):
    start(person)
    assert finish(person)["state"] == "done"


SEEN = "SELECT stripe_price_id, type, unit_amount, currency, skipped, active FROM price ORDER BY 1"


def test_all_active_prices_come_with_a_plan_each_and_the_default_role_in_every_status(world, person, see):
    do_import(person)
    prices = {name: (amount, skipped) for name, amount, skipped in see(_NAMED)}
    assert prices["Basic Plan"] == (999, "") and prices["Lifetime Access"] == (49900, "")
    assert "Metered prices" in " ".join(skipped for _, skipped in prices.values())
    assert "Tiered prices" in " ".join(skipped for _, skipped in prices.values())
    per_type = see(_ROLES)
    assert {(type_, status) for type_, status, _, _ in per_type if type_ == "recurring"} == {
        ("recurring", one) for one in ("active", "unpaid", "paused", "past_due", "canceled", "trialing")
    }
    assert {role for _, _, role, _ in per_type} == {"Subscriber"}
    assert see("SELECT count(*) FROM plan") == [(5,)]


_NAMED = """
SELECT product.name, price.unit_amount, price.skipped FROM price
JOIN product ON product.stripe_product_id = price.stripe_product_id
"""
_ROLES = """
SELECT price.type, plan_role.status, role.name, plan.id FROM plan_role
JOIN plan ON plan.id = plan_role.plan_id JOIN price ON price.id = plan.price_id
JOIN role ON role.id = plan_role.role_id
"""


def test_importing_again_changes_nothing_twice_and_keeps_what_the_admin_set(world, person, see):
    do_import(person)
    person.submit("/admin/roles/", name="Gold")
    gold = see("SELECT id FROM role WHERE name = 'Gold'")[0][0]
    plan = see(
        "SELECT id FROM plan WHERE price_id = (SELECT id FROM price WHERE unit_amount = 999 AND skipped = '')"
    )
    person.submit(f"/admin/plans/{plan[0][0]}", active_role=str(gold), title="My Plan")
    before = (
        see("SELECT id, price_id, own_title FROM plan ORDER BY id"),
        see("SELECT * FROM plan_role"),
        see(SEEN),
    )
    do_import(person)
    after = (
        see("SELECT id, price_id, own_title FROM plan ORDER BY id"),
        see("SELECT * FROM plan_role"),
        see(SEEN),
    )
    assert after == before
    assert ("My Plan",) in see("SELECT own_title FROM plan")


def test_what_was_archived_at_stripe_meanwhile_is_closed(world, person, see):
    do_import(person)
    time.sleep(4)
    price = world.simulator.prices()["Basic Plan"]
    with_no_news = see("SELECT id FROM price WHERE active")
    endpoint = world.simulator.call("GET", "/webhook_endpoints")["data"][0]["id"]
    world.simulator.call("DELETE", f"/webhook_endpoints/{endpoint}")
    world.simulator.do(f"/prices/{price}/archive")
    do_import(person)
    assert len(see("SELECT id FROM price WHERE active")) == len(with_no_news) - 1


@pytest.mark.one_database
def test_without_the_right_to_read_products_prices_are_named_by_nickname_or_id(world, person, see):
    rights = ["customer_write", "plan_read", "subscription_read", "webhook_write"]
    key = world.simulator.do("/keys", rights=rights, mode="test")["key"]
    person.submit(ADDRESS, "test_secret_key", test_secret_key=key, action="connect")
    do_import(person)
    assert see("SELECT count(*) FROM product") == [(0,)]
    (price_id,) = see("SELECT stripe_price_id FROM price WHERE unit_amount = 999 AND skipped = ''")[0]
    assert f"{price_id} – $9.99 / month" in person.get(ADDRESS).text


@pytest.mark.one_database
def test_without_the_right_to_read_prices_the_import_says_so(world, person):
    key = world.simulator.do("/keys", rights=["customer_write", "webhook_write"], mode="test")["key"]
    person.submit(ADDRESS, "test_secret_key", test_secret_key=key, action="connect")
    start(person)
    assert finish(person)["state"] == "failed"
    assert "The import stopped:" in person.get(ADDRESS).text


@pytest.mark.one_database
def test_an_import_goes_on_after_stripe_was_in_trouble_for_a_moment(world, person, see):
    world.simulator.do("/faults", kind="500", path="/v1/prices", times=6)
    do_import(person)
    assert see("SELECT count(*) FROM plan") == [(5,)]


def test_two_clicks_are_one_import(world, person, see):
    world.worker.stop()
    start(person)
    start(person)
    world.worker.start()
    finish(person)
    assert see("SELECT count(*) FROM activity WHERE action = 'prices.imported'") == [(1,)]


@pytest.mark.one_database
def test_without_a_worker_the_page_says_what_is_missing(world, person):
    world.worker.stop()
    start(person)
    assert "Waiting for the background worker" in person.get(ADDRESS).text
    wait_until(lambda: "Is it running?" in state(person)["text"], "the page asks for the worker", 20)


def test_an_import_whose_worker_is_killed_goes_on_where_it_was(world, person, see):
    world.simulator.do("/seed", prices=2000)
    start(person)
    wait_until(lambda: state(person)["value"] >= 300, "some pages are imported")
    world.worker.kill()
    killed_at = state(person)["value"]
    assert killed_at < 2000
    world.worker.start()
    found = finish(person)
    assert found["state"] == "done" and found["value"] >= 2000
    assert see("SELECT count(*) - count(DISTINCT stripe_price_id) FROM price") == [(0,)]
    assert see("SELECT count(*) FROM plan")[0][0] >= 2000
    assert see("SELECT count(*) FROM activity WHERE action = 'prices.imported'") == [(1,)]


def test_10_000_prices_take_no_more_memory_than_2_000(world, person, see):
    world.simulator.do("/seed", prices=2000)
    worker = psutil.Process(world.worker.process.pid)
    do_import(person)
    few = worker.memory_info().rss
    world.simulator.do("/seed", prices=8000)
    start(person)
    assert finish(person, 240)["value"] >= 10_000
    grown = worker.memory_info().rss - few
    assert grown < 30 * 1024 * 1024, f"{grown / 1024 / 1024:.0f} MiB more for 8,000 more prices"
    assert see("SELECT count(*) FROM plan")[0][0] >= 10_000
    began = time.monotonic()
    assert "more: see Stripe Plans" in person.get(ADDRESS).text
    person.get("/admin/plans/?page=300")
    assert time.monotonic() - began < 5


@pytest.mark.one_database
def test_the_command_imports_too(world, person):
    done = subprocess.run(
        umstripe("import-prices", "test"),
        cwd=ROOT,
        env=world.environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0 and "7 prices were imported." in done.stdout, done.stderr
