"""Which mails come of what Stripe tells, also when something else than the delivery has told it first."""

from __future__ import annotations

import time

import pytest

from tests import test_purchases
from tests.at_stripe import AtStripe
from tests.selling import open_shop, rows
from tests.stripe_events import deliver, event, subscription_event
from tests.test_purchases import DAY, PAID, RESERVED, lasts

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
    from umstripe.database import db
    from umstripe.emails import outbox
    from umstripe.models import Mail

    with app.app_context():
        return outbox.render_mail(db.session.query(Mail).filter_by(kind=kind).one(), with_secrets=False).text


def look(site):
    """What is done when a member comes back from the portal: Stripe is asked before its deliveries come."""
    from umstripe.webhooks import reconcile

    with site.app.app_context():
        reconcile.sync("test", site.customer)


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


NOW = int(time.time())


def charge(type_, at, payment="pi_1", **changed):
    return test_purchases.charge(type_, at, payment, **{"created": at, **changed})


def mails(app):
    return rows(app, "SELECT kind, about FROM mail ORDER BY id")


@pytest.mark.parametrize(
    ("settled", "state", "kind", "says"),
    [
        ("captured", PAID, "order_paid", "The payment of $29.00 for Lifetime has arrived"),
        ("succeeded", PAID, "order_paid", "what it gives is yours now"),
        ("expired", {**RESERVED, "refunded": True}, "order_failed", "an amount that was reserved goes back"),
        ("failed", {**RESERVED, "status": "failed"}, "order_failed", "Nothing was taken"),
    ],
)
def test_whose_payment_waited_is_told_once_what_became_of_it(shop, settled, state, kind, says):
    waits = RESERVED if settled in ("captured", "expired") else {**RESERVED, "status": "pending"}
    now = int(time.time())
    send(shop, charge("pending", now - 60, **waits))
    assert mails(shop) == []
    for late in (0, 0, 5):
        send(shop, charge(settled, now + late, **{**state, "created": now - 60}))
    assert mails(shop) == [(kind, "pi_1")]
    assert says in text_of(shop, kind)


def test_what_is_paid_at_once_or_long_ago_makes_no_mail(shop):
    now = int(time.time())
    send(shop, charge("succeeded", now, **PAID))
    send(shop, charge("pending", now - 9 * DAY, "pi_2", **RESERVED))
    send(shop, charge("captured", now - 8 * DAY, "pi_2", **{**PAID, "created": now - 9 * DAY}))
    assert mails(shop) == []


def test_a_full_refund_ends_the_membership_and_says_so_a_part_does_not(shop):
    now = int(time.time())
    send(shop, charge("succeeded", now - 60, **PAID))
    send(shop, charge("refunded", now - 30, **{**PAID, "amount_refunded": 900, "created": now - 60}))
    assert mails(shop) == []
    whole = {**PAID, "amount_refunded": 2900, "refunded": True, "created": now - 60}
    for at in (now - 20, now - 20, now):
        send(shop, charge("refunded", at, **whole))
    assert mails(shop) == [("membership_ended", "pi_1")]


def tell(app):
    """What the worker of a connected site does every ten minutes."""
    from umstripe.database import now, writing
    from umstripe.jobs import schedule, steps
    from umstripe.models import Connection

    with app.app_context(), writing():
        Connection.of("test").connected_at = now()
    steps.use_app(app)
    schedule.every_ten_minutes.__wrapped__(None, None)


@pytest.mark.parametrize(("ago", "told"), [(6, []), (7, ["pi_1"]), (9, ["pi_1"]), (11, [])])
def test_whose_time_has_run_out_is_told_once_and_within_three_days(shop, ago, told):
    lasts(shop, 7, "day")
    at = int(time.time()) - ago * DAY - 10
    send(shop, charge("succeeded", at, **PAID))
    tell(shop)
    tell(shop)
    assert mails(shop) == [("membership_ended", payment) for payment in told]


@pytest.mark.parametrize(
    ("again", "told"),
    [
        (charge("succeeded", NOW - 2 * DAY, "pi_2", **PAID), []),
        (charge("pending", NOW - DAY, "pi_2", **{**RESERVED, "status": "pending"}), []),
        (charge("succeeded", NOW - 8 * DAY + 60, "pi_2", **PAID), ["pi_2"]),
        (charge("succeeded", NOW - 8 * DAY, "pi_2", **PAID), ["pi_2"]),
    ],
    ids=["lasts longer", "is on its way", "has ended, too", "has ended in the same second"],
)
def test_who_has_bought_it_again_is_told_of_the_last_alone(shop, again, told):
    lasts(shop, 7, "day")
    send(shop, charge("succeeded", NOW - 8 * DAY, **PAID))
    send(shop, again)
    tell(shop)
    assert mails(shop) == [("membership_ended", payment) for payment in told]


def test_a_refund_of_what_was_bought_twice_is_no_end(shop):
    for payment in ("pi_1", "pi_2"):
        send(shop, charge("succeeded", NOW - 60, payment, **PAID))
    whole = {**PAID, "amount_refunded": 2900, "refunded": True, "created": NOW - 60}
    send(shop, charge("refunded", NOW, **whole))
    assert mails(shop) == []
    send(shop, charge("refunded", NOW + 1, "pi_2", **whole))
    assert mails(shop) == [("membership_ended", "pi_2")]


def test_a_copy_of_the_site_tells_nobody(shop):
    from umstripe.database import writing
    from umstripe.models import Settings

    lasts(shop, 7, "day")
    send(shop, charge("succeeded", NOW - 8 * DAY, **PAID))
    with shop.app_context(), writing():
        Settings.get().home = {"instance": "another", "address": "", "database": ""}
    tell(shop)
    assert mails(shop) == []
