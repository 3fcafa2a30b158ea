from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_sqlalchemy.pagination import Pagination
from sqlalchemy import JSON, ForeignKey, String, Text, bindparam, insert, literal, or_, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from umstripe.database import Model, Transaction, UTCDateTime, db, now
from umstripe.models.normalized_columns import search_column
from umstripe.models.settings import Settings
from umstripe.models.user import User
from umstripe.normalization import search_key, text_key

TRIGGERS = {
    "stripe": "Stripe",
    "admin": "Administrator",
    "member": "Member",
    "command": "Command",
    "work": "Background work",
    "setup": "Setup",
}
SECURITY = "security"


class Activity(Model):
    """One line of the log (rule 10). `user` is whom it is about, `by` who did it."""

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    action: Mapped[str] = mapped_column(String(255), index=True)
    trigger: Mapped[str] = mapped_column(String(10))
    mode: Mapped[str] = mapped_column(String(4), default="")
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"), index=True)
    by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    page: Mapped[str] = mapped_column(String(200), default="")
    address: Mapped[str] = mapped_column(String(45), default="")
    description: Mapped[str] = mapped_column(Text)
    search_key: Mapped[str] = search_column("description")
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)

    user: Mapped[User | None] = relationship(foreign_keys=[user_id], lazy="joined")
    by: Mapped[User | None] = relationship(foreign_keys=[by_id], lazy="joined")

    @classmethod
    def write(cls, tx: Transaction, action: str, description: str, **line: object) -> None:
        """Add a line to a transaction, unless the log is off. `line`: `trigger`, `mode`, `user_id`, `details`."""
        given = {"action": action, "description": description, "search_key": search_key(description)}
        tx.execute(_LINE, {"at": now(), "user_id": None, "details": {}, **given, **line})

    @classmethod
    def add(cls, action: str, description: str, **line: object) -> None:
        """Add a line to the session, unless the log is off. Lines of security are always written."""
        if action.startswith(SECURITY) or not Settings.get().activity_off:
            db.session.add(cls(action=action, description=description, **line))

    @classmethod
    def actions(cls) -> list[str]:
        return list(db.session.scalars(select(cls.action).distinct().order_by(cls.action)))

    @classmethod
    def listed(
        cls, page: int, per_page: int, action: str = "", trigger: str = "", search: str = ""
    ) -> Pagination:
        """Return the lines, newest first; `search` looks in the description and in the user's names and address."""
        query = select(cls).outerjoin(cls.user).order_by(cls.id.desc())
        if action:
            query = query.where(cls.action == action)
        if trigger:
            query = query.where(cls.trigger == trigger)
        if key := text_key(search):
            looked_in = (cls.search_key, User.search_key)
            query = query.where(or_(*(column.contains(key, autoescape=True) for column in looked_in)))
        return db.paginate(query, page=page, per_page=per_page, error_out=False)


_COLUMNS = (
    *(
        "at",
        "action",
        "trigger",
        "mode",
        "user_id",
        "page",
        "address",
        "description",
        "search_key",
        "details",
    ),
)
_GIVEN = [
    literal("") if name in ("page", "address") else bindparam(name, type_=Activity.__table__.c[name].type)
    for name in _COLUMNS
]
_LINE = insert(Activity.__table__).from_select(
    _COLUMNS, select(*_GIVEN).select_from(Settings.__table__).where(~Settings.__table__.c.activity_off)
)
"""One statement that asks whether the log is on, and writes: deliveries come by the hundred a second."""
