from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from flask_security import hash_password, verify_password
from sqlalchemy import ColumnElement, String, Text, and_, or_
from sqlalchemy.orm import Mapped, mapped_column

from umstripe.database import UTCDateTime, now
from umstripe.formatting import moment_words
from umstripe.models import password_schemes
from umstripe.models.price import Price

STATUSES = {"draft": "Draft", "published": "Published", "closed": "Closed"}
PAID_UNTIL = timedelta(hours=3)
"""How long after its end somebody may still pay for an offer: a Checkout page stays open for two hours, and what no
delivery brings is caught up with."""
VISIBILITIES = {"public": "Public", "password": "Password protected", "private": "Private"}


class Offer:
    """Whether a plan can be bought: columns of Plan, and what they mean to a visitor and to an administrator.

    `status` is `draft`, `published` or `closed` (members keep it, nobody new gets it); `visibility` is `public`,
    `password` or `private` (administrators alone). `published_at` is from when on it is for sale; None: at once.
    `off_sale_since` is when it stopped being published; None: it never was, or is now.
    """

    description: Mapped[str] = mapped_column(Text, default="", server_default="")
    status: Mapped[str] = mapped_column(String(10), default="published", server_default="published")
    visibility: Mapped[str] = mapped_column(String(10), default="public", server_default="public")
    password_hash: Mapped[str | None] = mapped_column(String(255))
    published_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    off_sale_since: Mapped[datetime | None] = mapped_column(UTCDateTime)

    if TYPE_CHECKING:
        key: Mapped[str]
        price: Mapped[Price]

    @classmethod
    def is_state(cls, state: str) -> ColumnElement[bool]:
        """Return whether a plan is `published`, `draft` or `closed`, as SQL. A published one is closed with its price."""
        for_sale = and_(Price.active, ~Price.deleted, Price.skipped == "")
        if state == "published":
            return and_(cls.status == "published", for_sale)
        if state == "closed":
            return or_(cls.status == "closed", and_(cls.status == "published", ~for_sale))
        return cls.status == state

    @classmethod
    def is_open(cls) -> ColumnElement[bool]:
        """Return whether anybody can buy a plan now, as SQL."""
        has_come = or_(cls.published_at.is_(None), cls.published_at <= now())
        return and_(cls.is_state("published"), cls.visibility == "public", has_come)

    def why_not_for_sale(self, mode: str, is_administrator: bool = False, unlocked: bool = False) -> str:
        """Return why a visitor cannot buy the plan now, as a sentence for the visitor; "" when it can be bought.

        `mode` is what the site sells in now; `unlocked`: the visitor has given the plan's password.
        """
        if self.price.mode != mode:
            return "This offer does not exist at the moment. Ask the site for a new link."
        if self.is_closed:
            return "This offer has ended. Nobody new can take it; who has it keeps it."
        if self.status == "draft" or (self.visibility == "private" and not is_administrator):
            return "This offer is not open. Ask the site for another one."
        if self.is_coming:
            return f"This offer opens on {moment_words(self.published_at)}. Come back then."
        if self.visibility == "password" and not (unlocked or is_administrator):
            return "This offer is for people who have its password. Type the password first."
        return ""

    @property
    def is_closed(self) -> bool:
        return self.status == "closed" or (self.status == "published" and not self.price.is_for_sale)

    @property
    def is_coming(self) -> bool:
        """Whether its date is still ahead."""
        return self.published_at is not None and self.published_at > now()

    @property
    def state(self) -> str:
        """For administrators, in words: `Published`, `Closed: the price is archived at Stripe`."""
        if self.status == "draft":
            return "Draft"
        if self.is_closed:
            return f"Closed: {self._why_closed}"
        return "Scheduled" if self.is_coming else "Published"

    @property
    def audience(self) -> str:
        """To whom a published plan is for sale, in words, when it is not everybody."""
        everybody = self.visibility == "public" or self.status == "draft" or self.is_closed
        return "" if everybody else VISIBILITIES[self.visibility].lower()

    @property
    def may_be_paid_still(self) -> bool:
        """Whether a payment page of it may be open at Stripe: who pays there gets a membership of it."""
        since = self.off_sale_since
        return self.status == "published" or (since is not None and now() < since + PAID_UNTIL)

    @property
    def _why_closed(self) -> str:
        if self.price.deleted:
            return "the price was deleted at Stripe"
        if self.price.skipped:
            return self.price.skipped[0].lower() + self.price.skipped[1:].rstrip(".")
        if not self.price.active:
            return "the price is archived at Stripe"
        return "nobody new can take it"

    def put(self, status: str) -> list[str]:
        """Make it a draft, publish or close it. Return what changed, in words. A first publishing has its date."""
        before, self.status = self.status, status
        if status == "published" and before != status and self.published_at is None:
            self.published_at = now().replace(second=0, microsecond=0)
        if "published" in (before, status) and before != status:
            self.off_sale_since = now() if before == "published" else None
        return [] if before == status else [f"status: {STATUSES[before]} → {STATUSES[status]}"]

    def check_password(self, text: str) -> bool:
        """Return whether this is the plan's password, which is stored anew if an earlier version hashed it. A plan without one
        opens for nothing that is typed."""
        if not (self.password_hash and text and verify_password(text, self.password_hash)):
            return False
        if password_schemes.is_earlier(self.password_hash):
            self.set_password(text)
        return True

    @property
    def password_mark(self) -> str:
        """Return a text that changes with the plan's password, and does not tell it."""
        return hashlib.sha256(f"{self.key}:{self.password_hash}".encode()).hexdigest()[:16]

    def set_password(self, text: str) -> None:
        self.password_hash = hash_password(text)
