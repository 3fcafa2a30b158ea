"""A member goes from one plan to another: what it costs now and later, then exactly that.

https://docs.stripe.com/billing/subscriptions/change-price. The difference is invoiced and charged at once
(`always_invoice`); when the card is declined nothing changes (`error_if_incomplete`: Stripe answers 402). What was
shown and what is done count from the same second, `proration_date`; it comes back signed with the form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from itsdangerous import BadSignature

from umstripe.billing import change
from umstripe.billing.overview import standings_of
from umstripe.database import db
from umstripe.errors import ActionUnavailable, StripeRefused
from umstripe.keys.signing import serializer
from umstripe.memberships.summary import GOING_ON, MembershipSummary
from umstripe.models import Connection, Plan, User
from umstripe.models.subscription import price_of, status_of
from umstripe.webhooks import reconcile

SHOWN_FOR_SECONDS = 30 * 60
SALT = "umstripe-switch"
STALE = "The amounts were shown a while ago, or your plan has changed meanwhile. Please look at them again."
DECLINED = "Nothing was changed: the payment did not go through. {} Change your way of paying in the Customer Portal, then try again."
BANK_ASKS = "Nothing was changed yet: your bank wants you to confirm this payment."
MUST_CONFIRM = ("authentication_required", "subscription_payment_intent_requires_action")
"""Stripe's codes for that: https://docs.stripe.com/billing/subscriptions/overview#requires-action."""


class MustConfirm(ActionUnavailable):
    """The payment needs its owner, on a page of Stripe's (see `portal.address_to_switch`)."""


@dataclass(frozen=True)
class Offer:
    """What a switch costs: `due_now`, `credit` and `after_trial` (0 unless in one) in minor units, with discounts and
    taxes; the plan's price from `later_at` (seconds, UTC) on. `token` is what the form sends back.
    """

    one: MembershipSummary
    plan: Plan
    due_now: int
    credit: int
    after_trial: int
    currency: str
    later_at: int | None
    token: str

    @property
    def new_period(self) -> bool:
        """Whether the day of payment changes: another interval begins a new period now."""
        return self.one.status != "trialing" and _cycle(self.one.holding.price) != _cycle(self.plan.price)


def membership_for(user: User, plan: Plan) -> MembershipSummary | None:
    """The subscription that would be switched to a plan: one that allows it before one that does not."""
    mine = [one for one in standings_of(user) if one.is_subscription and one.status in GOING_ON]
    mine = [one for one in mine if one.row.mode == plan.mode]
    return next((one for one in mine if plan in one.targets), mine[0] if mine else None)


def why_not(one: MembershipSummary, plan: Plan) -> str:
    """Why a membership cannot be switched to a plan, in a sentence; "" when it can."""
    present = one.holding.plan
    if one.row.stripe_price_id == plan.price.stripe_price_id:
        return f"You have this plan already: {plan.title}."
    if one.why_not("switch"):
        return one.why_not("switch")
    if present is None or plan.price.type != "recurring":
        return f"Your membership cannot be switched to {plan.title}. Please write to us."
    if plan.price.currency != present.price.currency:
        return (
            f"{plan.title} is paid in {plan.price.currency.upper()}, your membership in "
            f"{present.price.currency.upper()}. A membership cannot change its currency: cancel it, and subscribe again when it has ended."
        )
    if plan not in one.targets:
        return f"Your present plan, {present.title}, does not allow a switch to {plan.title}."
    return ""


def offer(one: MembershipSummary, plan: Plan) -> Offer:
    """Ask Stripe what a switch costs: two calls. Raises ActionUnavailable and StripeError."""
    if why_not(one, plan):
        raise ActionUnavailable(why_not(one, plan))
    stripe = Connection.of(one.row.mode).stripe(retries=0)
    db.session.commit()
    answer = stripe.fetch("subscription", one.row.stripe_subscription_id)
    subscription = answer.object
    _must_be_as_known(one, subscription)
    item = subscription["items"]["data"][0]
    at = min(max(answer.as_of, item["current_period_start"]), item["current_period_end"] - 1)
    change_ = _items(item["id"], plan) | {"proration_date": at}
    shown = stripe.preview_invoice({"subscription": subscription["id"], "subscription_details": change_})
    return _offer(one, plan, shown, item, at)


def _must_be_as_known(one: MembershipSummary, subscription: Mapping[str, Any]) -> None:
    known = (one.row.status, one.row.stripe_price_id, one.row.cancel_at)
    said = (
        status_of(subscription),
        price_of(subscription) if not subscription.get("deleted") else "",
        subscription.get("cancel_at"),
    )
    if known != said:
        reconcile.look(one.row.mode, one.row.customer.stripe_customer_id, "member")
        raise ActionUnavailable(change.MEANWHILE)


def _items(item_id: str, plan: Plan) -> dict[str, Any]:
    return {
        "items": [{"id": item_id, "price": plan.price.stripe_price_id}],
        "proration_behavior": "always_invoice",
    }


def _offer(
    one: MembershipSummary, plan: Plan, shown: Mapping[str, Any], item: Mapping[str, Any], at: int
) -> Offer:
    """In a trial nothing is due now: what Stripe shows then is the invoice at its end."""
    in_trial = one.status == "trialing"
    due, after_trial = (0, shown["amount_due"]) if in_trial else (shown["amount_due"], 0)
    credit = 0 if in_trial else max(0, -shown["total"])
    ends = [line["period"]["end"] for line in shown["lines"]["data"]]
    same = _cycle(one.holding.price) == _cycle(plan.price)
    later = one.row.trial_end if in_trial else item["current_period_end"] if same else max(ends, default=None)
    said = [
        one.row.stripe_subscription_id,
        item["id"],
        one.row.stripe_price_id,
        plan.price.stripe_price_id,
        at,
    ]
    return Offer(one, plan, due, credit, after_trial, shown["currency"], later, serializer(SALT).dumps(said))


def accept(one: MembershipSummary, plan: Plan, token: str) -> None:
    """Do what was shown. Raises ActionUnavailable when it is not what was shown any more, and when it cannot be paid; MustConfirm
    when the bank wants the owner of the card to say yes."""
    if why_not(one, plan):
        raise ActionUnavailable(why_not(one, plan))
    try:
        subscription_id, item_id, before, after, at = serializer(SALT).loads(token, max_age=SHOWN_FOR_SECONDS)
    except (BadSignature, ValueError, TypeError):
        raise ActionUnavailable(STALE) from None
    now = [one.row.stripe_subscription_id, one.row.stripe_price_id, plan.price.stripe_price_id]
    if now != [subscription_id, before, after]:
        raise ActionUnavailable(STALE)
    params = _items(item_id, plan) | {"proration_date": at}
    params["metadata"] = {"umstripe_plan": plan.key, "umstripe_price": after}
    if one.is_automatic:
        params["payment_behavior"] = "error_if_incomplete"
    note = f"Switches from {one.holding.title} to {plan.title}"
    try:
        change.update(change.Request.about(one, note), params)
    except StripeRefused as refusal:
        raise _unpaid(refusal) from None


def _unpaid(refusal: StripeRefused) -> Exception:
    if refusal.code in MUST_CONFIRM:
        return MustConfirm(BANK_ASKS)
    if refusal.status == change.CARD_DECLINED:
        return ActionUnavailable(DECLINED.format(str(refusal)))
    if change.no_card(refusal):
        return ActionUnavailable(change.NO_CARD)
    return refusal


def _cycle(price: Any) -> tuple[str, int] | None:
    return (price.interval, price.interval_count) if price else None
