from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from flask_security import UserMixin, hash_password
from sqlalchemy import Column, ForeignKey, Select, String, Table, case, func, or_, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from umstripe.database import Model, UTCDateTime, db, now
from umstripe.errors import NotAllowed
from umstripe.models.normalized_columns import is_set_apart, key_column, search_column
from umstripe.models.password_schemes import EARLIER_PREFIX
from umstripe.models.role import Role
from umstripe.normalization import email_key, is_same_mailbox, name_key, storable

if TYPE_CHECKING:
    from umstripe.models.customer import Customer

manual_roles = Table(
    "manual_role",
    Model.metadata,
    Column("user_id", ForeignKey("user.id", ondelete="CASCADE"), primary_key=True),
    Column("role_id", ForeignKey("role.id"), primary_key=True, index=True),
)


class User(Model, UserMixin):
    """Somebody with an account. `roles` are the manual ones; what counts is memberships.effective_roles.

    `pending_plan_key` is the short key of the plan that they last went to pay, "" for none: an order not paid is shown to them.
    `confirmed_at` is when somebody who read a mail to the address chose the password, so that the account is theirs.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=lambda: uuid.uuid4().hex)
    username: Mapped[str] = mapped_column(String(60))
    email: Mapped[str] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(120), default="")
    username_key: Mapped[str] = key_column(name_key, "username", unique=True)
    email_key: Mapped[str] = key_column(email_key, "email", unique=True)
    search_key: Mapped[str] = search_column("username", "email", "name")
    billing_email: Mapped[str] = mapped_column(String(255), default="", server_default="")
    password: Mapped[str | None] = mapped_column(String(255))
    pending_plan_key: Mapped[str] = mapped_column(String(10), default="", server_default="")
    active: Mapped[bool] = mapped_column(default=True)
    fs_uniquifier: Mapped[str] = mapped_column(String(64), unique=True, default=lambda: secrets.token_hex(32))
    confirmed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)

    roles: Mapped[list[Role]] = relationship(  # type: ignore[assignment]
        secondary=manual_roles, order_by=Role.name, lazy="selectin"
    )
    customers: Mapped[list[Customer]] = relationship(back_populates="user", order_by="Customer.id")

    @classmethod
    def with_email(cls, email: str) -> User | None:
        user_id = db.session.scalar(cls.id_of_email(email))
        return db.session.get(cls, user_id) if user_id else None

    @classmethod
    def id_of_email(cls, email: str) -> Select[int]:
        """Return the query for the id of the user with this address, in any case and Unicode form.

        The very address counts first: a migration has set one key apart where it found two users with equal ones.
        """
        typed = storable(email.strip())
        query = select(cls.id).where(or_(cls.email_key == email_key(typed), cls.email == typed))
        return query.order_by(case((cls.email == typed, 0), else_=1), cls.id).limit(1)

    @classmethod
    def with_key_set_apart(cls) -> list[User]:
        """Return the users whose address reads the same as an older user's."""
        return list(
            db.session.scalars(select(cls).where(is_set_apart(cls.email_key, cls.id)).order_by(cls.id))
        )

    @classmethod
    def count_earlier_hashes(cls) -> int:
        """Return how many passwords are stored as earlier versions stored them."""
        earlier = cls.password.startswith(EARLIER_PREFIX, autoescape=True)
        return db.session.scalar(select(func.count(cls.id)).where(earlier)) or 0

    @classmethod
    def with_username(cls, username: str) -> User | None:
        return db.session.scalar(select(cls).where(cls.username_key == name_key(username)))

    @classmethod
    def with_identity(cls, text: str) -> User | None:
        """Return the user with this username or, if there is an @ in it (no username has one), this mail address."""
        return cls.with_email(text) if "@" in text else cls.with_username(text)

    @classmethod
    def get_for_update(cls, user_id: int) -> User | None:
        """Return the user as of now, for one administrator at a time: the next one waits until this one is done."""
        return db.session.get(cls, user_id, with_for_update={"key_share": True}, populate_existing=True)

    @classmethod
    def there_is_an_administrator(cls) -> bool:
        query = select(cls.id).join(cls.roles).where(Role.is_administrator)
        return db.session.scalar(query.limit(1)) is not None

    @property
    def is_administrator(self) -> bool:
        return any(role.is_administrator for role in self.roles)

    def customer(self, mode: str) -> Customer | None:
        """Return the customer at Stripe that new payments of this user use, if there is one."""
        return next(
            (customer for customer in self.customers if customer.mode == mode and not customer.deleted), None
        )

    def give_roles(self, roles: list[Role]) -> str:
        """Make these the manual roles. Return what changed, in words, or "". Raise NotAllowed when the site
        would be left without an administrator."""
        if not any(role.is_administrator for role in roles):
            self._must_not_be_last_administrator()
        before, after = (
            ", ".join(sorted(role.name for role in some)) or "none" for some in (self.roles, roles)
        )
        if set(self.roles) == set(roles):
            return ""
        self.roles = roles
        return f"{before} → {after}"

    def change(self, values: Mapping[str, str]) -> str:
        """Take over username, mail address and name. Return what changed, in words, or "".

        Another mail address logs the user out everywhere.
        """
        address = self.email
        changed = [(name, getattr(self, name), value) for name, value in values.items()]
        changed = [(name, before, after) for name, before, after in changed if before != after]
        for name, _, after in changed:
            setattr(self, name, after)
        if not is_same_mailbox(self.email, address):
            self._has_another_address(address)
        return ", ".join(f"{name} {before or 'none'} → {after or 'none'}" for name, before, after in changed)

    def _has_another_address(self, before: str) -> None:
        """Nobody has confirmed it yet. Whoever came in by the one before is out, and is told there."""
        from umstripe.models.mail import Mail

        self.confirmed_at, self.fs_uniquifier = None, secrets.token_hex(32)
        about = f"{self.public_id}:{now().isoformat()}"
        Mail.write(db.session.connection(), "address_changed", about, user_id=self.id, address=before)

    def has_password(self, password: str) -> bool:
        """Return whether this is the user's password. It takes as long for somebody who has none yet."""
        if not self.password:
            hash_password(password)
            return False
        return self.verify_and_update_password(password)

    def set_password(self, password: str) -> None:
        """Set a password, and log the user out everywhere."""
        self.password = hash_password(password)
        self.fs_uniquifier = secrets.token_hex(32)

    def _must_not_be_last_administrator(self) -> None:
        """The role's row is locked, so that two administrators cannot take the role from each other at once."""
        if not self.is_administrator:
            return
        db.session.execute(select(Role.id).where(Role.is_administrator).with_for_update(key_share=True))
        if self.is_last_administrator():
            raise NotAllowed("This is the only administrator. Make somebody else one first.")

    def is_last_administrator(self) -> bool:
        query = select(func.count()).select_from(User).join(User.roles).where(Role.is_administrator)
        return self.is_administrator and db.session.scalar(query) == 1
