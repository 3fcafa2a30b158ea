"""Users and the activity log in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.people import PASSWORD, make_administrator, make_user
from tests.selling import open_shop, settings
from tests.stripe_events import deliver, subscription_event

pytestmark = pytest.mark.browser
PEOPLE = {"jane": "active", "john": "trialing", "jay": "past_due", "rick": ""}


@pytest.fixture
def site(world):
    """A running site with members in several statuses, as on the picture."""
    from umstripe import create_app

    app = create_app(world.environ)
    make_administrator(app)
    open_shop(app)
    for name, status in PEOPLE.items():
        if name != "jane":
            make_user(app, name, "Subscriber")
        if status:
            made = subscription_event(status, customer=f"cus_{name}", id_=f"sub_{name}")
            assert deliver(app.test_client(), made).status_code == 200
    settings(app, replace_roles=True)
    return world.site


@pytest.fixture
def logged_in(site, page):
    page.goto(f"{site.url}/login")
    page.get_by_label("Username or Email Address").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log In").click()
    expect(page.get_by_text("Howdy, admin")).to_be_visible()
    return page


def test_users_are_listed_added_edited_and_written_to_the_log(site, logged_in, look):
    page = logged_in
    page.get_by_role("link", name="Users", exact=True).click()
    expect(page.get_by_role("row").filter(has_text="john@example.org")).to_contain_text("Trialing Member")
    look.check("users-list")
    page.get_by_label("All Statuses").select_option(label="Past Due")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("row")).to_have_count(2)
    _add(page, look)
    _edit(site, page, look)
    page.goto(f"{site.url}/admin/activity/")
    expect(page.get_by_text("lena: name Lena Doe → Lena Roe")).to_be_visible()
    page.get_by_text("Details").first.click()
    look.check("activity")


def _add(page, look):
    page.get_by_role("link", name="Add User").first.click()
    page.get_by_label("Username").fill("jane")
    page.get_by_label("Email").fill("lena")
    page.get_by_label("Name", exact=True).fill("Lena Doe")
    page.get_by_role("button", name="Add User").click()
    expect(page.get_by_text("This username is taken.")).to_be_visible()
    expect(page.get_by_text("This is not a mail address.")).to_be_visible()
    look.check("user-add-refused")
    page.get_by_label("Username").fill("lena")
    page.get_by_label("Email").fill("lena@example.org")
    page.get_by_role("button", name="Add User").click()
    expect(page.get_by_text("lena is added.")).to_be_visible()


def _edit(site, page, look):
    page.get_by_label("Name", exact=True).fill("Lena Roe")
    page.get_by_label("Paid Member", exact=True).check()
    page.get_by_role("button", name="Update User").click()
    expect(page.get_by_text("User updated.")).to_be_visible()
    expect(page.get_by_label("Paid Member", exact=True)).to_be_checked()
    page.goto(f"{site.url}/admin/users/?search=jane")
    page.get_by_role("link", name="jane", exact=True).click()
    page.get_by_label("Subscriber", exact=True).check()
    page.get_by_role("button", name="Update User").click()
    expect(page.get_by_text("set aside while a membership gives a role")).to_be_visible()
    look.check("user-edit")
