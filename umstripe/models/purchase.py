from __future__ import annotations

from typing import TypedDict

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    and_,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Mapped, aliased, mapped_column, relationship

from umstripe.database import Model, Row, Seconds, Transaction, advisory_lock
from umstripe.formatting import amount_words
from umstripe.models import snapshot
from umstripe.models.customer import Customer
from umstripe.models.dispute import Dispute
from umstripe.models.plan import Plan, end_after
from umstripe.models.price import Price
from umstripe.models.snapshot import StripeObject
from umstripe.models.subscription import Change
from umstripe.statuses import PAID

PRICE_METADATA = "umstripe_price"
"""The key under which a one-time payment carries the price it is for, on the payment intent and so on its charges."""
STEPS = {"pending": 0, "failed": 1, "paid": 2, "refunded": 3}
"""How far a payment is, by its charges alone: `disputed` is what a lost dispute makes of `paid`."""
STATUSES = tuple(STEPS)
RESERVED_SECONDS = 7 * 24 * 3600
"""How long an amount stays reserved when Stripe does not say: https://docs.stripe.com/payments/place-a-hold-on-a-payment-method."""


class Purchase(Model):
    """A membership that is paid once. Times are in seconds, UTC; amounts in the currency's minor unit.

    A payment fails and is tried again until it is paid; paid, it only goes on to refunds. So `position` (is it paid,
    when the charge was made, how far it is, how much was given back) says which state is newer, whatever order
    the deliveries come in: no clock, and nothing to fetch (rule 3). `created` is since when it is paid, the earliest
    moment that any state of it says, and before that when it was charged; the plan's duration counts from there, for
    a bank debit or an approved payment is paid days after it was charged. `ends_at` is what was sold: a plan that is
    changed later leaves it. `capture_before` is until when an amount that waits for approval is reserved.
    `status` is `disputed` when it is paid and a dispute of it is lost; `step` stays what its charges say.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    mode: Mapped[str] = mapped_column(String(4))
    stripe_payment_intent_id: Mapped[str] = mapped_column(String(255))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), index=True)
    stripe_price_id: Mapped[str] = mapped_column(String(255), default="")
    status: Mapped[str] = mapped_column(String(20))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(255))
    created: Mapped[Seconds] = mapped_column()
    charged_at: Mapped[Seconds] = mapped_column()
    step: Mapped[int] = mapped_column()
    amount_refunded: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    capture_before: Mapped[Seconds | None] = mapped_column()
    ends_at: Mapped[Seconds | None] = mapped_column()
    ended_at: Mapped[Seconds | None] = mapped_column()

    customer: Mapped[Customer] = relationship(lazy="joined")

    __table_args__ = (
        UniqueConstraint("mode", "stripe_payment_intent_id"),
        Index("ix_purchase_mode_stripe_price_id", "mode", "stripe_price_id"),
    )

    @property
    def waits_for_approval(self) -> bool:
        """Whether its amount is reserved, or there is none: nothing else is pending without an amount."""
        return self.status == "pending" and (self.capture_before is not None or self.amount == 0)

    @property
    def refund_words(self) -> str:
        """What was given back, as `$10.00 of $29.00 refunded`; "" for nothing."""
        return refund_words(self.amount_refunded, self.amount, self.currency)

    @classmethod
    def sync_from_stripe(
        cls,
        tx: Transaction,
        mode: str,
        payment: StripeObject,
        status: str,
        at: int,
        price: str = "",
        customer_id: int | None = None,
    ) -> Change | None:
        """Write the state of a one-time payment. `payment` is a charge, or a Checkout session that was paid.

        `at` is when the state was reached, or seen. `price` is what it is for, if the payment does not say so itself;
        `customer_id` whose it is, for one without a customer. Return what changed; None when the customer is not ours,
        or when nothing says that the payment is for a price (a subscription's invoice, another application).
        """
        customer = Customer.get_or_reserve(tx, mode, payment.get("customer"))
        price = (payment.get("metadata") or {}).get(PRICE_METADATA, "") or price
        payment_id = payment.get("payment_intent") or payment["id"]
        is_ours = customer is not None or not payment.get("customer")
        row = (cls.get_or_reserve if is_ours else cls.get_for_update)(tx, mode, payment_id)
        if customer is not None:
            customer_id = customer.id
        elif row is not None and is_ours:
            customer_id = row.customer_id
        if customer_id is None or (row is None and not price):
            return None
        values = _values(tx, row, mode, payment, status, at, row.stripe_price_id if row else price)
        user_id = customer.user_id if customer else Customer.user_id_of(tx, customer_id)
        before = row.status if row else ""
        if row is not None and _position(values) < _position_of(row):
            _keep_earlier_start(tx, row, values)
            return Change(user_id, before, before, applied=False)
        values["status"], values["ended_at"] = _by_disputes(tx, mode, payment_id, status, values["ended_at"])
        _write(tx, row, values, mode, payment_id, customer_id, price)
        return Change(user_id, before, values["status"])

    @classmethod
    def update_for_disputes(cls, tx: Transaction, mode: str, payment_id: str) -> Change | None:
        """Give a purchase the status that its charges and its disputes make. Return what changed; None for none."""
        row = cls.get_for_update(tx, mode, payment_id)
        if row is None:
            return None
        status = STATUSES[row.step]
        ended_at = row.ended_at if status == "refunded" else None
        status, ended_at = _by_disputes(tx, mode, payment_id, status, ended_at)
        tx.execute(update(cls).where(cls.id == row.id).values(status=status, ended_at=ended_at))
        return Change(Customer.user_id_of(tx, row.customer_id), row.status, status)

    @classmethod
    def ended(cls, tx: Transaction, mode: str, after: int, until: int) -> list[Row]:
        """Return the paid ones whose time ended within (`after`, `until`] (seconds, UTC) and which no other one follows:
        their columns, and `user_id`."""
        query = select(cls.__table__, Customer.user_id).join(Customer, Customer.id == cls.customer_id)
        query = query.where(cls.mode == mode, cls.status == "paid", cls.ends_at > after, cls.ends_at <= until)
        return list(tx.execute(query.where(~cls._follows(cls.ends_at))))

    @classmethod
    def is_followed(cls, tx: Transaction, purchase_id: int, at: int) -> bool:
        """Return whether its member has bought the same once more, and has that beyond a moment (seconds, UTC)."""
        query = select(cls.id).join(Customer, Customer.id == cls.customer_id)
        return tx.execute(query.where(cls.id == purchase_id, cls._follows(at))).first() is not None

    @classmethod
    def _follows(cls, at: int | InstrumentedAttribute[int | None]) -> ColumnElement[bool]:
        other, owner = aliased(cls), aliased(Customer)
        later = or_(other.ends_at.is_(None), other.ends_at > at, and_(other.ends_at == at, other.id > cls.id))
        same = (owner.user_id == Customer.user_id, other.stripe_price_id == cls.stripe_price_id)
        query = select(other.id).join(owner, owner.id == other.customer_id)
        query = query.where(*same, other.mode == cls.mode, other.id != cls.id)
        return query.where(or_(other.status == "pending", and_(other.status == "paid", later))).exists()

    @classmethod
    def get_for_update(cls, tx: Transaction, mode: str, payment_id: str) -> Row | None:
        """Return the row of a payment intent, locked for this transaction, or None."""
        return snapshot.get_for_update(tx, cls.__table__, mode, "stripe_payment_intent_id", payment_id)

    @classmethod
    def get_or_reserve(cls, tx: Transaction, mode: str, payment_id: str) -> Row | None:
        """As `get_for_update`; and where there is none, nobody else makes it before this transaction has ended, so
        that an event that cannot tell what is paid and the session that tells do not pass each other."""
        row = cls.get_for_update(tx, mode, payment_id)
        if row is not None:
            return row
        advisory_lock(tx, payment_id)
        return cls.get_for_update(tx, mode, payment_id)


def status_of_charge(charge: StripeObject) -> str:
    """Return our word for a charge's state. An amount that is only reserved is `pending` until it is captured."""
    if charge.get("refunded"):
        return "refunded" if charge.get("captured") else "failed"
    if charge["status"] == "succeeded":
        return "paid" if charge.get("captured") else "pending"
    return "pending" if charge["status"] == "pending" else "failed"


def refund_words(refunded: int, amount: int, currency: str) -> str:
    """Return what was given back, as `$10.00 of $29.00 refunded`; "" for nothing."""
    return (
        f"{amount_words(refunded, currency)} of {amount_words(amount, currency)} refunded" if refunded else ""
    )


class PaymentState(TypedDict):
    """The columns of a purchase that a state of its payment says."""

    status: str
    amount: int
    currency: str
    created: int
    charged_at: int
    step: int
    amount_refunded: int
    capture_before: int | None
    ends_at: int | None
    ended_at: int | None


def _position(values: PaymentState) -> tuple[bool, int, int, int]:
    step = values["step"]
    return step >= STEPS["paid"], values["charged_at"], step, values["amount_refunded"]


def _position_of(row: Row) -> tuple[bool, int, int, int]:
    return row.step >= STEPS["paid"], row.charged_at, row.step, row.amount_refunded


def _by_disputes(
    tx: Transaction, mode: str, payment_id: str, status: str, ended_at: int | None
) -> tuple[str, int | None]:
    """Return status and end. A paid purchase has ended when a dispute is lost; a refunded one ended before."""
    lost_at = Dispute.lost_at(tx, mode, payment_id) if status == "paid" else None
    if lost_at is None:
        return status, ended_at
    return "disputed", lost_at


def _values(
    tx: Transaction, row: Row | None, mode: str, payment: StripeObject, status: str, at: int, price: str
) -> PaymentState:
    values: PaymentState = {
        "status": status,
        "amount": payment.get("amount", payment.get("amount_total")) or 0,
        "currency": payment.get("currency") or "",
        "created": payment["created"],
        "charged_at": payment["created"],
        "step": STEPS[status],
        "amount_refunded": payment.get("amount_refunded") or 0,
        "capture_before": _capture_before(payment) if status == "pending" else None,
        "ends_at": None,
        "ended_at": at if status == "refunded" else None,
    }
    if status in PAID:
        values["created"], values["ends_at"] = _sold(tx, row, mode, at, price)
    if row is not None and _position(values) == _position_of(row):
        values["capture_before"] = values["capture_before"] or row.capture_before
        refunded_at = row.ended_at if status == "refunded" else None
        values["ended_at"] = min(at, refunded_at) if refunded_at else values["ended_at"]
    return values


def _sold(tx: Transaction, row: Row | None, mode: str, at: int, price: str) -> tuple[int, int | None]:
    """Return since when it is paid, and until when that lasts."""
    if row is not None and row.step >= STEPS["paid"] and row.created <= at:
        return row.created, row.ends_at
    query = select(Plan.duration_count, Plan.duration_unit).join(Price, Plan.price_id == Price.id)
    plan = tx.execute(query.where(Price.mode == mode, Price.stripe_price_id == price)).first()
    return at, end_after(at, *plan) if plan else None


def _keep_earlier_start(tx: Transaction, row: Row, values: PaymentState) -> None:
    """An older state may still be the first that says it was paid."""
    if values["status"] in PAID and values["created"] < row.created:
        earlier = update(Purchase).where(Purchase.id == row.id)
        tx.execute(earlier.values(created=values["created"], ends_at=values["ends_at"]))


def _capture_before(payment: StripeObject) -> int | None:
    """Return until when a charge's amount is reserved; None for one that is not, like a debit on its way."""
    if payment.get("object") != "charge" or payment["status"] != "succeeded":
        return None
    card = (payment.get("payment_method_details") or {}).get("card") or {}
    return int(card.get("capture_before") or payment["created"] + RESERVED_SECONDS)


def _write(
    tx: Transaction,
    row: Row | None,
    values: PaymentState,
    mode: str,
    payment_id: str,
    customer_id: int,
    price: str,
) -> None:
    if row is not None:
        tx.execute(update(Purchase).where(Purchase.id == row.id).values(**values))
        return
    new = {"mode": mode, "stripe_payment_intent_id": payment_id, "customer_id": customer_id}
    tx.execute(insert(Purchase).values(**new, stripe_price_id=price, **values))
