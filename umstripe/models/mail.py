from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from umstripe.database import UTCDateTime, db, now
from umstripe.models.user import User


class Mail(db.Model):
    """A mail to somebody: written down with what caused it, sent by the worker, kept as a log.

    `about` names the cause (an event, a subscription's end), so that the same cause makes one mail. `given` is what
    its text is made of; `text` and `html` are what was sent, without the links that let somebody in. `state` is
    `queued`, `sent`, `failed` (tried in vain; see `error`) or `kept` (there is no mail server).
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(30))
    about: Mapped[str] = mapped_column(String(255))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"), index=True)
    address: Mapped[str] = mapped_column(String(255))
    given: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    subject: Mapped[str] = mapped_column(String(300), default="")
    text: Mapped[str] = mapped_column(Text, default="")
    html: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(String(10), default="queued")
    tries: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(String(1000), default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    user: Mapped[User | None] = relationship(lazy="joined")

    __table_args__ = (UniqueConstraint("kind", "about"), Index("ix_mail_state", "state"))
