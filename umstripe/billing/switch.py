"""A member goes from one plan to another: what it costs now and later, then exactly that.

https://docs.stripe.com/billing/subscriptions/change-price. The difference is invoiced and charged at once
(`always_invoice`); when the card is declined nothing changes (`error_if_incomplete`: Stripe answers 402). What was
shown and what is done count from the same second, `proration_date`; it comes back signed with the form.
"""

from __future__ import annotations

from dataclasses import dataclass

from itsdangerous import BadSignature

from umstripe.billing import change
from umstripe.billing.overview import summaries_of
from umstripe.errors import ActionUnavailable, StripeRefused
from umstripe.keys.signing import serializer
from umstripe.memberships.summary import MembershipSummary
from umstripe.models import Plan, Price, User
from umstripe.models.subscription import price_of, status_of
from umstripe.stripe_api import page_types
from umstripe.stripe_api.calls import JSONObject
from umstripe.transactions import asking_stripe
from umstripe.webhooks import reconcile

QUOTE_SECONDS = 30 * 60
"""How long the amounts that were shown may be accepted."""
SALT = "umstripe-switch"
STALE = "The amounts were shown a while ago, or your plan has changed meanwhile. Please look at them again."
DECLINED = "Nothing was changed: the payment did not go through. {} Change your way of paying in the Customer Portal, then try again."
BANK_ASKS = "Nothing was changed yet: your bank wants you to confirm this payment."
REQUIRES_ACTION = ("authentication_required", "subscription_payment_intent_requires_action")
"""Stripe's codes for that: https://docs.stripe.com/billing/subscriptions/overview#requires-action."""


class MustConfirm(ActionUnavailable):
    """The payment needs its owner, on a page of Stripe's (see `portal.switch_url`)."""


@dataclass(frozen=True)
class Quote:
    """What a switch costs: `due_now`, `credit` and `after_trial` (0 unless in one) in minor units, with discounts and
    taxes; the plan's price from `later_at` (seconds, UTC) on. `token` is what the form sends back.
    """

    membership: MembershipSummary
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
        return self.membership.status != "trialing" and not _same_interval(self.membership, self.plan)


def membership_for(user: User, plan: Plan) -> MembershipSummary | None:
    """Return the subscription that would be switched to a plan: one that allows it before one that does not."""
    summaries = [summary for summary in summaries_of(user) if summary.is_subscription]
    going_on = [summary for summary in summaries if summary.is_live and summary.row.mode == plan.mode]
    allowing = (summary for summary in going_on if plan in summary.targets)
    return next(allowing, going_on[0] if going_on else None)


def why_not(membership: MembershipSummary, plan: Plan) -> str:
    """Return why a membership cannot be switched to a plan, in a sentence; "" when it can."""
    present = membership.holding.plan
    if membership.row.stripe_price_id == plan.price.stripe_price_id:
        return f"You have this plan already: {plan.title}."
    if membership.why_not("switch"):
        return membership.why_not("switch")
    if present is None or plan.price.type != "recurring":
        return f"Your membership cannot be switched to {plan.title}. Please write to us."
    if plan.price.currency != present.price.currency:
        return (
            f"{plan.title} is paid in {plan.price.currency.upper()}, your membership in "
            f"{present.price.currency.upper()}. A membership cannot change its currency: cancel it, and subscribe again when it has ended."
        )
    if plan not in membership.targets:
        return f"Your present plan, {present.title}, does not allow a switch to {plan.title}."
    return ""


def ensure_allowed(membership: MembershipSummary, plan: Plan) -> None:
    """Raise ActionUnavailable when a membership cannot be switched to a plan."""
    if reason := why_not(membership, plan):
        raise ActionUnavailable(reason)


