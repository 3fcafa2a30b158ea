from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime

from flask_security import hash_password, verify_password
from flask_sqlalchemy.pagination import Pagination
from sqlalchemy import Column, ForeignKey, String, Table, Text, false, func, insert, or_, select, true
from sqlalchemy import Connection as Transaction
from sqlalchemy.orm import Mapped, attribute_keyed_dict, mapped_column, relationship

from umstripe.database import Base, UTCDateTime, db, now
from umstripe.errors import Rejected
from umstripe.models.plan_role import ROLE_LABELS, PlanRole, default_roles
from umstripe.models.price import Price, Product
from umstripe.models.role import Role
from umstripe.words import moment_words

plan_switch_prices = Table(
    "plan_switch_price",
    Base.metadata,
    Column("plan_id", ForeignKey("plan.id", ondelete="CASCADE"), primary_key=True),
    Column("price_id", ForeignKey("price.id"), primary_key=True, index=True),
)


class Plan(db.Model):
    """What is for sale: a price, and a role for each status. Import makes one per price.

    `status` is `draft`, `published` or `closed` (members keep it, nobody new gets it); `visibility` is `public`,
    `password` or `private` (administrators alone). `published_at` is from when on it is for sale; None: at once.
    A one-time plan lasts `duration_count` of `duration_unit` (`day`, `week`, `month`), or for ever; with `approval`
    the amount is only reserved until an administrator says yes. `switch_prices` are those a subscriber may switch to.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(32), unique=True, default=lambda: secrets.token_urlsafe(16))
    price_id: Mapped[int] = mapped_column(ForeignKey("price.id"), unique=True)
    own_title: Mapped[str] = mapped_column(String(200), default="")
    short_key: Mapped[str] = mapped_column(String(10), unique=True, default=lambda: secrets.token_hex(5))
    imported: Mapped[bool] = mapped_column(default=True, server_default=true())
    description: Mapped[str] = mapped_column(Text, default="", server_default="")
    status: Mapped[str] = mapped_column(String(10), default="published", server_default="published")
    visibility: Mapped[str] = mapped_column(String(10), default="public", server_default="public")
    password_hash: Mapped[str | None] = mapped_column(String(255))
    published_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
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
        """A plan, with the default role in every status, for each price that is for sale and has none."""
        wanted = select(Price.id, Price.type).outerjoin(cls, cls.price_id == Price.id)
        wanted = wanted.where(
            Price.mode == mode, Price.active, ~Price.deleted, Price.skipped == "", cls.id.is_(None)
        )
        for price_id, type_ in tx.execute(wanted).all():
            made = tx.execute(insert(cls).values(price_id=price_id).returning(cls.id))
            plan_id = made.scalar_one()
            roles = [
                {"plan_id": plan_id, "status": status, "role_id": default_role_id}
                for status in default_roles(type_)
            ]
            tx.execute(insert(PlanRole), roles)

    @classmethod
    def with_key(cls, key: str) -> Plan | None:
        """The plan of a link: `key` is the long or the short one, exactly."""
        either = or_(cls.key == key, cls.short_key == key)
        return db.session.scalar(select(cls).where(either)) if key.isascii() and "\x00" not in key else None

    @classmethod
    def on_offer(cls, mode: str) -> list[Plan]:
        """What a visitor may choose from: the mode's public plans that are for sale now, cheapest first."""
        query = select(cls).join(cls.price).where(Price.mode == mode, Price.active, ~Price.deleted)
        query = query.where(Price.skipped == "", cls.status == "published", cls.visibility == "public")
        query = query.where(or_(cls.published_at.is_(None), cls.published_at <= now()))
        return list(db.session.scalars(query.order_by(Price.type.desc(), Price.unit_amount, cls.id)))

    @classmethod
    def listed(cls, page: int, per_page: int, mode: str, type_: str = "", search: str = "") -> Pagination:
        """A mode's plans, cheapest first; `search` looks in titles and ids."""
        query = select(cls).join(cls.price).outerjoin(Price.product).where(Price.mode == mode)
        if type_:
            query = query.where(Price.type == type_)
        if search:
            looked_in = (cls.own_title, Product.name, Price.nickname, Price.stripe_price_id)
            query = query.where(or_(*(column.icontains(search, autoescape=True) for column in looked_in)))
        query = query.order_by(Price.type.desc(), Price.unit_amount, cls.id)
        return db.paginate(query, page=page, per_page=per_page, error_out=False)

    @classmethod
    def count(cls, mode: str) -> int:
        query = select(func.count(cls.id)).join(cls.price).where(Price.mode == mode)
        return db.session.scalar(query) or 0

    @classmethod
    def any_is_mapped(cls) -> bool:
        """Whether an admin has said of any plan what it gives: a role that is not the default one."""
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

    def entitle(self, title: str) -> list[str]:
        """Give the plan a title of its own. Empty, or what Stripe calls it: it follows Stripe's again.

        Gives what changed, in words.
        """
        before = self.title
        self.own_title = "" if title.strip() == self.price.title else title.strip()
        return [] if self.title == before else [f"title was {before}"]

    def why_not_for_sale(self, mode: str, is_administrator: bool = False, unlocked: bool = False) -> str:
        """Why a visitor cannot buy the plan now, as a sentence for the visitor; "" when it can be bought.

        `mode` is what the site sells in now; `unlocked`: the visitor has given the plan's password.
        """
        if self.mode != mode:
            return "This offer does not exist at the moment. Ask the site for a new link."
        if self.status == "closed" or (self.status == "published" and not self.price.is_for_sale):
            return "This offer has ended. Nobody new can take it; who has it keeps it."
        private = self.visibility == "private" and not is_administrator
        if self.status != "published" or private:
            return "This offer is not open. Ask the site for another one."
        if self.published_at and self.published_at > now():
            return f"This offer opens on {moment_words(self.published_at)}. Come back then."
        if self.visibility == "password" and not (unlocked or is_administrator):
            return "This offer is for people who have its password. Type the password first."
        return ""

    def check_password(self, text: str) -> bool:
        """Whether this is the plan's password. A plan without one opens for nothing that is typed."""
        return bool(self.password_hash and text and verify_password(text, self.password_hash))

    def set_password(self, text: str) -> None:
        self.password_hash = hash_password(text)

    @property
    def role_labels(self) -> Mapping[str, str]:
        return ROLE_LABELS[self.price.type]

    def role_for(self, status: str) -> Role | None:
        given = self.roles.get(status)
        return given.role if given else None

    def map_roles(self, roles: Mapping[str, Role | None]) -> list[str]:
        """Say which role each status gives; None for none. Gives what changed, in words.

        Raises Rejected for an administrator role (rule 1) and for a status that the plan does not have.
        """
        for status, role in roles.items():
            if role is not None and role.is_administrator:
                raise Rejected("A plan cannot give the administrator's role. Choose another one.")
            if status not in self.role_labels:
                raise Rejected(f"This plan has no status “{status}”.")
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
        names = [one.name if one else "none" for one in (before, role)]
        return f"{self.role_labels[status]}: {names[0]} → {names[1]}"
