"""The main job as a person does it: with a mouse, a keyboard and their eyes."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.people import PASSWORD

pytestmark = pytest.mark.browser


def test_from_the_setup_link_to_a_member_whose_role_follows_stripe(world, page, look):
    _set_up(world, page, look)
    _connect(world, page)
    _import(page, look)
    _map(page, look)
    _add_jane(world, page, look)
    customer = world.simulator.call("GET", "/customers", email="jane@example.org")["data"][0]["id"]
    subscription = _subscribe_on_the_simulators_page(world, page, customer)
    _users_list_shows(world, page, "Gold, Subscriber", "Active")
    look.check("users-list")
    world.simulator.do(f"/subscriptions/{subscription}/fail")
    _users_list_shows(world, page, "Late, Subscriber", "Past Due")
    world.simulator.do(f"/subscriptions/{subscription}/cancel")
    _users_list_shows(world, page, "Gone, Subscriber", "Canceled")
    _live_mode_with_an_error(world, page, look)
    for name, address in (
        ("activity", "/admin/activity/"),
        ("dashboard", "/admin/"),
        ("user-edit", "/admin/users/2"),
    ):
        page.goto(world.site.url + address)
        look.check(name)


def _set_up(world, page, look):
    page.goto(world.setup_link())
    look.check("setup")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Email").fill("admin@example.org")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password, once more").fill(PASSWORD)
    page.get_by_role("button", name="Set up the site").click()
    expect(page.get_by_text("Your site is set up.")).to_be_visible()


def _connect(world, page):
    assert page.url.endswith("/admin/settings/stripe")
    connect = page.locator("[data-mode=test]").get_by_role("button", name="Connect with Stripe")
    expect(connect).to_be_disabled()
    page.get_by_role("button", name="Fill in the simulator’s keys").click()
    expect(page.get_by_label("Test Publishable Key", exact=True)).to_have_attribute(
        "placeholder", re.compile(r"^pk_tes•+Only$")
    )
    connect.click()
    expect(page.get_by_text("Connected with Stripe.")).to_be_visible()
    assert len(world.simulator.call("GET", "/webhook_endpoints")["data"]) == 1


def _import(page, look):
    page.get_by_role("button", name="Import Prices from your Stripe Account").click()
    expect(page.get_by_text("prices were imported.")).to_be_visible()
    box = page.get_by_role("region", name="Imported prices")
    expect(box).to_contain_text("Basic Plan – $9.99 / month")
    expect(box).to_contain_text("Tiered prices are not supported")
    page.get_by_role("button", name="Save Changes").last.click()
    expect(page.get_by_text("Settings have been saved successfully.")).to_be_visible()
    look.check("settings-sandbox-connected")


def _map(page, look):
    for name in ("Gold", "Late", "Gone"):
        page.get_by_role("link", name="User Roles").click()
        page.get_by_label("Name").fill(name)
        page.get_by_role("button", name="Add New Role").click()
        expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
    look.check("roles")
    page.get_by_role("link", name="Stripe Plans", exact=True).click()
    look.check("plans-list")
    page.get_by_role("link", name="Basic Plan", exact=True).click()
    for label, name in (("Active Role", "Gold"), ("Past Due Role", "Late"), ("Canceled Role", "Gone")):
        page.get_by_label(label).select_option(label=name)
    page.get_by_role("button", name="Update").click()
    expect(page.get_by_text("Plan updated.")).to_be_visible()
    expect(page.get_by_label("Active Role").locator("option:checked")).to_have_text("Gold")
    look.check("plan-edit")


def _add_jane(world, page, look):
    page.get_by_role("link", name="Users", exact=True).click()
    page.get_by_role("link", name="Add User").first.click()
    look.check("user-add")
    page.get_by_label("Username").fill("jane")
    page.get_by_label("Email").fill("jane@example.org")
    page.get_by_label("Name", exact=True).fill("Jane Doe")
    page.get_by_role("button", name="Add User").click()
    expect(page.get_by_text("jane is added.")).to_be_visible()


def _subscribe_on_the_simulators_page(world, page, customer):
    page.goto(f"{world.simulator.url}/_simulator/")
    form = page.locator(f"form[action*='{customer}/subscribe']")
    form.locator("select[name=price]").select_option(world.simulator.prices()["Basic Plan"])
    form.get_by_role("button").first.click()
    page.wait_for_load_state()
    return world.simulator.call("GET", "/subscriptions", customer=customer)["data"][0]["id"]


def _users_list_shows(world, page, roles, status):
    row = page.get_by_role("row").filter(has_text="jane@example.org")
    for _ in range(40):
        page.goto(f"{world.site.url}/admin/users/")
        if status in row.inner_text() and roles in row.inner_text():
            break
        page.wait_for_timeout(250)
    expect(row).to_contain_text(roles)
    expect(row).to_contain_text(status)
    expect(row).to_contain_text("Basic Plan")


def _live_mode_with_an_error(world, page, look):
    page.goto(f"{world.site.url}/admin/settings/stripe")
    page.get_by_label("Enable Sandbox/Test Mode").uncheck()
    page.get_by_label("Live Publishable Key", exact=True).fill(world.simulator.key("live", "publishable"))
    page.get_by_label("Live Restricted or Secret Key", exact=True).fill("rk_live_" + "x" * 24)
    page.locator("[data-mode=live]").get_by_role("button", name="Connect with Stripe").click()
    expect(page.get_by_text("Stripe: The connection failed.")).to_be_visible()
    expect(page.locator(".field-error")).to_contain_text("Stripe does not know this key")
    look.check("settings-live-error")
