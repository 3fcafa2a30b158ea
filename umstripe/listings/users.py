"""The list of users, with what each has now: a fixed number of queries, however long the page."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from flask_sqlalchemy.pagination import Pagination
from sqlalchemy import Select, func, select
from sqlalchemy.orm import selectinload

from umstripe.database import db
from umstripe.formatting import dispute_words
from umstripe.memberships.effective_roles import (
    Holding,
    effective_roles_query,
    held_statuses_query,
    holdings_of,
)
from umstripe.models.customer import Customer
from umstripe.models.dispute import Dispute
from umstripe.models.role import Role
from umstripe.models.settings import Settings
from umstripe.models.user import User
from umstripe.normalization import text_key
from umstripe.statuses import ENDED, LIVE

INACTIVE = "inactive"


@dataclass(frozen=True)
class UserRow:
    """A user as the list shows them: names of the effective roles, the most significant membership, and the state of
    an open dispute in words."""

    user: User
    roles: list[str]
    holding: Holding | None
    status: str
    customer: Customer | None
    dispute: str = ""


def page(number: int, per_page: int, role_id: int = 0, status: str = "", search: str = "") -> Pagination:
    """Return users by username. `role_id` is an effective role, `status` what the list shows, or `inactive`."""
    query: Select[Any] = select(User).options(selectinload(User.customers))
    query = query.order_by(User.username_key)
    if role_id:
        effective = _effective().subquery()
        query = query.where(User.id.in_(select(effective.c.user_id).where(effective.c.role_id == role_id)))
    if status:
        query = _with_status(query, status)
    if key := text_key(search):
        query = query.where(User.search_key.contains(key, autoescape=True))
    return db.paginate(query, page=number, per_page=per_page, error_out=False)


def rows(users: Iterable[User]) -> list[UserRow]:
    """Return what each of these users has now."""
    at, users, settings = int(time.time()), list(users), Settings.get()
    ids = [user.id for user in users]
    names: dict[int, list[str]] = {user_id: [] for user_id in ids}
    effective = _effective().subquery()
    query = select(effective.c.user_id, Role.name).join(Role, Role.id == effective.c.role_id)
    for user_id, name in db.session.execute(query.where(effective.c.user_id.in_(ids)).order_by(Role.name)):
        names[user_id].append(name)
    memberships: dict[int, list[Holding]] = {user_id: [] for user_id in ids}
    for holding in holdings_of(ids, settings.counted_modes):
        memberships[holding.user_id].append(holding)
    open_disputes = Dispute.users_with_open(ids, settings.counted_modes)
    user_rows = [_row(user, names[user.id], memberships[user.id], at, settings.mode) for user in users]
    return [replace(row, dispute=dispute_words(open_disputes.get(row.user.id, ""))) for row in user_rows]


def counts_by_role() -> list[tuple[Role, int]]:
    """Return how many users have each role now."""
    effective = _effective().subquery()
    number = func.count(effective.c.user_id)
    query = select(Role, number).join(effective, effective.c.role_id == Role.id).group_by(Role.id)
    query = query.order_by(Role.is_administrator.desc(), Role.name_key)
    return [(role, users) for role, users in db.session.execute(query)]


def count() -> int:
    return db.session.scalar(select(func.count(User.id))) or 0


def _effective() -> Select[tuple[int, int]]:
    settings = Settings.get()
    return effective_roles_query(int(time.time()), settings.counted_modes, settings.replace_roles)


def _with_status(query: Select[tuple[User]], status: str) -> Select[tuple[User]]:
    """Return those who hold a membership in this status, and no more significant one."""
    held = held_statuses_query(int(time.time()), Settings.get().counted_modes).subquery()
    if status == INACTIVE:
        return query.where(User.id.not_in(select(held.c.user_id)))
    more_significant = () if status in LIVE else LIVE if status in ENDED else LIVE | ENDED
    return query.where(
        User.id.in_(select(held.c.user_id).where(held.c.status == status)),
        User.id.not_in(select(held.c.user_id).where(held.c.status.in_(more_significant))),
    )


def _row(user: User, roles: list[str], memberships: list[Holding], at: int, mode: str) -> UserRow:
    holding = max(memberships, key=lambda membership: _significance(membership, at), default=None)
    if holding is None:
        return UserRow(user, roles, None, "", user.customer(mode))
    return UserRow(user, roles, holding, holding.status_at(at), holding.row.customer)


def _significance(holding: Holding, at: int) -> tuple[int, int, tuple[int, int]]:
    """Return what memberships are compared by: a live one counts most, then the one that ended last, as for roles."""
    membership, status = holding.membership, holding.status_at(at)
    if status in ENDED:
        return 1, membership.ended_by(at), membership.order
    return 2 if status in LIVE else 0, holding.row.created, membership.order
