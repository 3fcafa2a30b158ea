"""The plan screens in a real browser: edit, preview, list, trash; with the keyboard alone, and without script."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.people import PASSWORD, make_administrator, make_user
from tests.selling import make_plan, open_shop, rows
from tests.stripe_events import deliver, subscription_event

pytestmark = pytest.mark.browser


@pytest.fixture
def app(world):
    """A running site with plans of each kind, and three members of the first one."""
    from umstripe import create_app

    app = create_app(world.environ)
    make_administrator(app)
    open_shop(app)
    make_plan(app, "price_standard", ["active"], nickname="Standard", interval="month", unit_amount=1999)
    make_plan(app, "price_old", ["active"], nickname="Old Offer", interval="year", active=False)
    for name in ("jane", "john", "jay"):
        if name != "jane":
            make_user(app, name)
        made = subscription_event("active", customer=f"cus_{name}", id_=f"sub_{name}")
        assert deliver(app.test_client(), made).status_code == 200
    return app


@pytest.fixture
def plans(app, world, page):
    """The list of plans, open in the browser of an administrator."""
    return log_in(page, world)


def log_in(page, world):
    page.goto(f"{world.site.url}/login")
    page.get_by_label("Username or Email Address").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log In").click()
    expect(page.get_by_text("Howdy, admin")).to_be_visible()
    page.goto(f"{world.site.url}/admin/plans/")
    return page


def test_a_recurring_plan_is_set_up_and_its_help_opens(plans, look):
    plans.get_by_role("link", name="Basic", exact=True).click()
    expect(plans.locator("html.scripted")).to_be_attached()  # before that the server adds the row
    plans.get_by_role("button", name="Add New Stripe Prices").click()
    row = plans.get_by_label("Price to switch to")
    expect(row).to_be_focused()
    row.select_option(label="Standard – $19.99 / month")
    plans.get_by_role("button", name="Add New Stripe Prices").click()
    plans.get_by_role("button", name="Remove this price").last.click()
    expect(row).to_have_count(1)
    expect(row).to_be_focused()
    plans.get_by_label("Trial Periods").fill("2")
    plans.get_by_text("Visibility: Public").click()
    expect(plans.get_by_label("Password", exact=True)).to_be_hidden()
    plans.get_by_label("Password protected").check()
    plans.get_by_label("Password", exact=True).fill("sesame")
    plans.get_by_role("button", name="Update").click()
    expect(plans.get_by_text("Plan updated.")).to_be_visible()
    expect(plans.get_by_text("Visibility: Password protected")).to_be_visible()
    look.check("plan-edit")
    mark = plans.locator("summary").filter(has_text="What this means: Past Due Role")
    mark.focus()
    plans.keyboard.press("Enter")
    expect(plans.get_by_text("A payment has failed, and Stripe tries it again.")).to_be_visible()
    for line in ("Status: ", "Visibility: ", "Published on: "):
        plans.get_by_text(line).click()
    look.check("plan-edit-open")
    plans.get_by_label("Trial Periods").fill("1")
    plans.get_by_role("button", name="Update").click()
    expect(plans.get_by_text("type a number of days from 2 to 730")).to_be_visible()
    look.check("plan-edit-refused")


def test_a_one_time_plan_is_set_up(plans, look):
    plans.get_by_role("link", name="Lifetime", exact=True).click()
    plans.get_by_label("Number").fill("3")
    plans.get_by_label("Days, weeks or months").select_option(label="Months")
    plans.get_by_label("Capture on approval").or_(plans.get_by_label("Reserve the amount")).first.check()
    plans.get_by_label("Description").fill("Three months of everything.")
    plans.get_by_role("button", name="Update").click()
    expect(plans.get_by_text("Plan updated.")).to_be_visible()
    expect(plans.get_by_label("Number")).to_have_value("3")
    look.check("plan-edit-one-time")


def test_the_preview_names_who_is_concerned_and_loses_nothing(app, plans, look):
    plans.get_by_role("link", name="Basic", exact=True).click()
    plans.get_by_label("Active Role").select_option(label="Subscriber")
    plans.get_by_label("Title").fill("Basic and More")
    plans.get_by_role("button", name="Update").click()
    expect(plans.get_by_text("3 members: 3 get Subscriber, 3 lose Active Member.")).to_be_visible()
    look.check("plan-preview")
    plans.get_by_role("button", name="Back to the form").click()
    expect(plans.get_by_label("Title")).to_have_value("Basic and More")
    expect(plans.get_by_label("Active Role").locator("option:checked")).to_have_text("Subscriber")
    plans.get_by_role("button", name="Update").click()
    plans.get_by_role("button", name="Save").click()
    expect(plans.get_by_text("Plan updated.")).to_be_visible()
    assert rows(app, "SELECT own_title FROM plan WHERE id = 1") == [("Basic and More",)]


def test_the_list_copies_links_ticks_all_and_asks_before_the_trash(app, plans, look):
    look.check("plans-list")
    short = rows(app, "SELECT short_key FROM plan WHERE id = 1")[0][0]
    plans.get_by_role("button", name="Copy link of Basic").click()
    expect(plans.get_by_text("Copied.")).to_be_visible()
    assert plans.evaluate("navigator.clipboard.readText()").endswith(f"/subscribe/{short}")
    plans.get_by_role("link", name="Title").click()
    expect(plans.get_by_role("columnheader", name="Title")).to_have_attribute("aria-sort", "ascending")
    plans.get_by_label("Tick all plans on this page").check()
    expect(plans.get_by_label("Tick Lifetime")).to_be_checked()
    plans.get_by_label("Bulk actions").select_option(label="Move to Trash")
    plans.get_by_role("button", name="Apply").click()
    expect(plans.get_by_text("3 members hold it, so it is closed instead of deleted.")).to_be_visible()
    look.check("plans-trash")
    plans.get_by_role("link", name="Cancel").click()
    plans.get_by_role("button", name="Close Standard").click()
    expect(plans.get_by_text("1 plan is closed now.")).to_be_visible()
    plans.get_by_role("link", name="Add New").click()
    look.check("plan-add")


def test_a_plan_is_edited_with_the_keyboard_alone(app, plans):
    reach(plans, "Basic")
    plans.keyboard.press("Enter")
    expect(plans.get_by_role("heading", name="Edit Stripe Plan")).to_be_visible()
    reach(plans, "", "title")
    plans.keyboard.type("Basic by Keyboard")
    reach(plans, "Status: Published Edit")
    plans.keyboard.press("Enter")
    reach(plans, "", "status")
    plans.keyboard.press("D")
    reach(plans, "Update")
    plans.keyboard.press("Enter")
    expect(plans.get_by_text("Plan updated.")).to_be_visible()
    assert rows(app, "SELECT own_title, status FROM plan WHERE id = 1") == [("Basic by Keyboard", "draft")]


def reach(page, text, name=""):
    """Press Tab until what has the focus says this, or is the field of this name."""
    for _ in range(120):
        page.keyboard.press("Tab")
        said = page.evaluate("[document.activeElement.innerText, document.activeElement.name]")
        if (name and said[1] == name) or (text and " ".join((said[0] or "").split()) == text):
            return
    raise AssertionError(f"the keyboard does not reach {text or name}")


def test_enter_in_a_field_saves_and_never_removes_a_row(app, plans):
    plans.get_by_role("link", name="Basic", exact=True).click()
    plans.get_by_label("Trial Periods").fill("30")
    plans.get_by_label("Trial Periods").press("Enter")
    expect(plans.get_by_text("Plan updated.")).to_be_visible()
    assert rows(app, "SELECT trial_days FROM plan WHERE id = 1") == [(30,)]


def test_without_script_rows_are_added_and_removed_by_the_server(app, world, chrome):
    context = chrome.new_context(java_script_enabled=False)
    page = log_in(context.new_page(), world)
    page.get_by_role("link", name="Basic", exact=True).click()
    page.get_by_label("Title").fill("Typed")
    page.get_by_role("button", name="Add New Stripe Prices").click()
    page.get_by_label("Price to switch to").select_option(label="Standard – $19.99 / month")
    page.get_by_role("button", name="Add New Stripe Prices").click()
    page.get_by_role("button", name="Remove this price").last.click()
    expect(page.get_by_label("Price to switch to")).to_have_count(1)
    expect(page.get_by_label("Title")).to_have_value("Typed")
    page.get_by_role("button", name="Update").click()
    expect(page.get_by_text("Plan updated.")).to_be_visible()
    assert rows(app, "SELECT count(*) FROM plan_switch_price") == [(1,)]
    context.close()
