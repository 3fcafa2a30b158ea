"""The page for whoever orders what they have already: it says what that is."""

from __future__ import annotations

import pytest

from tests.shop import Shop

PAGE = "/checkout/already-subscribed"


@pytest.fixture
def shop(database_url, tmp_path):
    one = Shop(database_url, tmp_path)
    yield one
    one.stop()


def test_whoever_has_nothing_is_led_to_billing(shop):
    key, member = shop.offer("Course", interval=""), shop.member()
    for address in (PAGE, f"{PAGE}?plan={key}", f"{PAGE}?plan=unknown", f"{PAGE}?plan=%00"):
        answer = member.client.get(address)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/account/billing/")


def test_each_kind_of_what_is_held_is_called_what_it_is(shop):
    course, member = shop.offer("Course", interval=""), shop.member()
    shop.buy(member, course)
    shop.deliver()
    assert "Already bought" in member.get(f"/subscribe/{course}").text
    reserved = shop.offer("Seminar", interval="", approval=True)
    shop.buy(member, reserved)
    shop.deliver()
    page = member.get(f"/subscribe/{reserved}")
    assert "Waiting for approval" in page.text and "only reserved" in page.text
    assert "bought this" not in page.text
    gold = shop.offer()
    shop.buy(member, gold)
    shop.deliver()
    assert "Already subscribed" in member.get(f"/subscribe/{gold}").text
    assert "Already bought" in member.get(f"/subscribe/{course}").text, "what was asked for is what is told"


def test_a_debit_on_its_way_is_a_payment_that_is_pending(shop):
    course, member = shop.offer("Course", interval=""), shop.member()
    shop.buy(member, course, method="bank_debit")
    shop.deliver()
    page = member.get(f"/subscribe/{course}")
    assert "Payment pending" in page.text and "cannot order again meanwhile" in page.text
