"""Who has which role: rule 1, once in Python for one user and once as SQL for lists. A test holds them together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    Select,
    SQLColumnExpression,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    union_all,
)

from umstripe.database import Transaction, db
from umstripe.formatting import status_words
from umstripe.models import (
    Customer,
    Plan,
    PlanRole,
    Price,
    Purchase,
    Role,
    Settings,
    Subscription,
    User,
    manual_roles,
)
from umstripe.models.settings import counted_modes
from umstripe.statuses import ENDED, INCOMPLETE, LIVE


@dataclass(frozen=True)
class Membership:
    """What a user holds: the status, the roles its plan gives by status, times in seconds UTC.

    `order` breaks a tie between two that ended in the same second.
    """

    status: str
    roles: Mapping[str, Role | None]
    ends_at: int | None = None
    ended_at: int | None = None
    order: tuple[int, int] = (0, 0)

    def status_at(self, at: int) -> str:
        return "expired" if self._is_over(at) else self.status

    def is_live(self, at: int) -> bool:
        status = self.status_at(at)
        return status in LIVE or (status == INCOMPLETE and self.roles.get(status) is not None)

    def ended_by(self, at: int) -> int:
        return (self.ends_at if self._is_over(at) else self.ended_at) or 0

    def _is_over(self, at: int) -> bool:
        return self.status == "paid" and self.ends_at is not None and self.ends_at <= at


@dataclass(frozen=True)
class Holding:
    """A subscription or purchase of a user, with its price and plan, if those were imported."""

    user_id: int
    row: Any
    price: Price | None
    plan: Plan | None

    @property
    def membership(self) -> Membership:
        mapping = self.plan.roles if self.plan else {}
        roles: dict[str, Role | None] = {status: given.role for status, given in mapping.items()}
        roles["disputed"] = roles.get("refunded")
        order = (KINDS.index(type(self.row)), self.row.id)
        return Membership(
            self.row.status, roles, getattr(self.row, "ends_at", None), self.row.ended_at, order
        )

    @property
    def title(self) -> str:
        return self.plan.title if self.plan else self.price.title if self.price else self.row.stripe_price_id

    def status_at(self, at: int) -> str:
        return self.membership.status_at(at)


KINDS = (Subscription, Purchase)


def counting(memberships: Iterable[Membership], at: int) -> list[Membership]:
    """Return the memberships that give roles at a moment: every live membership, or else the latest ended membership."""
    candidates = list(memberships)
    live = [membership for membership in candidates if membership.is_live(at)]
    ended = [membership for membership in candidates if membership.status_at(at) in ENDED]
    return live or sorted(ended, key=lambda membership: (membership.ended_by(at), membership.order))[-1:]


def roles_given(memberships: Iterable[Membership], at: int) -> set[Role]:
    """Return the roles that memberships give at a moment (seconds, UTC)."""
    roles = (membership.roles.get(membership.status_at(at)) for membership in counting(memberships, at))
    return {role for role in roles if role is not None}


def combined(manual: set[Role], given: set[Role], replace: bool) -> set[Role]:
    """Manual and given roles together; with the replace setting the given ones alone, if there are any."""
    return given if replace and given else manual | given


def effective_roles(user: User, at: int) -> list[Role]:
    """Return what a user has at a moment (seconds, UTC), by name. Administrators have exactly their manual roles."""
    if user.is_administrator:
        return list(user.roles)
    settings = Settings.get()
    given = roles_given(memberships_of(user, settings.counted_modes), at)
    return sorted(combined(set(user.roles), given, settings.replace_roles), key=lambda role: role.name_key)


def explained(user: User, at: int) -> list[tuple[Role, str]]:
    """Return each effective role with the reason for it, in words."""
    settings = Settings.get()
    holdings = [] if user.is_administrator else holdings_of([user.id], settings.counted_modes)
    counts = counting([holding.membership for holding in holdings], at)
    set_aside = settings.replace_roles and roles_given(counts, at)
    by_hand = [] if set_aside else user.roles
    reasons: dict[Role, list[str]] = {role: ["given by an administrator"] for role in by_hand}
    for holding in holdings:
        status = holding.status_at(at)
        role = holding.membership.roles.get(status)
        if role is not None and holding.membership in counts:
            reasons.setdefault(role, []).append(f"{holding.title}: {status_words(status)}")
    return [(role, ", ".join(reasons[role])) for role in effective_roles(user, at)]


def memberships_of(user: User, modes: Iterable[str]) -> list[Membership]:
    """Return everything a user holds or held in these modes."""
    return [holding.membership for holding in holdings_of([user.id], modes)]


def holdings_of(user_ids: Iterable[int], modes: Iterable[str]) -> list[Holding]:
    """Return everything these users hold or held in these modes, newest last: two queries, however many they are."""
    holdings = []
    for model in KINDS:
        query = select(Customer.user_id, model, Price, Plan).select_from(model)
        query = query.join(Customer, model.customer_id == Customer.id)
        query = query.outerjoin(
            Price, and_(Price.mode == model.mode, Price.stripe_price_id == model.stripe_price_id)
        )
        query = query.outerjoin(Plan, Plan.price_id == Price.id)
        query = query.where(Customer.user_id.in_(user_ids), model.mode.in_(modes)).order_by(model.created)
        holdings += [Holding(*row) for row in db.session.execute(query)]
    return holdings


def effective_roles_query(at: int, modes: Iterable[str], replace: bool) -> Select[tuple[int, int]]:
    """Return the same rule as rows of (user_id, role_id), for all users at once."""
    memberships = _memberships(at, tuple(modes))
    live = select(memberships.c.user_id, memberships.c.role_id).where(_is_live(memberships))
    ended = _latest_ended(memberships)
    no_live = ~exists().where(memberships.c.user_id == ended.c.user_id, _is_live(memberships))
    last = select(ended.c.user_id, ended.c.role_id).where(ended.c.place == 1, no_live)
    given = union_all(live, last).cte("given_roles")
    given_rows = select(given.c.user_id, given.c.role_id).where(
        given.c.role_id.is_not(None), ~_administrates(given)
    )
    manual = select(manual_roles.c.user_id, manual_roles.c.role_id)
    if replace:
        set_aside = exists().where(given.c.user_id == manual_roles.c.user_id, given.c.role_id.is_not(None))
        manual = manual.where(or_(_administrates(manual_roles), ~set_aside))
    return given_rows.union(manual).subquery("effective_roles").select()


def names_of(tx: Transaction, user_id: int | None, at: int) -> list[str]:
    """Return a user's effective roles as an open transaction has them, by name."""
    setting = tx.execute(select(Settings.sandbox, Settings.replace_roles)).one()
    rows = effective_roles_query(at, counted_modes(setting.sandbox), setting.replace_roles).subquery()
    names = select(Role.name).join(rows, rows.c.role_id == Role.id).where(rows.c.user_id == user_id)
    return list(tx.execute(names.order_by(Role.name_key)).scalars())


