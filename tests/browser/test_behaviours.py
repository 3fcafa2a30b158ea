"""What the small scripts do, and that the pages work without them, with the keyboard and with axe's eyes."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.people import PASSWORD, make_administrator
from tests.processes import Site
from tests.selling import open_shop

pytestmark = pytest.mark.browser
STRIPE = "/admin/settings/stripe"


@pytest.fixture
def site(app, environ, tmp_path):
    make_administrator(app)
    open_shop(app)
    one = Site(environ, tmp_path)
    one.start()
    yield one
    one.stop()


def log_in(page, site):
    page.goto(f"{site.url}/login")
    page.get_by_label("Username or Email Address").fill("admin")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Dashboard")


def test_the_sandbox_switch_relabels_the_key_fields_at_once(site, page):
    log_in(page, site)
    page.goto(site.url + STRIPE)
    expect(page.get_by_label("Test Secret Key", exact=True)).to_be_visible()
    page.get_by_label("Enable Sandbox/Test Mode").uncheck()
    expect(page.get_by_label("Test Secret Key", exact=True)).to_be_hidden()
    expect(page.get_by_label("Live Restricted or Secret Key", exact=True)).to_be_visible()
    expect(page.get_by_label("Test Clock ID")).to_be_hidden()
    expect(page.get_by_label("Webhook Endpoints, Live")).to_have_value(f"{site.url}/webhooks/stripe/live")
    page.get_by_label("Enable Sandbox/Test Mode").check()
    expect(page.get_by_label("Test Publishable Key", exact=True)).to_be_visible()


def test_the_eye_shows_and_hides_what_is_typed(site, page):
    log_in(page, site)
    page.goto(site.url + STRIPE)
    field = page.get_by_label("Test Secret Key", exact=True)
    field.fill("sk_test_51abcdefgh")
    expect(field).to_have_attribute("type", "text")
    expect(field).to_have_css("-webkit-text-security", "disc")
    eye = page.get_by_role("button", name="Show what is typed: Test Secret Key")
    eye.focus()
    page.keyboard.press("Space")
    expect(field).to_have_css("-webkit-text-security", "none")
    expect(eye).to_have_attribute("aria-pressed", "true")
    eye.click()
    expect(field).to_have_css("-webkit-text-security", "disc")


def test_the_endpoint_s_address_is_copied_with_the_keyboard(site, page):
    log_in(page, site)
    page.goto(site.url + STRIPE)
    page.get_by_role("button", name="Copy: Webhook Endpoints, Sandbox").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == f"{site.url}/webhooks/stripe/test"


def test_connect_is_enabled_once_both_keys_are_there(site, page):
    log_in(page, site)
    page.goto(site.url + STRIPE)
    connect = page.locator("[data-mode=test]").get_by_role("button", name="Connect with Stripe")
    expect(connect).to_be_disabled()
    page.get_by_label("Test Publishable Key", exact=True).fill("pk_test_51abcdefgh")
    expect(connect).to_be_disabled()
    page.get_by_label("Test Secret Key", exact=True).fill("sk_test_51abcdefgh")
    expect(connect).to_be_enabled()


def test_enter_in_a_key_field_saves_and_does_not_connect(site, page):
    log_in(page, site)
    page.goto(site.url + STRIPE)
    page.get_by_label("Test Secret Key", exact=True).fill("sk_test_51abcdefgh")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Settings have been saved successfully.")).to_be_visible()


def test_a_double_click_sends_a_form_once(site, page):
    log_in(page, site)
    page.goto(f"{site.url}/admin/roles/")
    page.get_by_label("Name").fill("Gold")
    page.get_by_role("button", name="Add New Role").dblclick()
    expect(page.get_by_text("The role “Gold” is created.")).to_be_visible()
    expect(page.get_by_role("link", name="Gold", exact=True)).to_have_count(1)


def test_after_the_back_button_a_form_can_be_sent_again(site, page):
    log_in(page, site)
    page.goto(f"{site.url}/admin/roles/")
    for name in ("Gold", "Silver"):
        page.get_by_label("Name").fill(name)
        page.get_by_role("button", name="Add New Role").click()
        expect(page.get_by_text(f"The role “{name}” is created.")).to_be_visible()
        page.go_back()
    page.goto(f"{site.url}/admin/roles/")
    expect(page.get_by_role("link", name="Silver", exact=True)).to_be_visible()


def test_on_a_phone_the_menu_opens_and_closes(site, page):
    log_in(page, site)
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{site.url}/admin/users/")
    expect(page.get_by_role("link", name="All Users")).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(page.get_by_role("link", name="All Users")).to_be_visible()
    page.get_by_role("button", name="Menu").click()
    expect(page.get_by_role("link", name="All Users")).to_be_hidden()


def test_the_whole_settings_screen_is_reached_with_the_keyboard(site, page):
    log_in(page, site)
    page.goto(site.url + STRIPE)
    reached = set()
    for _ in range(45):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
    wanted = {
        "sandbox",
        "test_publishable_key",
        "test_secret_key",
        "endpoint-test",
        "replace_roles",
        "test_clock",
    }
    wanted |= {
        "test_clock_id",
        "activity_off",
        "embedded_checkout",
        "collection_method_choice",
        "Save Changes",
    }
    assert wanted <= reached and "live_secret_key" not in reached


def test_without_javascript_settings_are_saved_and_relabelled(site, chrome):
    context = chrome.new_context(java_script_enabled=False)
    page = context.new_page()
    log_in(page, site)
    page.goto(site.url + STRIPE)
    page.get_by_label("Enable Sandbox/Test Mode").uncheck()
    page.get_by_role("button", name="Save Changes").last.click()
    expect(page.get_by_label("Live Restricted or Secret Key", exact=True)).to_be_visible()
    expect(page.get_by_label("Test Secret Key", exact=True)).to_be_hidden()
    context.close()


PAGES = [
    "/admin/settings/",
    "/admin/settings/stripe/test/disconnect",
    "/admin/plans/2",
    "/admin/plans/?search=nothing",
    "/admin/roles/2",
    "/admin/roles/2/delete",
    "/admin/users/2",
    "/account/",
    "/account/password",
    "/nothing",
]


def test_the_other_pages_are_accessible_and_fit_a_phone(site, page, look):
    for address in ("/login", "/reset"):
        page.goto(site.url + address)
        look.check()
    log_in(page, site)
    for address in PAGES:
        page.goto(site.url + address)
        look.check()


def test_a_form_with_errors_is_accessible(site, page, look):
    log_in(page, site)
    page.goto(f"{site.url}/admin/users/add")
    page.get_by_role("button", name="Add User").click()
    expect(page.get_by_text("Please type a username.")).to_be_visible()
    expect(page.get_by_label("Username")).to_have_attribute("aria-invalid", "true")
    look.check()
    page.goto(site.url + STRIPE)
    page.get_by_label("Test Secret Key", exact=True).fill("hello")
    page.get_by_role("button", name="Save Changes").last.click()
    look.check()
