"""Which mails come of what Stripe tells, also when something else than the delivery has told it first."""

from __future__ import annotations

import time

import pytest

from tests.at_stripe import AtStripe
from tests.selling import open_shop, rows
from tests.stripe_events import deliver, event, subscription_event

DAY = 24 * 3600
LATER = 1_900_000_000


@pytest.fixture
def shop(app):
    open_shop(app)
    return app


@pytest.fixture
def site(database_url, tmp_path):
    one = AtStripe(database_url, tmp_path)
    yield one
    one.stop()


def send(app, made):
    assert deliver(app.test_client(), made).status_code == 200


def kinds(app):
    return [kind for (kind,) in rows(app, "SELECT kind FROM mail ORDER BY id")]


def text_of(app, kind):
    from umstripe import post
    from umstripe.models import Mail

    with app.app_context():
        return post.rendered(Mail.query.filter_by(kind=kind).one(), with_secrets=False).text


def look(site):
    """What is done when a member comes back from the portal: Stripe is asked before its deliveries come."""
    from umstripe import truth

    with site.app.app_context():
        truth.sync("test", site.customer)


def bring(site, seen):
    """The deliveries that have not come yet. Gives their ids."""
    new = [one for one in site.events() if one["id"] not in seen and one["type"].startswith("customer.sub")]
    for one in new:
        assert site.deliver(one).status_code == 200
    return seen | {one["id"] for one in new}


def test_an_end_that_stripe_was_asked_about_first_is_told_by_the_delivery_that_follows(site):
    seen = bring(site, set())
    site.simulator.call("POST", f"/subscriptions/{site.subscription}", cancel_at_period_end="true")
    time.sleep(3)
    look(site)
    assert kinds(site.app) == []
    seen = bring(site, seen)
    assert kinds(site.app) == ["membership_ends"]
    site.simulator.do(f"/subscriptions/{site.subscription}/cancel")
    time.sleep(3)
    look(site)
    bring(site, seen)
    bring(site, set())
    assert kinds(site.app) == ["membership_ends", "membership_ended"]


def test_what_was_over_before_it_was_ours_is_no_news_though_all_of_it_is_told_again(shop):
    """Handlers get what came before a link newest first."""
    at = int(time.time())
    send(shop, subscription_event("canceled", at, "customer.subscription.deleted"))
    send(shop, subscription_event("active", at - 10, cancel_at=None))
    assert kinds(shop) == []


def test_who_has_canceled_in_the_trial_is_not_told_that_it_goes_on(shop):
    at = int(time.time())
    ends = {"trial_end": LATER, "cancel_at": LATER}
    send(shop, subscription_event("trialing", at - 10, **ends))
    send(shop, subscription_event("trialing", at, "customer.subscription.trial_will_end", **ends))
    assert kinds(shop) == ["membership_ends"]


TRIALS = [
    ("create_invoice", None, "After that your membership goes on at its price."),
    ("pause", None, "otherwise it pauses until you give one."),
    ("cancel", None, "otherwise it ends."),
    ("cancel", "pm_1", "After that your membership goes on at its price."),
]


@pytest.mark.parametrize(("behavior", "card", "says"), TRIALS)
def test_the_end_of_a_trial_says_what_happens_without_a_card(shop, behavior, card, says):
    told = {"trial_settings": {"end_behavior": {"missing_payment_method": behavior}}}
    told |= {"default_payment_method": card, "trial_end": LATER, "cancel_at": None}
    send(shop, subscription_event("trialing", type_="customer.subscription.trial_will_end", **told))
    assert says in text_of(shop, "trial_ends") and "{" not in text_of(shop, "trial_ends")


def invoice(type_, at, **said):
    parent = {"type": "subscription_details", "subscription_details": {"subscription": "sub_jane"}}
    said = {"id": "in_jane", "customer": "cus_jane", "amount_due": 999, "currency": "usd", **said}
    return event(f"invoice.{type_}", at, parent=parent, next_payment_attempt=at + 5 * DAY, **said)


def test_a_failed_payment_that_is_told_after_it_was_paid_is_no_news(shop):
    at = int(time.time())
    send(shop, invoice("paid", at))
    send(shop, invoice("payment_failed", at - 3600))
    assert kinds(shop) == []


def test_a_failed_payment_that_is_told_when_all_is_well_again_is_no_news(shop):
    at = int(time.time())
    send(shop, subscription_event("active", at, cancel_at=None))
    send(shop, invoice("payment_failed", at - 3600))
    assert kinds(shop) == []
    send(shop, invoice("payment_failed", at, attempt_count=7))
    assert "We try again on" in text_of(shop, "payment_failed")


def test_no_new_try_is_promised_when_the_membership_has_ended(shop):
    at = int(time.time())
    send(shop, subscription_event("past_due", at - 20, cancel_at=None))
    send(shop, subscription_event("canceled", at, "customer.subscription.deleted"))
    send(shop, invoice("payment_failed", at - 10))
    assert "We try again" not in text_of(shop, "payment_failed")
