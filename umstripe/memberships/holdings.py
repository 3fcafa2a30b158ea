"""What somebody holds already, as far as it decides what they may buy."""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import Select, or_, select

from umstripe.database import db
from umstripe.models.customer import Customer
from umstripe.models.delivery import Delivery
from umstripe.models.plan import Plan
from umstripe.models.purchase import Purchase
from umstripe.models.snapshot import StripeObject, id_of
from umstripe.models.subscription import Subscription
from umstripe.models.user import User
from umstripe.statuses import INCOMPLETE, NEVER_BEGUN, NOT_LIVE, UNDECIDED

Held = TypeVar("Held", Subscription, Purchase)
DEBIT_FAILED = "checkout.session.async_payment_failed"


def subscription(user: User, mode: str) -> Subscription | None:
    """Return the user's subscription of a mode, if it is under way: the newest one, should Stripe hold several."""
    query = _of(user, Subscription, mode).where(Subscription.status.not_in(NOT_LIVE))
    return db.session.scalar(query.order_by(Subscription.created.desc()).limit(1))


def purchase(user: User, plan: Plan, at: int) -> Purchase | None:
    """Return the user's one-time purchase of a plan, paid or pending, that has not run out at a moment (seconds, UTC)."""
    query = _of(user, Purchase, plan.mode).where(Purchase.stripe_price_id == plan.price.stripe_price_id)
    paid = (Purchase.status == "paid") & or_(Purchase.ends_at.is_(None), Purchase.ends_at > at)
    query = query.where(or_(paid, Purchase.status == "pending"))
    return db.session.scalar(query.order_by(Purchase.created.desc()).limit(1))


def current(user: User, mode: str, plan: Plan | None, at: int) -> str:
    """Return what a user has already who wants a plan (None: whatever there is), at a moment (seconds, UTC).

    `purchase`, `approval` (the amount is reserved and waits for an answer), `payment` (the money is on its way),
    `subscription`, or "" for nothing.
    """
    purchased = purchase(user, plan, at) if plan is not None and plan.mode == mode else None
    if purchased is not None and purchased.status == "pending":
        return (
            "approval"
            if purchased.capture_before or purchased.amount == 0 or (plan and plan.approval)
            else "payment"
        )
    if purchased is not None:
        return "purchase"
    if subscription(user, mode) is not None:
        return "subscription"
    query = _of(user, Subscription, mode).where(Subscription.status == INCOMPLETE)
    return "payment" if db.session.scalar(query.limit(1)) is not None else ""


def has_active(user: User, mode: str, at: int) -> bool:
    """Return whether the user has any membership of a mode that is under way."""
    paid = (Purchase.status == "paid") & or_(Purchase.ends_at.is_(None), Purchase.ends_at > at)
    query = _of(user, Purchase, mode).where(or_(paid, Purchase.status == "pending"))
    return bool(subscription(user, mode)) or db.session.scalar(query.limit(1)) is not None


def has_ever_held(user: User, plan: Plan) -> bool:
    """Return whether the user has or had a membership of a plan that began."""
    models: tuple[Any, Any] = (Subscription, Purchase)
    queries = [
        _of(user, model, plan.mode).where(
            model.stripe_price_id == plan.price.stripe_price_id, model.status.not_in(NEVER_BEGUN)
        )
        for model in models
    ]
    return any(db.session.scalar(query.limit(1)) is not None for query in queries)


def anything_was_sold(mode: str) -> bool:
    """Return whether anything was ever bought in a mode."""
    queries = (select(model.id).where(model.mode == mode).limit(1) for model in (Subscription, Purchase))
    return any(db.session.scalar(query) is not None for query in queries)


def had_trial(user: User, mode: str) -> bool:
    """Return whether the user has ever had a trial in a mode."""
    query = _of(user, Subscription, mode).where(Subscription.trial_end.is_not(None))
    return db.session.scalar(query.limit(1)) is not None


def is_known(mode: str, session: StripeObject) -> bool:
    """Return whether what came of a paid Checkout session is here already. One that is not paid yet is for Stripe to say."""
    return status_of(mode, session) not in UNDECIDED


def status_of(mode: str, session: StripeObject) -> str:
    """Return the status that a Checkout session's subscription or payment has here; "" for none."""
    model: Any = Subscription if session.get("mode") == "subscription" else Purchase
    if model is Subscription:
        same_id = Subscription.stripe_subscription_id == id_of(session.get("subscription"))
    else:
        same_id = Purchase.stripe_payment_intent_id == (id_of(session.get("payment_intent")) or session["id"])
    return db.session.scalar(select(model.status).where(model.mode == mode, same_id)) or ""


def debit_is_pending(mode: str, session: StripeObject) -> bool:
    """Return whether a session's subscription has begun, and its bank has not answered to the first debit yet.

    Stripe says `active` or `incomplete` meanwhile, and the session stays `unpaid` when the bank says no:
    https://docs.stripe.com/payments/checkout/fulfill-orders#delayed-notification-payment-methods.
    """
    if session["status"] != "complete" or session.get("mode") != "subscription":
        return False
    if session.get("payment_status") != "unpaid" or status_of(mode, session) not in (INCOMPLETE, "active"):
        return False
    return not Delivery.has_come(mode, DEBIT_FAILED, session["id"], session["created"])


def _of(user: User, model: type[Held], mode: str) -> Select[Held]:
    query = select(model).join(Customer, model.customer_id == Customer.id)
    return query.where(Customer.user_id == user.id, model.mode == mode)
