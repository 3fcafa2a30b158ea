"""What a customer does in the portal. Each raises StripeError where the configuration does not allow it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.billing import lifecycle, pauses, plan_changes, trials
from stripe_simulator.core.errors import StripeError
from stripe_simulator.portal import page_content

Json = dict[str, Any]


def act(mode: Mode, subscription: Json, action: str, form: Any, features: Json) -> str:
    """Take an action for a subscription. Return what to say about it."""
    if action not in dict(page_content.allowed_actions(mode, subscription, features)):
        raise StripeError(400, "This cannot be done with this subscription.")
    return TURNS[action](mode, subscription, form, features)


def _cancel(mode: Mode, subscription: Json, form: Any, features: Json) -> str:
    cancel_settings = features["subscription_cancel"]
    details: Json = {}
    if cancel_settings["cancellation_reason"]["enabled"]:
        details = {"feedback": form.get("feedback") or None, "comment": form.get("comment") or None}
    if cancel_settings["mode"] == "at_period_end":
        lifecycle.end_at(mode, subscription, True, **details)
        return "Your subscription will end with the period that is paid."
    lifecycle.cancel(mode, subscription, prorate=cancel_settings["proration_behavior"], **details)
    return "Your subscription is canceled."


def _renew(mode: Mode, subscription: Json, _form: Any, _features: Json) -> str:
    lifecycle.end_at(mode, subscription, False)
    return "Your subscription goes on."


def _update(mode: Mode, subscription: Json, form: Any, features: Json) -> str:
    return switch(mode, subscription, form.get("price", ""), features)


def switch(mode: Mode, subscription: Json, price_id: str, features: Json, confirmed: bool = False) -> str:
    """Switch to another price; `confirmed` as in `plan_changes.ChangeOptions`. Raise StripeError, 402 when it cannot be paid."""
    price = page_content.usable(mode, price_id)
    if price["id"] not in [each["id"] for each in page_content.offers(mode, subscription, features)]:
        raise StripeError(400, "This plan is not on offer.")
    options = page_content.switch_options(features)._replace(confirmed=confirmed)
    plan_changes.switch(mode, subscription, price["id"], options)
    if features["subscription_update"]["trial_update_behavior"] == "end_trial":
        fresh = mode.find("subscription", subscription["id"])
        if fresh["status"] == "trialing":
            trials.end_now(mode, fresh)
    return "Your subscription is updated."


def _pause(mode: Mode, subscription: Json, _form: Any, _features: Json) -> str:
    pauses.stop(mode, subscription)
    return "Your subscription is paused."


def _resume(mode: Mode, subscription: Json, _form: Any, _features: Json) -> str:
    after = pauses.resume(mode, subscription, pauses.ON_SUCCESS)
    if after["status"] == "paused":
        return "Your payment failed. Update your payment method, then resume."
    return "Your subscription is active again."


TURNS: dict[str, Callable[[Mode, Json, Any, Json], str]] = {
    "cancel": _cancel,
    "renew": _renew,
    "update": _update,
    "pause": _pause,
    "resume": _resume,
}
