"""Fields for keys: no browser takes them for a password, and no page brings a typed secret back."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.people import PASSWORD, make_administrator
from tests.processes import Site

KEYS = ("test_publishable_key", "live_publishable_key", "test_secret_key", "live_secret_key")


@pytest.fixture
def settings(app, environ, page, tmp_path):
    """Settings > Extensions > Stripe, as an administrator sees it."""
    make_administrator(app)
    site = Site(environ, tmp_path)
    site.start()
    page.goto(f"{site.url}/login?next=/admin/settings/stripe")
    page.get_by_label("Username or Email").fill("admin")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log In").click()
    expect(page.get_by_role("heading", level=2, name="Stripe", exact=True)).to_be_visible()
    yield page
    site.stop()


def test_a_browser_finds_no_password_on_the_page_of_keys(settings):
    assert settings.locator("input[type=password]").count() == 0
    for name in KEYS:
        field = settings.locator(f"#{name}")
        expect(field).to_have_attribute("autocomplete", "off")
        for attribute in ("data-1p-ignore", "data-lpignore", "data-bwignore"):
            assert field.get_attribute(attribute) is not None
        assert field.evaluate("field => getComputedStyle(field).webkitTextSecurity") == "disc"


@pytest.mark.parametrize("name", KEYS)
def test_what_was_filled_in_wrongly_is_named_and_never_sent_back(settings, name, look):
    settings.evaluate(
        "([id, text]) => { document.getElementById(id).value = text }",
        [name, "administrators own password 42"],
    )
    settings.get_by_role("button", name="Save Changes").last.click()
    expect(settings.locator(f"#{name}-error")).to_be_visible()
    assert "administrators own password 42" not in settings.content()
    look.check(f"key-field-{name}")


def test_a_typed_key_is_masked_on_the_screen(settings, look):
    settings.locator("#test_secret_key").fill("sk_test_51abcdefghijklmnop")
    expect(settings.locator("[data-eye=test_secret_key]")).to_be_visible()
    look.picture("key-field-masked")
    settings.get_by_role("button", name="Show what is typed: Test Secret Key").click()
    look.picture("key-field-shown")
    expect(settings.locator("#test_secret_key")).to_have_value("sk_test_51abcdefghijklmnop")


def test_without_masking_by_css_the_field_hides_the_text_otherwise():
    from tests.databases import ROOT

    css = (ROOT / "static/css/components.css").read_text()
    assert "@supports not (-webkit-text-security: disc)" in css
