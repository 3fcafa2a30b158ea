from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from umstripe.database import UTCDateTime, db, now


class Wording(db.Model):
    """A text that an administrator has written in the place of the one that comes with the site.

    `name` says which (`page.success`, `mail.welcome`), `title` is a page's heading or a mail's subject, `body` is
    Markdown. No row: the site's own words.
    """

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    title: Mapped[str] = mapped_column(String(300), default="")
    body: Mapped[str] = mapped_column(Text, default="")
    changed_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now, onupdate=now)
