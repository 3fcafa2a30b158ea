from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text, select
from sqlalchemy.orm import Mapped, mapped_column

from umstripe.database import Model, UTCDateTime, db, now


class TextOverride(Model):
    """A text that an administrator has written in the place of the one that comes with the site.

    `name` says which (`page.success`, `mail.welcome`), `title` is a page's heading or a mail's subject, `body` is
    Markdown. No row: the site's own words.
    """

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    title: Mapped[str] = mapped_column(String(300), default="")
    body: Mapped[str] = mapped_column(Text, default="")
    changed_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now, onupdate=now)

    @classmethod
    def of(cls, name: str) -> TextOverride | None:
        return db.session.get(cls, name)

    @classmethod
    def put(cls, name: str, title: str, body: str) -> None:
        """Use these words from now on."""
        row = cls.of(name) or cls(name=name)
        row.title, row.body, row.changed_at = title, body, now()
        db.session.add(row)

    @classmethod
    def take_back(cls, name: str) -> None:
        """Use the site's own words again."""
        if row := cls.of(name):
            db.session.delete(row)

    @classmethod
    def names(cls) -> set[str]:
        """Return which texts an administrator has written."""
        return set(db.session.scalars(select(cls.name)))
