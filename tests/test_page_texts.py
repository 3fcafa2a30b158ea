"""The administrator's own words on pages: what stands in braces is filled in, for members and for visitors."""

from __future__ import annotations

import pytest

from tests.people import Browserless, make_administrator
from tests.shop import Shop

OWN = {"title": "{site} says", "body": "Thank you, **{name}**!"}
TEXTS = "/admin/settings/texts/"


@pytest.fixture
def shop(database_url, tmp_path):
    one = Shop(database_url, tmp_path)
    make_administrator(one.app)
    admin = Browserless(one.app.test_client())
    admin.log_in("admin")
    for name in ("success", "canceled", "checkout"):
        admin.submit(f"{TEXTS}page.{name}", **OWN)
    yield one
    one.stop()


def test_a_member_is_called_by_name_and_a_visitor_is_a_visitor(shop):
    key, member = shop.offer(), shop.member()
    page = member.get(f"/subscribe/{key}")
    assert "Member Site says" in page.text and "<strong>karl</strong>" in page.html
    page = member.get(shop.buy(member, key))
    assert "Member Site says" in page.text and "<strong>karl</strong>" in page.html
    page = member.get("/checkout/canceled")
    assert "Member Site says" in page.text and "<strong>karl</strong>" in page.html
    page = shop.visitor().get("/checkout/canceled")
    assert "Member Site says" in page.text and "<strong>visitor</strong>" in page.html