def held_statuses_query(at: int, modes: Iterable[str]) -> Select[tuple[int, str]]:
    """Rows of (user_id, status): every membership's status at a moment, for all users."""
    memberships = _memberships(at, tuple(modes), "held_now")
    return select(memberships.c.user_id, memberships.c.status)


def _memberships(at: int, modes: tuple[str, ...], name: str = "memberships") -> CTE:
    """One row per membership: user, status at the moment, role of its plan in that status, when it ended."""
    over = and_(Purchase.status == "paid", Purchase.ends_at.is_not(None), Purchase.ends_at <= at)
    status = case((over, literal("expired")), else_=Purchase.status)
    ended_at = case((over, Purchase.ends_at), else_=Purchase.ended_at)
    both = union_all(
        _rows(Subscription, Subscription.status, Subscription.ended_at, 0, modes),
        _rows(Purchase, status, ended_at, 1, modes),
    )
    return both.cte(name)


def _rows(
    model: type[Subscription | Purchase],
    status: SQLColumnExpression[str],
    ended_at: SQLColumnExpression[int | None],
    kind: int,
    modes: tuple[str, ...],
) -> Select[*tuple[object, ...]]:
    columns: tuple[SQLColumnExpression[object], ...] = (
        Customer.user_id,
        status.label("status"),
        PlanRole.role_id,
        func.coalesce(ended_at, 0).label("ended_at"),
        literal(kind).label("kind"),
        model.id.label("membership_id"),
    )
    query = select(*columns).join_from(model, Customer, model.customer_id == Customer.id)
    query = query.outerjoin(
        Price, and_(Price.mode == model.mode, Price.stripe_price_id == model.stripe_price_id)
    )
    query = query.outerjoin(Plan, Plan.price_id == Price.id)
    query = query.outerjoin(
        PlanRole, and_(PlanRole.plan_id == Plan.id, PlanRole.status == _role_status(status))
    )
    return query.where(model.mode.in_(modes))


def _role_status(status: SQLColumnExpression[str]) -> ColumnElement[str]:
    """Return the status whose role a plan gives: who has taken the money back by a dispute has the Refunded role."""
    return case((status == "disputed", literal("refunded")), else_=status)


def _is_live(memberships: CTE) -> ColumnElement[bool]:
    return or_(
        memberships.c.status.in_(LIVE),
        and_(memberships.c.status == INCOMPLETE, memberships.c.role_id.is_not(None)),
    )


def _latest_ended(memberships: CTE) -> CTE:
    newest_first = (
        memberships.c.ended_at.desc(),
        memberships.c.kind.desc(),
        memberships.c.membership_id.desc(),
    )
    place = func.row_number().over(partition_by=memberships.c.user_id, order_by=newest_first).label("place")
    return (
        select(memberships.c.user_id, memberships.c.role_id, place)
        .where(memberships.c.status.in_(ENDED))
        .cte("ended")
    )


def _administrates(rows: FromClause) -> ColumnElement[bool]:
    """Return whether the user of a row has an administrator role."""
    manual = manual_roles.alias()
    return exists().where(
        manual.c.user_id == rows.c.user_id, manual.c.role_id == Role.id, Role.is_administrator
    )
