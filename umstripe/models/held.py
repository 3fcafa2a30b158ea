"""What somebody holds already, as far as it decides what they may buy."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, or_, select

from umstripe.database import db
from umstripe.models.customer import Customer
from umstripe.models.plan import Plan
from umstripe.models.purchase import Purchase
from umstripe.models.subscription import FINAL, Subscription
from umstripe.models.user import User

NOT_YET = ("incomplete", "failed")
"""What a payment may have left behind while a later try, or the news of it, is on its way."""
NOT_HELD = FINAL | {"incomplete", "revoked"}
"""A subscription in any other status is the one that its user may have."""


def subscription(user: User, mode: str) -> Subscription | None:
    """The user's subscription of a mode, if it is under way: the newest one, should Stripe hold several."""
    query = _of(user, Subscription, mode).where(Subscription.status.not_in(NOT_HELD))
    return db.session.scalar(query.order_by(Subscription.created.desc()).limit(1))


def purchase(user: User, plan: Plan, at: int) -> Purchase | None:
    """The user's one-time purchase of a plan, paid or pending, that has not run out at a moment (seconds, UTC)."""
    query = _of(user, Purchase, plan.mode).where(Purchase.stripe_price_id == plan.price.stripe_price_id)
    paid = (Purchase.status == "paid") & or_(Purchase.ends_at.is_(None), Purchase.ends_at > at)
    query = query.where(or_(paid, Purchase.status == "pending"))
    return db.session.scalar(query.order_by(Purchase.created.desc()).limit(1))


def kind(user: User, mode: str, plan: Plan | None, at: int) -> str:
    """What a user has already who wants a plan (None: whatever there is), at a moment (seconds, UTC).

    `purchase`, `approval` (the amount is reserved and waits for an answer), `payment` (the money is on its way),
    `subscription`, or "" for nothing.
    """
    bought = purchase(user, plan, at) if plan is not None and plan.mode == mode else None
    if bought is not None and bought.status == "pending":
        return "approval" if bought.capture_before or (plan and plan.approval) else "payment"
    if bought is not None:
        return "purchase"
    if subscription(user, mode) is not None:
        return "subscription"
    began = _of(user, Subscription, mode).where(Subscription.status == "incomplete")
    return "payment" if db.session.scalar(began.limit(1)) is not None else ""


def anything(user: User, mode: str, at: int) -> bool:
    """Whether the user has any membership of a mode that is under way."""
    paid = (Purchase.status == "paid") & or_(Purchase.ends_at.is_(None), Purchase.ends_at > at)
    bought = _of(user, Purchase, mode).where(or_(paid, Purchase.status == "pending"))
    return bool(subscription(user, mode)) or db.session.scalar(bought.limit(1)) is not None


def by_anybody(mode: str) -> bool:
    """Whether anything was ever bought in a mode."""
    found = (select(model.id).where(model.mode == mode).limit(1) for model in (Subscription, Purchase))
    return any(db.session.scalar(query) is not None for query in found)


def had_trial(user: User, mode: str) -> bool:
    """Whether the user has ever had a trial in a mode."""
    query = _of(user, Subscription, mode).where(Subscription.trial_end.is_not(None))
    return db.session.scalar(query.limit(1)) is not None


def is_known(mode: str, session: dict) -> bool:
    """Whether what came of a paid Checkout session is here already. One that is not paid yet is for Stripe to say."""
    if session.get("mode") == "subscription":
        return _is_there(Subscription, mode, Subscription.stripe_subscription_id == session["subscription"])
    payment = session.get("payment_intent") or session["id"]
    return _is_there(Purchase, mode, Purchase.stripe_payment_intent_id == payment)


def _of(user: User, model: type[Subscription] | type[Purchase], mode: str) -> Select:
    query = select(model).join(Customer, model.customer_id == Customer.id)
    return query.where(Customer.user_id == user.id, model.mode == mode)


def _is_there(model: type[Subscription] | type[Purchase], mode: str, which: ColumnElement[bool]) -> bool:
    query = select(model.id).where(model.mode == mode, model.status.not_in(NOT_YET), which)
    return db.session.scalar(query) is not None
