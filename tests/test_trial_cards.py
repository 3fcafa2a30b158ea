"""One trial per card, on whatever account, where Stripe tells the card."""

from __future__ import annotations

import pytest

from tests.selling import rows, settings
from tests.shop import Shop
from tests.shopper import Walk


@pytest.fixture
def shop(database_url, tmp_path):
    world = Shop(database_url, tmp_path)
    settings(world.app, one_trial_per_card=True)
    world.key = world.offer("Gold", trial_days=14)
    yield world
    world.stop()


def check(shop):
    from umstripe.jobs.trials import check_trials_of

    with shop.app.app_context():
        check_trials_of("test")


def begin(shop, username):
    shop.buy(shop.member(username), shop.key)
    shop.deliver()


def test_a_second_trial_with_a_card_is_ended_and_nothing_is_charged(shop):
    begin(shop, "karl")
    begin(shop, "lena")
    check(shop)
    assert (shop.statuses("karl"), shop.statuses("lena")) == (["trialing"], ["canceled"])
    charges = shop.simulator.call("GET", "/charges", limit=10)["data"]
    shop.deliver()
    check(shop)
    mails = rows(shop.app, "SELECT kind FROM mail WHERE kind IN ('trial_repeated', 'membership_ended')")
    assert (
        mails == [("trial_repeated",)] and charges == shop.simulator.call("GET", "/charges", limit=10)["data"]
    )
    lines = rows(shop.app, "SELECT count(*) FROM activity WHERE action = 'trial.ended'")
    assert lines == [(1,)]


def test_another_card_has_a_trial_of_its_own(shop):
    begin(shop, "karl")
    shop.buy(shop.member("lena"), shop.key, number="5555555555554444")
    shop.deliver()
    check(shop)
    assert shop.statuses("lena") == ["trialing"]


def test_who_was_not_told_keeps_the_trial(shop):
    settings(shop.app, one_trial_per_card=False)
    begin(shop, "karl")
    begin(shop, "lena")
    settings(shop.app, one_trial_per_card=True)
    check(shop)
    assert (shop.statuses("karl"), shop.statuses("lena")) == (["trialing"], ["trialing"])


def test_checkout_says_so_before_the_card_is_given(shop):
    member = shop.member()
    assert "There is one trial per card" in member.get(f"/subscribe/{shop.key}").text
    assert "There is one free trial per card" in Walk(shop.pay_url(member, shop.key)).text
    (session,) = shop.sessions()
    assert "one free trial per card" in session["custom_text"]["submit"]["message"]


def test_no_fingerprint_is_kept_as_stripe_tells_it(shop):
    begin(shop, "karl")
    check(shop)
    ((card,),) = rows(shop.app, "SELECT card FROM trial_card")
    method = shop.simulator.call("GET", "/subscriptions")["data"][0]["default_payment_method"]
    told = shop.simulator.call("GET", f"/payment_methods/{method}")["card"]["fingerprint"]
    assert len(card) == 64 and told not in card
