"""The payments that wait for an administrator: the amount is reserved at Stripe until it is approved or refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, func, or_, select

from umstripe.database import Transaction, db
from umstripe.formatting import amount_words
from umstripe.models.customer import Customer
from umstripe.models.plan import Plan
from umstripe.models.price import Price
from umstripe.models.purchase import Purchase
from umstripe.models.user import User

WARN_SECONDS = 48 * 3600
"""How long before a reservation ends administrators are warned."""
IS_FREE = Purchase.amount == 0
IS_PENDING = and_(Purchase.status == "pending", or_(Purchase.capture_before.is_not(None), IS_FREE))
"""A pending purchase without a reservation waits for its bank, unless there is nothing to pay: see free_order."""


@dataclass(frozen=True)
class PendingApproval:
    """A payment that waits: whose it is and for what. `until` is in seconds, UTC; 0 for a free order, which has no end."""

    purchase: Purchase
    user: User
    title: str

    @property
    def amount(self) -> str:
        return amount_words(self.purchase.amount, self.purchase.currency)

    @property
    def is_free(self) -> bool:
        return self.purchase.amount == 0

    @property
    def until(self) -> int:
        return self.purchase.capture_before or 0


def pending() -> list[PendingApproval]:
    """Return those of both modes, the most urgent first: money is money whatever the screens show."""
    rows = db.session.execute(
        _query()
        .where(IS_PENDING)
        .order_by(Purchase.capture_before.is_(None), Purchase.capture_before, Purchase.id)
    )
    return [_approval(*row) for row in rows]


def get(purchase_id: int) -> PendingApproval | None:
    """Return a payment, whether it waits still or not."""
    row = db.session.execute(_query().where(Purchase.id == purchase_id)).first()
    return _approval(*row) if row else None


def count() -> int:
    """Return how many wait."""
    return db.session.scalar(select(func.count(Purchase.id)).where(IS_PENDING)) or 0


def count_and_deadline(mode: str) -> tuple[int, int | None]:
    """Return how many of a mode wait, and when the first reservation ends (seconds, UTC).

    The latter is None when only free orders wait.
    """
    query = select(func.count(Purchase.id), func.min(Purchase.capture_before)).where(IS_PENDING)
    number, deadline = db.session.execute(query.where(Purchase.mode == mode)).one()
    return number, deadline


def ending_soon(tx: Transaction, at: int) -> list[Any]:
    """Return the reservations that end within 48 hours of a moment: the purchase's columns and the member's name."""
    name = func.coalesce(func.nullif(User.name, ""), User.username).label("member")
    query = select(Purchase.__table__, name).join(Customer, Customer.id == Purchase.customer_id)
    query = query.join(User, User.id == Customer.user_id)
    return list(tx.execute(query.where(IS_PENDING, Purchase.capture_before <= at + WARN_SECONDS)))


def _query() -> Select[Any, Any, Any, Any]:
    query = select(Purchase, User, Plan, Price).join(Customer, Customer.id == Purchase.customer_id)
    query = query.join(User, User.id == Customer.user_id)
    of_price = and_(Price.mode == Purchase.mode, Price.stripe_price_id == Purchase.stripe_price_id)
    return query.outerjoin(Price, of_price).outerjoin(Plan, Plan.price_id == Price.id)


def _approval(purchase: Purchase, user: User, plan: Plan | None, price: Price | None) -> PendingApproval:
    title = plan.title if plan else price.title if price else purchase.stripe_price_id
    return PendingApproval(purchase, user, title)
