"""The payments that wait for an administrator: the amount is reserved at Stripe until somebody says yes or no."""

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
FREE = Purchase.amount == 0
WAITS = and_(Purchase.status == "pending", or_(Purchase.capture_before.is_not(None), FREE))
"""A pending purchase without a reservation waits for its bank, unless there is nothing to pay: see free_order."""


@dataclass(frozen=True)
class Waiting:
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


def waiting() -> list[Waiting]:
    """Those of both modes, the most urgent first: money is money whatever the screens show."""
    found = db.session.execute(
        _rows().where(WAITS).order_by(Purchase.capture_before.is_(None), Purchase.capture_before, Purchase.id)
    )
    return [_waiting(*row) for row in found]


def one(purchase_id: int) -> Waiting | None:
    """A payment, whether it waits still or not."""
    row = db.session.execute(_rows().where(Purchase.id == purchase_id)).first()
    return _waiting(*row) if row else None


def count() -> int:
    """How many wait."""
    return db.session.scalar(select(func.count(Purchase.id)).where(WAITS)) or 0


def first_end(mode: str) -> tuple[int, int | None]:
    """How many of a mode wait, and when the first reservation ends (seconds, UTC); None when only free orders wait."""
    query = select(func.count(Purchase.id), func.min(Purchase.capture_before)).where(WAITS)
    number, first = db.session.execute(query.where(Purchase.mode == mode)).one()
    return number, first


def ending(tx: Transaction, at: int) -> list[Any]:
    """The reservations that end within 48 hours of a moment: the purchase's columns, and the member's name."""
    name = func.coalesce(func.nullif(User.name, ""), User.username).label("member")
    query = select(Purchase.__table__, name).join(Customer, Customer.id == Purchase.customer_id)
    query = query.join(User, User.id == Customer.user_id)
    return list(tx.execute(query.where(WAITS, Purchase.capture_before <= at + WARN_SECONDS)))


def _rows() -> Select[Any, Any, Any, Any]:
    query = select(Purchase, User, Plan, Price).join(Customer, Customer.id == Purchase.customer_id)
    query = query.join(User, User.id == Customer.user_id)
    of_price = and_(Price.mode == Purchase.mode, Price.stripe_price_id == Purchase.stripe_price_id)
    return query.outerjoin(Price, of_price).outerjoin(Plan, Plan.price_id == Price.id)


def _waiting(purchase: Purchase, user: User, plan: Plan | None, price: Price | None) -> Waiting:
    title = plan.title if plan else price.title if price else purchase.stripe_price_id
    return Waiting(purchase, user, title)
