"""What a site does for itself at night: old bodies are forgotten, what failed is kept whole."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.selling import rows, settings


@pytest.fixture
def night(app):
    """Deliveries of different ages, and the night's work. Days are whole; an hour more is over the limit."""
    from umstripe.database import now, write
    from umstripe.jobs import steps, upkeep
    from umstripe.models import Delivery

    def come(name, days, result="processed"):
        at = now() - timedelta(days=days, hours=1)
        about = {"mode": "test", "stripe_event_id": name, "type": "price.updated", "result": result}
        with app.app_context(), write() as tx:
            tx.execute(Delivery.__table__.insert(), {**about, "created": 1, "received_at": at, "body": "{}"})

    steps.use_app(app)
    come.passes = upkeep.forget_old_bodies.__wrapped__
    return come


def bodies(app):
    return dict(rows(app, "SELECT stripe_event_id, body FROM delivery"))


def test_a_body_is_forgotten_after_30_days_and_its_row_stays(app, night):
    night("young", 29)
    night("old", 30)
    night.passes()
    assert bodies(app) == {"young": "{}", "old": ""}
    assert rows(app, "SELECT result FROM delivery") == [("processed",)] * 2


@pytest.mark.parametrize("days", [1, 7, 365])
def test_the_setting_says_after_how_many_days(app, night, days):
    settings(app, keep_bodies_days=days)
    night("young", days - 1)
    night("old", days)
    night.passes()
    assert bodies(app) == {"young": "{}", "old": ""}


@pytest.mark.parametrize("result", ["stale", "foreign", "ignored"])
def test_whatever_became_of_it_a_delivery_that_is_done_is_forgotten(app, night, result):
    night("old", 31, result)
    night.passes()
    assert bodies(app) == {"old": ""}


def test_what_failed_is_kept_whole_for_another_try(app, night):
    for days in (31, 401):
        night(f"failed{days}", days, "failed")
    night.passes()
    assert bodies(app) == {"failed31": "{}", "failed401": "{}"}


def test_rows_are_kept_for_400_days(app, night):
    night("young", 399)
    night("old", 400)
    night.passes()
    assert bodies(app) == {"young": ""}


def test_a_second_night_changes_nothing_more(app, night):
    night("old", 31)
    night.passes()
    before = rows(app, "SELECT * FROM delivery")
    night.passes()
    assert rows(app, "SELECT * FROM delivery") == before


@pytest.mark.one_database
@pytest.mark.parametrize("typed", ["a week", "", "0", "366", "-1", "1.5", "9" * 400])
def test_days_that_are_none_are_told_in_one_sentence_and_lose_nothing(admin, typed):
    page = admin.submit("/admin/settings/", keep_bodies_days=typed, site_name="Harbour Club")
    assert "Please type a number of days from 1 to 365." in page.text and "Not a valid" not in page.text
    fields = page.form("keep_bodies_days")["fields"]
    assert (fields["keep_bodies_days"], fields["site_name"]) == ([typed], ["Harbour Club"])


def test_days_are_saved(app, admin):
    admin.submit("/admin/settings/", keep_bodies_days=" 45 ", site_name="Harbour Club")
    assert rows(app, "SELECT keep_bodies_days FROM settings") == [(45,)]
