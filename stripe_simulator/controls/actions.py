"""The actions of the page and of `/_simulator`, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.billing import (
    cards,
    disputes,
    lifecycle,
    pauses,
    payments,
    plan_changes,
    sign_up,
    trials,
)
from stripe_simulator.checkout import delayed_payments
from stripe_simulator.core.calendar import DAY
from stripe_simulator.core.errors import bad_request, missing
from stripe_simulator.core.objects import now

Json = dict[str, Any]
TRIAL_DAYS = 14
STATUSES = (
    "active",
    "trialing",
    "incomplete",
    "incomplete_expired",
    "past_due",
    "unpaid",
    "paused",
    "canceled",
)

SUBSCRIPTION: dict[str, Callable[[Mode, Json], Json]] = {
    "renew": lifecycle.renew,
    "fail": lifecycle.fail,
    "unpaid": lifecycle.unpaid,
    "recover": lifecycle.recover,
    "pause": lifecycle.pause,
    "stop": pauses.stop,
    "trial_pause": trials.end_paused,
    "resume": lambda mode, subscription: pauses.resume(mode, subscription, pauses.ON_SUCCESS),
    "cancel_at_period_end": lifecycle.cancel_at_period_end,
    "undo_cancel": lifecycle.undo_cancel,
    "cancel": lifecycle.cancel,
    "expire_incomplete": lifecycle.expire_incomplete,
    "trial_will_end": trials.will_end,
    "pending_update_expired": lifecycle.pending_update_expired,
}
# status wanted: what happens to a subscription that was active, or on trial
AFTERWARDS: dict[str, Callable[[Mode, Json], Json]] = {
    "past_due": lifecycle.fail,
    "unpaid": lifecycle.unpaid,
    "paused": trials.end_paused,
    "canceled": lifecycle.cancel,
    "incomplete_expired": lifecycle.expire_incomplete,
}


def subscribe(
    mode: Mode, customer: Json, price: str, status: str = "active", trial_days: int | None = None
) -> Json:
    """Return a new subscription that is led to a status, with all the events on the way.

    `trial_days` makes it begin with a trial, of 14 days where the status needs one. Raise StripeError (400).
    """
    if status not in STATUSES:
        raise bad_request(f"Invalid status: must be one of {', '.join(STATUSES)}", "status")
    if trial_days is not None and not 0 <= trial_days <= 730:
        raise bad_request("Invalid trial_days: must be between 0 and 730.", "trial_days")
    sign_up.usable_price(mode, price, "price")
    card = cards.usual(mode, customer)
    days = trial_days or (TRIAL_DAYS if status in ("trialing", "paused") else 0)
    subscription = sign_up.begin(
        mode,
        customer,
        [{"price": price}],
        trial_end=now() + days * DAY if days else None,
        outcome="decline" if status.startswith("incomplete") else "pay",
        default_payment_method=card["id"],
    )
    return AFTERWARDS[status](mode, subscription) if status in AFTERWARDS else subscription


def act(mode: Mode, subscription: Json, action: str, price: str | None = None) -> Json:
    """Take an action for a subscription. Return it. Raise StripeError (400)."""
    if action == "switch":
        if not price:
            raise missing("price")
        return plan_changes.switch(mode, subscription, price, plan_changes.ChangeOptions("none"))
    if action not in SUBSCRIPTION:
        raise bad_request(f"Invalid action: must be one of {', '.join([*SUBSCRIPTION, 'switch'])}", "action")
    return SUBSCRIPTION[action](mode, subscription)


PAYMENTS = ("succeeded", "failed", "pending", "uncaptured")


def pay(
    mode: Mode, customer: Json, amount: int, currency: str, status: str = "succeeded", **about: Any
) -> Json:
    """Return a one-time payment that ends as `status`: `pending` and `uncaptured` wait for another action.

    Return the charge. `amount` is in the currency's smallest unit, `about` are fields of the payment intent.
    Raise StripeError (400).
    """
    if status not in PAYMENTS:
        raise bad_request(f"Invalid status: must be one of {', '.join(PAYMENTS)}", "status")
    card = cards.usual(mode, customer)
    capture = "manual" if status == "uncaptured" else "automatic"
    intent = payments.intent(mode, customer, amount, currency, card, capture_method=capture, **about)
    if status == "pending":
        return payments.begin_slow(mode, intent, card)
    code = "generic_decline" if status == "failed" else cards.decline_code(card)
    return payments.decline(mode, intent, card, code) if code else payments.succeed(mode, intent, card)


def act_on_charge(mode: Mode, charge: Json, action: str, amount: int | None = None) -> Json:
    """Take an action for a charge. Return the charge, the refund or the dispute. Raise StripeError (400)."""
    actions: dict[str, Callable[[], Json]] = {
        "refund": lambda: payments.refund(mode, charge, amount),
        "settle": lambda: delayed_payments.end(mode, charge, well=True),
        "fail": lambda: delayed_payments.end(mode, charge, well=False),
        "capture": lambda: payments.capture(mode, charge),
        "expire": lambda: payments.expire(mode, charge),
        "dispute": lambda: disputes.begin(mode, charge),
        "win_dispute": lambda: disputes.end(mode, charge, won=True),
        "lose_dispute": lambda: disputes.end(mode, charge, won=False),
    }
    if action not in actions:
        raise bad_request(f"Invalid action: must be one of {', '.join(actions)}", "action")
    return actions[action]()
