"""The list of plans, with how many hold each: a fixed number of queries, however long the page."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from flask_sqlalchemy.pagination import Pagination
from sqlalchemy import Select, and_, func, or_, select, union_all

from umstripe.database import db
from umstripe.models.customer import Customer
from umstripe.models.plan import Plan
from umstripe.models.plan_role import PlanRole
from umstripe.models.price import Price, Product
from umstripe.models.purchase import Purchase
from umstripe.models.subscription import Subscription
from umstripe.normalization import text_key
from umstripe.statuses import INCOMPLETE, LIVE

STATES = {"published": "Published", "draft": "Drafts", "closed": "Closed"}
_TITLE_KEY = func.coalesce(
    func.nullif(Plan.title_key, ""),
    func.nullif(Product.name_key, ""),
    func.nullif(Price.nickname_key, ""),
    func.lower(Price.stripe_price_id),
)
SORTS: dict[str, tuple[Any, ...]] = {
    "title": (_TITLE_KEY,),
    "id": (Plan.id,),
    "price": (Price.currency, Price.unit_amount),
    "date": (func.coalesce(Plan.published_at, Plan.created_at),),
}
"""The columns that each order of the list sorts by."""


def page(
    number: int,
    per_page: int,
    mode: str,
    state: str = "",
    type_: str = "",
    search: str = "",
    sort: str = "",
    descending: bool = False,
) -> Pagination:
    """Return a mode's plans, cheapest first unless `sort` says otherwise; `search` looks in titles and ids."""
    query = select(Plan).join(Plan.price).outerjoin(Price.product).where(Price.mode == mode)
    if state in STATES:
        query = query.where(Plan.is_state(state))
    if type_:
        query = query.where(Price.type == type_)
    if key := text_key(search):
        columns = (Plan.title_key, Product.name_key, Price.nickname_key, func.lower(Price.stripe_price_id))
        query = query.where(or_(*(column.contains(key, autoescape=True) for column in columns)))
    order = SORTS.get(sort, ())
    query = query.order_by(*(column.desc() for column in order) if descending else order)
    query = query.order_by(Price.type.desc(), Price.unit_amount, Plan.id)
    return db.paginate(query, page=number, per_page=per_page, error_out=False)


def count(mode: str, state: str = "") -> int:
    query = select(func.count(Plan.id)).join(Plan.price).where(Price.mode == mode)
    return db.session.scalar(query.where(Plan.is_state(state)) if state else query) or 0


def locked(ids: Iterable[int]) -> list[Plan]:
    """Return these plans, locked in a fixed order, so that two administrators wait and never block each other."""
    query = select(Plan).where(Plan.id.in_(set(ids))).order_by(Plan.id)
    query = query.with_for_update(of=Plan, key_share=True).execution_options(populate_existing=True)
    return list(db.session.scalars(query))


def subscribers(plans: Iterable[Plan]) -> dict[int, int]:
    """Return how many live memberships there are of each plan, by its id, with one query for all of them."""
    ids = [plan.id for plan in plans]
    live = union_all(*(_live(model, ids) for model in (Subscription, Purchase))).subquery()
    query = select(live.c.plan_id, func.count()).group_by(live.c.plan_id)
    counts: dict[int, int] = dict.fromkeys(ids, 0)
    counts.update(tuple(row) for row in db.session.execute(query))
    return counts


def members(plan: Plan) -> int:
    """Return how many users have a live membership of it."""
    live = union_all(*(_live(model, [plan.id]) for model in (Subscription, Purchase))).subquery()
    return db.session.scalar(select(func.count(live.c.user_id.distinct()))) or 0


def _live(model: Any, plan_ids: list[int]) -> Select[int, int]:
    """Return a query with a row for each live membership of these plans (rule 1)."""
    query = select(Plan.id.label("plan_id"), Customer.user_id).join(Plan.price)
    of_price = and_(model.mode == Price.mode, model.stripe_price_id == Price.stripe_price_id)
    query = query.join(model, of_price).join(Customer, model.customer_id == Customer.id)
    query = query.outerjoin(PlanRole, and_(PlanRole.plan_id == Plan.id, PlanRole.status == model.status))
    incomplete_with_role = and_(model.status == INCOMPLETE, PlanRole.role_id.is_not(None))
    query = query.where(Plan.id.in_(plan_ids), or_(model.status.in_(LIVE), incomplete_with_role))
    if model is Purchase:
        lasts = or_(Purchase.ends_at.is_(None), Purchase.ends_at > int(time.time()))
        query = query.where(or_(Purchase.status != "paid", lasts))
    return query
