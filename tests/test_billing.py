"""“I manage my membership”: the account's tabs, and what a member changes of a subscription, at a real simulator."""

from __future__ import annotations

import pytest

from tests.members import AtBilling, member
from tests.people import PASSWORD, make_user
from tests.selling import rows

BILLING = "/account/billing/"


@pytest.fixture
def site(database_url, tmp_path):
    world = AtBilling(database_url, tmp_path)
    yield world
    world.stop()


@pytest.fixture
def jane(site):
    return member(site.app)


def test_the_account_has_tabs_and_says_the_roles_with_the_reason(jane):
    page = jane.get("/account/")
    for tab in ("Account", "Change Password", "Billing"):
        assert tab in page.text
    assert "Active Member (Basic Plan: Active)" in page.text


def test_another_mail_address_wants_the_password_and_loses_nothing_that_was_typed(site, jane):
    page = jane.submit("/account/", name="Jane Doe", email="doe@example.org")
    assert "Please type your current password" in page.text
    assert page.form("email")["fields"]["email"] == ["doe@example.org"]
    page = jane.submit("/account/", name="Jane Doe", email="doe@example.org", password="wrong")
    assert "This is not your current password." in page.text
    page = jane.submit("/account/", name="Jane Doe", email="doe@example.org", password=PASSWORD)
    assert "Your account is updated." in page.text and "Jane Doe" in page.text
    line = rows(
        site.app, "SELECT trigger, description FROM activity WHERE action = 'security.account_changed'"
    )
    assert line == [("member", "jane: email jane@example.org → doe@example.org, name none → Jane Doe")]


def test_a_name_is_changed_without_the_password(jane):
    assert "Your account is updated." in jane.submit("/account/", name="Jane Doe").text


def test_nobody_takes_anothers_mail_address(site, jane):
    make_user(site.app, "bob")
    page = jane.submit("/account/", email="BOB@example.org", password=PASSWORD)
    assert "Another user has this mail address." in page.text


def test_billing_says_the_state_the_price_and_the_invoices(site, jane):
    page = jane.get(BILLING)
    assert "Basic Plan" in page.text and "$9.99 / month" in page.text
    assert "Active. The next payment" in page.text
    assert "Paid" in page.text and "$9.99" in page.text
