"""Which cards have had a trial, so that one card has one trial (a setting).

Stripe tells the card only when the trial has begun, so a second trial is ended then, and nothing is charged. That is
done only to buyers who were told before they gave the card: the order's metadata says so (TOLD_METADATA).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from umstripe.database import Model, Transaction, advisory_lock, db
from umstripe.models.customer import Customer
from umstripe.models.snapshot import StripeObject
from umstripe.models.subscription import Subscription

TOLD_METADATA = "umstripe_one_trial_per_card"
ENDED_COMMENT = "umstripe: this card has had a trial"
"""The comment with which a second trial is canceled at Stripe: by it the mail to the member knows why."""
NOTICE = (
    "There is one free trial per card. If this card has had one here before, the trial ends at once and nothing is "
    "charged."
)


class TrialCard(Model):
    """The card of a trial: `card` is a hash of Stripe's fingerprint, "" where Stripe tells none.

    `outcome` is `first` (or nobody was told), `second` (it must be ended) or `ended`.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    mode: Mapped[str] = mapped_column(String(4))
    stripe_subscription_id: Mapped[str] = mapped_column(String(255))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"), index=True)
    card: Mapped[str] = mapped_column(String(64), default="")
    outcome: Mapped[str] = mapped_column(String(10), default="first")

    __table_args__ = (
        UniqueConstraint("mode", "stripe_subscription_id"),
        Index("ix_trial_card_mode_card", "mode", "card"),
    )

    @classmethod
    def unchecked(cls, mode: str, at_most: int) -> list[str]:
        """Return the ids of the running trials whose card is not known yet, oldest first."""
        known = cls.stripe_subscription_id == Subscription.stripe_subscription_id
        query = select(Subscription.stripe_subscription_id).outerjoin(cls, (cls.mode == mode) & known)
        query = query.where(Subscription.mode == mode, Subscription.status == "trialing", cls.id.is_(None))
        return list(db.session.scalars(query.order_by(Subscription.created, Subscription.id).limit(at_most)))

    @classmethod
    def second(cls, mode: str) -> list[str]:
        """Return the ids of the trials that must be ended."""
        query = select(cls.stripe_subscription_id).where(cls.mode == mode, cls.outcome == "second")
        return list(db.session.scalars(query))

    @classmethod
    def keep(cls, tx: Transaction, mode: str, subscription: StripeObject) -> None:
        """Keep the card of a trial, fetched with its default payment method. A card that another account has had a
        trial with makes it a second trial, if its buyer was told of the rule."""
        owner = select(Customer.user_id).join(Subscription, Subscription.customer_id == Customer.id)
        mine = (Subscription.mode == mode, Subscription.stripe_subscription_id == subscription["id"])
        user_id = tx.execute(owner.where(*mine)).scalar()
        card = card_of(mode, subscription)
        advisory_lock(tx, f"trial {card}")
        known = select(cls.id).where(cls.mode == mode, cls.stripe_subscription_id == subscription["id"])
        if user_id is None or tx.execute(known).first():
            return
        others = select(cls.id).where(
            cls.mode == mode, cls.card == card, cls.user_id.is_distinct_from(user_id)
        )
        again = bool(card) and tx.execute(others.limit(1)).first() is not None
        was_told = TOLD_METADATA in (subscription.get("metadata") or {})
        values = {"user_id": user_id, "card": card, "outcome": "second" if again and was_told else "first"}
        tx.execute(insert(cls).values(mode=mode, stripe_subscription_id=subscription["id"], **values))

    @classmethod
    def end(cls, tx: Transaction, mode: str, stripe_subscription_id: str) -> None:
        """Mark a second trial as ended."""
        row = (cls.mode == mode, cls.stripe_subscription_id == stripe_subscription_id)
        tx.execute(update(cls).where(*row).values(outcome="ended"))


def card_of(mode: str, subscription: StripeObject) -> str:
    """Return a hash of the fingerprint of the card, or bank account, that a subscription is paid with, or ""."""
    method = subscription.get("default_payment_method")
    details = method.get(str(method.get("type"))) if isinstance(method, Mapping) else None
    fingerprint = details.get("fingerprint") if isinstance(details, Mapping) else None
    return hashlib.sha256(f"{mode}:{fingerprint}".encode()).hexdigest() if fingerprint else ""
