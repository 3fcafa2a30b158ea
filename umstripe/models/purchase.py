from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint, insert, update
from sqlalchemy import Connection as Transaction
from sqlalchemy.orm import Mapped, mapped_column, relationship

from umstripe.database import Seconds, db
from umstripe.models import copied
from umstripe.models.customer import Customer
from umstripe.models.subscription import Change

PRICE_METADATA = "umstripe_price"
"""The key under which a one-time payment carries the price it is for, on the payment intent and so on its charges."""

STEPS = {"pending": 0, "failed": 1, "paid": 1, "refunded": 2}


class Purchase(db.Model):
    """A membership that is paid once. Times are in seconds, UTC; amounts in the currency's minor unit.

    A charge only goes forward (pending, then paid or failed, then refunded), and a later charge of the same
    payment replaces an earlier one. So `position` (when the charge was made, how far it is) says which
    state is newer, whatever order the deliveries come in: no clock, and nothing to fetch (rule 3).
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    mode: Mapped[str] = mapped_column(String(4))
    stripe_payment_intent_id: Mapped[str] = mapped_column(String(255))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), index=True)
    stripe_price_id: Mapped[str] = mapped_column(String(255), default="")
    status: Mapped[str] = mapped_column(String(20))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
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

    @classmethod
    def apply(
        cls, tx: Transaction, mode: str, payment: Mapping[str, Any], status: str, at: int
    ) -> Change | None:
        """Take the state of a one-time payment over. `payment` is a charge, or a Checkout session that was paid.

        `at` is when the state was reached. Gives what changed; None when the customer is not ours, or when
        nothing says that the payment is for a price (a subscription's invoice, another application).
        """
        customer = Customer.known(tx, mode, payment.get("customer"))
        payment_id = payment.get("payment_intent") or payment["id"]
        row = copied.locked(tx, cls.__table__, mode, "stripe_payment_intent_id", payment_id)
        price = (payment.get("metadata") or {}).get(PRICE_METADATA, "")
        if customer is None or (row is None and not price):
            return None
        before = row.status if row else ""
        position = (payment["created"], STEPS[status])
        if row is not None and position <= (row.charged_at, row.step):
            return Change(customer.user_id, before, before, applied=position == (row.charged_at, row.step))
        _write(tx, row, _values(payment, status, at), mode, payment_id, customer.id, price)
        return Change(customer.user_id, before, status)


def status_of_charge(charge: Mapping[str, Any]) -> str:
    """Our word for a charge's state. An amount that is only reserved is `pending` until it is captured."""
    if charge.get("refunded"):
        return "refunded" if charge.get("captured") else "failed"
    if charge["status"] == "succeeded":
        return "paid" if charge.get("captured") else "pending"
    return "pending" if charge["status"] == "pending" else "failed"


def _values(payment: Mapping[str, Any], status: str, at: int) -> dict[str, Any]:
    return {
        "status": status,
        "amount": payment.get("amount", payment.get("amount_total")) or 0,
        "currency": payment.get("currency") or "",
        "charged_at": payment["created"],
        "step": STEPS[status],
        "ended_at": at if status == "refunded" else None,
    }


def _write(
    tx: Transaction,
    row: Any,
    values: dict[str, Any],
    mode: str,
    payment_id: str,
    customer_id: int,
    price: str,
) -> None:
    if row is not None:
        tx.execute(update(Purchase).where(Purchase.id == row.id).values(values))
        return
    new = {"mode": mode, "stripe_payment_intent_id": payment_id, "customer_id": customer_id}
    tx.execute(insert(Purchase).values(**new, stripe_price_id=price, created=values["charged_at"], **values))
