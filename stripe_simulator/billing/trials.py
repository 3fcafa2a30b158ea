"""How a trial ends: https://docs.stripe.com/billing/subscriptions/trials."""

from __future__ import annotations

from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.billing import cards, lifecycle, pauses
from stripe_simulator.core.objects import now

Json = dict[str, Any]


def will_end(mode: Mode, subscription: Json) -> Json:
    """Record `trial_will_end`, which Stripe sends three days before the end of a trial."""
    lifecycle.require(subscription, "trialing")
    mode.record("customer.subscription.trial_will_end", subscription)
    return subscription


def end_paused(mode: Mode, subscription: Json) -> Json:
    """Pause a subscription whose trial ended without a card."""
    lifecycle.require(subscription, "trialing")
    return pauses.paused(mode, subscription, "trial_end_without_payment_method")


def end_now(mode: Mode, subscription: Json) -> Json:
    """End a trial early: `trial_will_end` is recorded and the first paid period begins.

    https://docs.stripe.com/api/events/types#event_types-customer.subscription.trial_will_end
    """
    will_end(mode, subscription)
    ended = subscription | {"trial_end": now()}
    if (stopped := without_card(mode, ended)) is not None:
        return stopped
    return mode.change(subscription, lifecycle.UPDATED, trial_end=now(), **lifecycle.new_period(mode, ended))


def without_card(mode: Mode, subscription: Json) -> Json | None:
    """Return what `trial_settings` want for a trial that ends without a card; None when the first period shall begin."""
    if subscription["collection_method"] == "send_invoice" or cards.for_subscription(mode, subscription):
        return None
    behavior = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    if behavior == "cancel":
        return lifecycle.cancel(mode, subscription, "payment_failed")
    return end_paused(mode, subscription) if behavior == "pause" else None
