"""The list of received events, as administrators see it: with the member whom each is about."""

from __future__ import annotations

from collections.abc import Mapping

from flask_sqlalchemy.pagination import Pagination
from sqlalchemy import Row, Select, and_, or_, select

from umstripe.database import db
from umstripe.models.customer import Customer
from umstripe.models.delivery import Delivery
from umstripe.models.user import User
from umstripe.normalization import text_key

RESULT_WORDS = {
    "processed": ("Processed", "It was applied."),
    "stale": ("Stale", "Something newer was known already, so it changed nothing."),
    "foreign": ("Foreign", "It is not about one of your members."),
    "ignored": ("Ignored", "This site needs nothing of this type."),
    "unsold": (
        "Unsold",
        "Somebody paid, but no plan here sells this price. Import your prices or make a plan of it, then process this "
        "again.",
    ),
    "unusable": (
        "Unusable",
        "It says something that this site cannot read, so it was not applied. An audit compares with Stripe instead.",
    ),
    "failed": ("Failed", "It could not be applied and waits for another try."),
}


def page(number: int, per_page: int, filters: Mapping[str, str]) -> Pagination:
    """Return rows of (delivery, user or None), newest first.

    `filters` narrow by `result`, `mode` and `type`; `search` looks in the ids and in the member's names and address.
    """
    query = select(Delivery, User)
    about = and_(Customer.mode == Delivery.mode, Customer.stripe_customer_id == Delivery.stripe_customer_id)
    query = query.outerjoin(Customer, about).outerjoin(User, User.id == Customer.user_id)
    for name in ("result", "mode", "type"):
        if filters.get(name):
            query = query.where(getattr(Delivery, name) == filters[name])
    if search := filters.get("search", "").strip():
        ids = (Delivery.stripe_event_id, Delivery.stripe_object_id, Delivery.stripe_customer_id)
        matches = [column == search for column in ids]
        if key := text_key(search):
            matches.append(User.search_key.contains(key, autoescape=True))
        query = query.where(or_(*matches))
    return _RowPagination(query.order_by(Delivery.id.desc()), page=number, per_page=per_page)


def types() -> list[str]:
    """Return every event type that has arrived."""
    return list(db.session.scalars(select(Delivery.type).distinct().order_by(Delivery.type)))


def member_of(delivery: Delivery) -> User | None:
    """Return the user whom a delivery is about."""
    query = select(User).join(Customer, Customer.user_id == User.id).where(Customer.mode == delivery.mode)
    return db.session.scalar(query.where(Customer.stripe_customer_id == delivery.stripe_customer_id))


class _RowPagination(Pagination):
    """Pages of a query with two things in a row."""

    def __init__(self, query: Select[Delivery, User], page: int, per_page: int) -> None:
        super().__init__(page=page, per_page=per_page, max_per_page=per_page, error_out=False, query=query)

    def _query_items(self) -> list[Row[Delivery, User]]:
        query = self._query_args["query"].limit(self.per_page).offset(self._query_offset)
        return list(db.session.execute(query).all())

    def _query_count(self) -> int:
        query = self._query_args["query"].order_by(None)
        counted = query.with_only_columns(db.func.count(Delivery.id), maintain_column_froms=True)
        return db.session.scalar(counted) or 0
