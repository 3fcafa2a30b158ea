from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from umstripe.database import Model, UTCDateTime, db, now
from umstripe.models.user import User


class Difference(Model):
    """Something that the audit found to be otherwise at Stripe. It stays in the list until it is repaired,
    or until a later audit finds it gone.

    `here` and `there` say what each side has, in words; `roles` holds the member's roles as `before` and `after`.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    mode: Mapped[str] = mapped_column(String(4))
    kind: Mapped[str] = mapped_column(String(20))
    stripe_object_id: Mapped[str] = mapped_column(String(255))
    stripe_customer_id: Mapped[str] = mapped_column(String(255))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    here: Mapped[str] = mapped_column(String(300), default="")
    there: Mapped[str] = mapped_column(String(300), default="")
    roles: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    found_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    error: Mapped[str] = mapped_column(String(1000), default="")

    user: Mapped[User | None] = relationship(lazy="joined")

    @classmethod
    def listed(cls, mode: str, at_most: int = 1000) -> list[Difference]:
        """Return the differences of a mode, oldest first."""
        return list(db.session.scalars(select(cls).where(cls.mode == mode).order_by(cls.id).limit(at_most)))

    @property
    def effect(self) -> str:
        """What a repair does to the member's roles, in words."""
        before, after = self.roles.get("before", []), self.roles.get("after", [])
        if before == after:
            return "No role changes."
        gets, loses = (
            [role for role in after if role not in before],
            [role for role in before if role not in after],
        )
        changes = [f"gets {', '.join(gets)}"] if gets else []
        changes += [f"loses {', '.join(loses)}"] if loses else []
        who = self.user.username if self.user else "Nobody"
        return f"{who} {' and '.join(changes)}."

    __table_args__ = (Index("ix_difference_mode", "mode"),)
