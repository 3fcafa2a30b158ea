"""Disputed payments (chargebacks): https://docs.stripe.com/disputes/how-disputes-work."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint, func, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column, relationship

from umstripe.database import Model, Seconds, Transaction, db
from umstripe.formatting import amount_words, dispute_words
from umstripe.models import snapshot
from umstripe.models.customer import Customer
from umstripe.models.snapshot import StripeObject
from umstripe.stripe_api.field_rules import ID, valid_or_empty

LOST = "lost"
INQUIRY = "warning_"
"""How the statuses of an inquiry begin: the bank asks, and has not taken the money back."""
WAITING = ("needs_response", "warning_needs_response")
OPEN = (*WAITING, "under_review", "warning_under_review")
STEPS = (
    "warning_needs_response",
    "warning_under_review",
    "warning_closed",
    "needs_response",
    "under_review",
    "prevented",
    "lost",
    "won",
)
"""Which of two statuses of the same second is the later one. An inquiry may become a dispute."""


class Dispute(Model):
    """A dispute of a customer of ours, as Stripe's newest event has it. Times are in seconds, UTC.

    `stripe_payment_id` is the payment intent, or the charge of a payment without one: the id that a Purchase has.
    `due_by` is until when an answer can be sent. The newest event decides (`as_of`, its `created`), and of two of the
    same second the one that is further in STEPS: any order of the same events ends in the same row (rule 3). Usually
    nothing follows `lost`, but a bank may reverse its decision.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    mode: Mapped[str] = mapped_column(String(4))
    stripe_dispute_id: Mapped[str] = mapped_column(String(255))
    stripe_payment_id: Mapped[str] = mapped_column(String(255))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), index=True)
    status: Mapped[str] = mapped_column(String(255))
    reason: Mapped[str] = mapped_column(String(255), default="")
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    due_by: Mapped[Seconds | None] = mapped_column()
    created: Mapped[Seconds] = mapped_column()
    as_of: Mapped[Seconds] = mapped_column()

    customer: Mapped[Customer] = relationship(lazy="joined")

    __table_args__ = (
        UniqueConstraint("mode", "stripe_dispute_id"),
        Index("ix_dispute_mode_stripe_payment_id", "mode", "stripe_payment_id"),
        Index("ix_dispute_mode_status", "mode", "status"),
    )

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def words(self) -> str:
        return dispute_words(self.status)

    @property
    def amount_words(self) -> str:
        return amount_words(self.amount, self.currency)

    @property
    def dashboard_url(self) -> str:
        return dashboard_url(self.mode, self.stripe_dispute_id)

    @classmethod
    def sync_from_stripe(
        cls, tx: Transaction, mode: str, dispute: StripeObject, at: int, customer_id: int
    ) -> str | None:
        """Take over the state of a dispute at a moment (seconds, UTC).

        Return the status before it, "" for a new dispute, or None when a newer state is known.
        """
        row = snapshot.get_for_update(tx, cls.__table__, mode, "stripe_dispute_id", dispute["id"])
        values = _values(dispute, at) | {"customer_id": customer_id}
        if row is None:
            tx.execute(insert(cls).values(mode=mode, stripe_dispute_id=dispute["id"], **values))
            return ""
        if _position(dispute["status"], at) < _position(row.status, row.as_of):
            return None
        tx.execute(update(cls).where(cls.id == row.id).values(values))
        return str(row.status)

    @classmethod
    def customer_of(cls, tx: Transaction, mode: str, stripe_dispute_id: str) -> int | None:
        """Return the id of the customer whose dispute this is, if it is known."""
        row = snapshot.get(tx, cls.__table__, mode, "stripe_dispute_id", stripe_dispute_id)
        return row.customer_id if row else None

    @classmethod
    def lost_at(cls, tx: Transaction, mode: str, stripe_payment_id: str) -> int | None:
        """Return since when a payment is lost by a dispute, or None."""
        lost = (cls.mode == mode, cls.stripe_payment_id == stripe_payment_id, cls.status == LOST)
        return tx.execute(select(func.min(cls.as_of)).where(*lost)).scalar()

    @classmethod
    def of_user(cls, user_id: int) -> list[Dispute]:
        """Return all disputes of a user's payments, newest first."""
        query = select(cls).join(Customer, Customer.id == cls.customer_id).where(Customer.user_id == user_id)
        return list(db.session.scalars(query.order_by(cls.created.desc(), cls.id.desc())))

    @classmethod
    def open_in(cls, mode: str) -> list[Dispute]:
        """Return the open disputes and inquiries of a mode, the most urgent first."""
        query = select(cls).where(cls.mode == mode, cls.status.in_(OPEN))
        return list(db.session.scalars(query.order_by(cls.due_by, cls.id)))

    @classmethod
    def users_with_open(cls, user_ids: list[int], modes: tuple[str, ...]) -> dict[int, str]:
        """Return, for those of the users who have an open dispute or inquiry, its status."""
        query = select(Customer.user_id, cls.status).join(Customer, Customer.id == cls.customer_id)
        query = query.where(Customer.user_id.in_(user_ids), cls.mode.in_(modes), cls.status.in_(OPEN))
        rows = sorted(db.session.execute(query), key=lambda row: STEPS.index(row.status))
        return {row.user_id: row.status for row in rows}


def is_inquiry(status: str) -> bool:
    return status.startswith(INQUIRY)


def dashboard_url(mode: str, stripe_dispute_id: str) -> str:
    """Return the address of a dispute in Stripe's dashboard, where it is answered."""
    return f"https://dashboard.stripe.com/{'test/' if mode == 'test' else ''}disputes/{stripe_dispute_id}"


def payment_of(dispute: StripeObject) -> str:
    """Return the id of the disputed payment: the payment intent, or the charge where there is none."""
    return _id(dispute.get("payment_intent")) or _id(dispute.get("charge"))


def charge_of(dispute: StripeObject) -> str:
    return _id(dispute.get("charge"))


def _id(value: object) -> str:
    """Return the id of what may be an id or, expanded, an object; "" for anything else.

    The row of an unusable delivery is written with it too.
    """
    return valid_or_empty(ID, value.get("id") if isinstance(value, Mapping) else value)


def _position(status: str, at: int) -> tuple[int, int]:
    return at, STEPS.index(status) if status in STEPS else STEPS.index("needs_response")


def _values(dispute: StripeObject, at: int) -> dict[str, object]:
    return {
        "stripe_payment_id": payment_of(dispute),
        "status": dispute["status"],
        "reason": dispute.get("reason") or "",
        "amount": dispute["amount"],
        "currency": dispute["currency"],
        "due_by": (dispute.get("evidence_details") or {}).get("due_by"),
        "created": dispute["created"],
        "as_of": at,
    }
