"""Nobody is charged twice: whatever of a paid Checkout has come here so far, and whatever is still on its way."""

from __future__ import annotations

import pytest

from stripe_simulator.testing import CARD, Walk
from tests.selling import roles_of
from tests.shop import Shop
from tests.stripe_events import deliver

DECLINED = {**CARD, "number": "4000 0000 0000 0002"}


@pytest.fixture
def shop(database_url, tmp_path):
    one = Shop(database_url, tmp_path)
    yield one
    one.stop()


def bring(shop, type_, **changes):
    """Bring the first event of a type, with what Stripe usually says in it."""
    event = next(one for one in shop.events() if one["type"] == type_)
    event["data"]["object"] |= changes
    shop.seen.add(event["id"])
    assert deliver(shop.app.test_client(), event).status_code == 200


def begun_incomplete(shop):
    """Before its payment a subscription is `incomplete`, and that is what its first event says."""
    bring(shop, "customer.subscription.created", status="incomplete")


def is_not_sold_again(shop, member, key):
    answer = shop.press(member, key)
    assert answer.headers["Location"].startswith("/checkout/already-subscribed"), answer.text
    assert [one["status"] for one in shop.sessions()] == ["complete"]


def test_a_subscription_that_began_incomplete_is_not_sold_again_while_its_update_is_late(shop):
    key, member = shop.offer(), shop.member()
    shop.buy(member, key)
    begun_incomplete(shop)
    assert shop.statuses() == ["incomplete"]
    is_not_sold_again(shop, member, key)
    assert shop.statuses() == ["active"] and roles_of(shop.app, "karl") == ["Active Member", "Subscriber"]
    assert set(shop.deliver()) == {200} and shop.statuses() == ["active"]


def test_the_sessions_delivery_asks_stripe_what_became_of_an_incomplete_subscription(shop):
    key, member = shop.offer(), shop.member()
    shop.buy(member, key)
    begun_incomplete(shop)
    assert shop.deliver("checkout.session.completed") == [200]
    assert shop.statuses() == ["active"]


def test_a_second_card_that_paid_counts_while_only_the_first_ones_failure_has_come(shop):
    key, member = shop.offer("Course", interval=""), shop.member()
    walk = Walk(shop.pay_url(member, key)).press(**DECLINED)
    assert "declined" in walk.text
    bring(shop, "charge.failed", customer=shop.sessions()[0]["customer"])
    assert shop.statuses() == ["failed"]
    walk.press(**CARD)
    is_not_sold_again(shop, member, key)
    assert shop.statuses() == ["paid"]
    assert set(shop.deliver()) == {200} and shop.statuses() == ["paid"]