def quote(membership: MembershipSummary, plan: Plan) -> Quote:
    """Ask Stripe what a switch costs: two calls. Raise ActionUnavailable and StripeError."""
    ensure_allowed(membership, plan)
    row = membership.row
    with asking_stripe(row.mode, retries=0) as stripe:
        answer = stripe.fetch("subscription", row.stripe_subscription_id)
        subscription = answer.object
        _ensure_unchanged(membership, subscription)
        item = subscription["items"]["data"][0]
        at = min(max(answer.as_of, item["current_period_start"]), item["current_period_end"] - 1)
        details = _params(item["id"], plan) | {"proration_date": at}
        invoice = stripe.preview_invoice(
            {"subscription": subscription["id"], "subscription_details": details}
        )
    return _quote(membership, plan, invoice, item, at)


def _ensure_unchanged(membership: MembershipSummary, subscription: JSONObject) -> None:
    """Raise ActionUnavailable when the subscription at Stripe is not what our row has, which is brought in line then."""
    row = membership.row
    price_id = price_of(subscription) if not subscription.get("deleted") else ""
    at_stripe = (status_of(subscription), price_id, subscription.get("cancel_at"))
    if (row.status, row.stripe_price_id, row.cancel_at) != at_stripe:
        reconcile.refresh(row.mode, row.customer.stripe_customer_id, "member")
        raise ActionUnavailable(change.CHANGED_MEANWHILE)


def _params(item_id: str, plan: Plan) -> dict[str, object]:
    return {
        "items": [{"id": item_id, "price": plan.price.stripe_price_id}],
        "proration_behavior": "always_invoice",
    }


def _quote(
    membership: MembershipSummary, plan: Plan, invoice: page_types.InvoicePreview, item: JSONObject, at: int
) -> Quote:
    """In a trial nothing is due now: what Stripe shows then is the invoice at its end."""
    row, in_trial = membership.row, membership.status == "trialing"
    due, after_trial = (0, invoice["amount_due"]) if in_trial else (invoice["amount_due"], 0)
    credit = 0 if in_trial else max(0, -invoice["total"])
    if in_trial:
        later = row.trial_end
    elif _same_interval(membership, plan):
        later = item["current_period_end"]
    else:
        later = max((line["period"]["end"] for line in invoice["lines"]["data"]), default=None)
    change_ = [row.stripe_subscription_id, item["id"], row.stripe_price_id, plan.price.stripe_price_id, at]
    token = serializer(SALT).dumps(change_)
    return Quote(membership, plan, due, credit, after_trial, invoice["currency"], later, token)


def accept(membership: MembershipSummary, plan: Plan, token: str) -> None:
    """Do what was quoted.

    Raise ActionUnavailable when it is not what was quoted any more, and when it cannot be paid; MustConfirm when the bank wants
    the owner of the card to confirm it.
    """
    ensure_allowed(membership, plan)
    try:
        subscription_id, item_id, before, after, at = serializer(SALT).loads(token, max_age=QUOTE_SECONDS)
    except (BadSignature, ValueError, TypeError):
        raise ActionUnavailable(STALE) from None
    row = membership.row
    present = [row.stripe_subscription_id, row.stripe_price_id, plan.price.stripe_price_id]
    if present != [subscription_id, before, after]:
        raise ActionUnavailable(STALE)
    params = _params(item_id, plan) | {"proration_date": at}
    params["metadata"] = {"umstripe_plan": plan.key, "umstripe_price": after}
    if membership.is_automatic:
        params["payment_behavior"] = "error_if_incomplete"
    description = f"Switches from {membership.holding.title} to {plan.title}"
    try:
        change.update(change.ChangeRequest.of(membership, description), params)
    except StripeRefused as refusal:
        raise _payment_error(refusal) from None


def _payment_error(refusal: StripeRefused) -> Exception:
    if refusal.code in REQUIRES_ACTION:
        return MustConfirm(BANK_ASKS)
    if refusal.is_card_error:
        return ActionUnavailable(DECLINED.format(str(refusal)))
    if change.lacks_payment_method(refusal):
        return ActionUnavailable(change.NO_CARD)
    return refusal


def _same_interval(membership: MembershipSummary, plan: Plan) -> bool:
    return _interval(membership.holding.price) == _interval(plan.price)


def _interval(price: Price | None) -> tuple[str, int] | None:
    return (price.interval, price.interval_count) if price else None
