from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from dateutil.relativedelta import relativedelta
from sqlalchemy import Column, ForeignKey, String, Table, exists, false, insert, or_, select, true
from sqlalchemy.orm import Mapped, attribute_keyed_dict, mapped_column, relationship

from umstripe.database import Model, Transaction, UTCDateTime, db, now
from umstripe.errors import NotAllowed
from umstripe.formatting import price_words, term_words
from umstripe.models.normalized_columns import search_column
from umstripe.models.offer import Offer
from umstripe.models.plan_role import ROLE_LABELS, PlanRole, default_roles
from umstripe.models.price import Price
from umstripe.models.role import Role

TERMS = {
    "recurring": ("trial_days", "promotion_codes"),
    "one_time": ("promotion_codes", "duration_count", "duration_unit", "approval"),
}
"""What a plan of each type says besides roles: columns of Plan."""

plan_switch_prices = Table(
    "plan_switch_price",
    Model.metadata,
    Column("plan_id", ForeignKey("plan.id", ondelete="CASCADE"), primary_key=True),
    Column("price_id", ForeignKey("price.id"), primary_key=True, index=True),
)


class Plan(Model, Offer):
    """What is for sale: a price, and a role for each status. Import makes one per price.

    A one-time plan lasts `duration_count` of `duration_unit` (`day`, `week`, `month`), or for ever; with `approval`
    the amount is only reserved until an administrator says yes. `switch_prices` are those a subscriber may switch to.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(32), unique=True, default=lambda: secrets.token_urlsafe(16))
    price_id: Mapped[int] = mapped_column(ForeignKey("price.id"), unique=True)
    own_title: Mapped[str] = mapped_column(String(200), default="")
    title_key: Mapped[str] = search_column("own_title")
    short_key: Mapped[str] = mapped_column(String(10), unique=True, default=lambda: secrets.token_hex(5))
    imported: Mapped[bool] = mapped_column(default=True, server_default=true())
    trial_days: Mapped[int | None] = mapped_column()
    promotion_codes: Mapped[bool] = mapped_column(default=False, server_default=false())
    approval: Mapped[bool] = mapped_column(default=False, server_default=false())
    duration_count: Mapped[int | None] = mapped_column()
    duration_unit: Mapped[str] = mapped_column(String(5), default="", server_default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)

    price: Mapped[Price] = relationship(lazy="joined")
    roles: Mapped[dict[str, PlanRole]] = relationship(
        collection_class=attribute_keyed_dict("status"), cascade="all, delete-orphan", lazy="selectin"
    )

    switch_prices: Mapped[list[Price]] = relationship(secondary=plan_switch_prices, order_by=Price.id)

    @classmethod
    def make_for(cls, tx: Transaction, mode: str, default_role_id: int) -> None:
        """A plan, with the default role, for each price that is for sale and has none."""
        for price_id, type_ in tx.execute(cls._without(mode, Price.id, Price.type)).all():
            inserted = tx.execute(insert(cls).values(price_id=price_id).returning(cls.id))
            plan_id = inserted.scalar_one()
            roles = [
                {"plan_id": plan_id, "status": status, "role_id": default_role_id}
                for status in default_roles(type_)
            ]
            tx.execute(insert(PlanRole), roles)

    @classmethod
    def make(cls, price: Price, title: str, role: Role) -> Plan:
        """Make a plan by hand: a draft that gives the role where an imported one would.

        When somebody holds the price already, it gives no role yet: nobody's roles change unseen.
        """
        plan = cls(price=price, imported=False, status="draft")
        plan.entitle(title)
        if not plan.is_or_was_held():
            plan.roles = {status: PlanRole(status=status, role=role) for status in default_roles(price.type)}
        db.session.add(plan)
        return plan

    @classmethod
    def free_prices(cls, mode: str) -> list[Price]:
        """Return the prices of a mode that are for sale and have no plan yet."""
        query = cls._without(mode, Price).order_by(Price.type.desc(), Price.unit_amount, Price.id)
        return list(db.session.scalars(query))

    @classmethod
    def _without(cls, mode: str, *wanted: Any) -> Any:
        query = select(*wanted).outerjoin(cls, cls.price_id == Price.id)
        return query.where(
            Price.mode == mode, Price.active, ~Price.deleted, Price.skipped == "", cls.id.is_(None)
        )

    @classmethod
    def with_key(cls, key: str) -> Plan | None:
        """Return the plan of a link: `key` is the long or the short one, exactly."""
        either = or_(cls.key == key, cls.short_key == key)
        return db.session.scalar(select(cls).where(either)) if key.isascii() and "\x00" not in key else None

    @classmethod
    def on_offer(cls, mode: str) -> list[Plan]:
        """Return what a visitor may choose from: the mode's public plans that are for sale now, cheapest first."""
        query = select(cls).join(cls.price).where(Price.mode == mode, cls.is_open())
        return list(db.session.scalars(query.order_by(Price.type.desc(), Price.unit_amount, cls.id)))

    @classmethod
    def get_for_update(cls, plan_id: int) -> Plan | None:
        """Return the plan as of now, for one administrator at a time: the next one waits until this one is done."""
        query = select(cls).where(cls.id == plan_id).with_for_update(of=cls, key_share=True)
        return db.session.scalar(query.execution_options(populate_existing=True))

    @classmethod
    def any_is_mapped(cls) -> bool:
        """Return whether an admin has said of any plan what it gives: a role that is not the default one."""
        from umstripe.models.settings import Settings

        other = PlanRole.role_id != Settings.get().default_role_id
        return db.session.scalar(select(PlanRole.plan_id).where(other).limit(1)) is not None

    @property
    def mode(self) -> str:
        return self.price.mode

    @property
    def title(self) -> str:
        """The admin's title, or else what Stripe calls it now."""
        return self.own_title or self.price.title

    @property
    def fingerprint(self) -> str:
        """Another one whenever an administrator has changed something: two who edit at once notice it."""
        roles = sorted((status, mapping.role_id) for status, mapping in self.roles.items())
        values = [self.price_id, self.own_title, roles, [price.id for price in self.switch_prices]]
        names = ("description", "status", "visibility", "password_hash", "published_at")
        values += [getattr(self, name) for name in (*names, *TERMS["recurring"], *TERMS["one_time"])]
        return hashlib.sha256(repr(values).encode()).hexdigest()[:16]

    def is_or_was_held(self) -> bool:
        """Return whether anybody has or had a membership of it: then its price stays, and it is never deleted."""
        from umstripe.models.purchase import Purchase
        from umstripe.models.subscription import Subscription

        mode, price = self.price.mode, self.price.stripe_price_id
        kinds = (Subscription, Purchase)
        conditions = [exists().where(kind.mode == mode, kind.stripe_price_id == price) for kind in kinds]
        return bool(db.session.scalar(select(or_(*conditions))))

    @property
    def price_is_locked(self) -> bool:
        return self.imported or self.is_or_was_held()

    def entitle(self, title: str) -> list[str]:
        """Give the plan a title of its own. Empty, or what Stripe calls it: it follows Stripe's again.

        Return what changed, in words.
        """
        before = self.title if self.price else ""
        self.own_title = "" if title.strip() == self.price.title else title.strip()
        return [] if self.title == before else [f"title was {before}"]

    def sell(self, price: Price, role: Role) -> list[str]:
        """Sell another price. One of the other type has other statuses: there the plan starts anew, with the role.

        Return what changed, in words. Raise NotAllowed for an imported plan, and for one that somebody has or had.
        """
        if price is self.price:
            return []
        if self.price_is_locked or price.mode != self.mode:
            raise NotAllowed("The price of this plan cannot be changed.")
        before, type_ = self.price, self.price.type
        self.price = price
        self.switch_prices = [target for target in self.switch_prices if self._can_switch_to(target)]
        if price.type != type_:
            self.roles = {status: PlanRole(status=status, role=role) for status in default_roles(price.type)}
            self.trial_days, self.duration_count, self.duration_unit, self.approval = None, None, "", False
        return [f"price: {price_words(before)} → {price_words(price)}"]

    def change(self, values: Mapping[str, object]) -> list[str]:
        """Take over what an administrator says: columns by name. Return what changed, in words."""
        changed = [(name, getattr(self, name), value) for name, value in values.items()]
        changed = [(name, before, after) for name, before, after in changed if before != after]
        for name, _, after in changed:
            setattr(self, name, after)
        return [
            "description changed" if name == "description" else term_words(name, before, after)
            for name, before, after in changed
        ]

    def let_switch(self, prices: Iterable[Price]) -> list[str]:
        """Say which prices its subscribers may switch to: recurring ones, in its currency and mode, but not its own.

        Return what changed, in words.
        """
        fitting = [price for price in prices if self._can_switch_to(price)]
        before, after = ({price.id: price for price in some} for some in (self.switch_prices, fitting))
        if before.keys() == after.keys():
            return []
        self.switch_prices = list(after.values())
        words = ", ".join(f"{price.title} – {price_words(price)}" for price in after.values())
        return [f"switch prices: {words or 'none'}"]

    def _can_switch_to(self, price: Price) -> bool:
        kind = (price.type, price.mode, price.currency)
        own = self.price
        return kind == ("recurring", own.mode, own.currency) and own.type == "recurring" and price is not own

    @property
    def role_labels(self) -> Mapping[str, str]:
        return ROLE_LABELS[self.price.type]

    def role_for(self, status: str) -> Role | None:
        mapping = self.roles.get(status)
        return mapping.role if mapping else None

    def map_roles(self, roles: Mapping[str, Role | None]) -> list[str]:
        """Say which role each status gives; None for none. Return what changed, in words.

        Raise NotAllowed for an administrator role (rule 1) and for a status that the plan does not have.
        """
        for status, role in roles.items():
            if role is not None and role.is_administrator:
                raise NotAllowed("A plan cannot give the administrator's role. Choose another one.")
            if status not in self.role_labels:
                raise NotAllowed(f"This plan has no status “{status}”.")
        return [
            self._map(status, role) for status, role in roles.items() if role is not self.role_for(status)
        ]

    def _map(self, status: str, role: Role | None) -> str:
        before = self.role_for(status)
        if role is None:
            self.roles.pop(status)
        elif status in self.roles:
            self.roles[status].role = role
        else:
            self.roles[status] = PlanRole(status=status, role=role)
        names = [given.name if given else "none" for given in (before, role)]
        return f"{self.role_labels[status]}: {names[0]} → {names[1]}"

    def trash(self) -> bool:
        """Delete the plan, or close it when somebody has or had it, or may be paying for it at this moment.

        Return whether it is gone. Its price stays.
        """
        if self.is_or_was_held() or self.may_be_paid_still:
            self.put("closed")
            return False
        db.session.delete(self)
        return True


def end_after(since: int, count: int | None, unit: str) -> int | None:
    """Return when what lasts `count` days, weeks or calendar months since a moment ends (seconds, UTC); None for never.

    A month after January 31 is the last day of February.
    """
    if not count or unit not in LASTS:
        return None
    try:
        return int((datetime.fromtimestamp(since, UTC) + LASTS[unit](count)).timestamp())
    except (ValueError, OverflowError):
        return None


LASTS = {
    "day": lambda count: relativedelta(days=count),
    "week": lambda count: relativedelta(weeks=count),
    "month": lambda count: relativedelta(months=count),
}
