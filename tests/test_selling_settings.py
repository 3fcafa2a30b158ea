"""Settings > Selling."""

from __future__ import annotations

from tests.selling import rows

SELLING = "/admin/settings/selling/"


def test_what_is_ticked_is_kept_and_logged(app, admin):
    page = admin.submit(SELLING, register_field="single", pause_allowed="y", cancel_allowed=None)
    assert "Settings have been saved successfully." in page.text
    stored = rows(app, "SELECT register_field, pause_allowed, cancel_allowed, one_trial FROM settings")[0]
    assert (stored[0], *map(bool, stored[1:])) == ("single", True, False, True)
    line = "SELECT description FROM activity WHERE action = 'security.settings_changed'"
    assert rows(app, line)[-1] == ("Selling settings changed: register_field, cancel_allowed, pause_allowed",)


def test_a_choice_that_does_not_exist_is_refused(app, admin):
    admin.submit(SELLING, register_field="gold")
    assert rows(app, "SELECT register_field FROM settings") == [("several",)]


def test_automatic_tax_says_what_stripe_needs(admin):
    assert "Stripe Tax must be set up first" in admin.get(SELLING).text
