from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from flask_sqlalchemy.pagination import Pagination
from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column, relationship

from umstripe.database import Model, Transaction, UTCDateTime, db, now, write
from umstripe.errors import NotAllowed
from umstripe.models.normalized_columns import search_column
from umstripe.models.rate_limit import RateLimit, identity_key
from umstripe.models.role import Role
from umstripe.models.user import User
from umstripe.normalization import text_key

AGAIN_AFTER = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360))
"""How long after a failed try the next one comes; after the last of them a mail has failed."""
DEAD_AFTER = timedelta(minutes=30)
"""How long after its last try a mail is under way no more."""
TO_AN_EARLIER_ADDRESS = ("address_changed",)
TO_ITS_OWN_ADDRESS = (*TO_AN_EARLIER_ADDRESS, "confirm_address")
"""Kinds that go to the address that they were written to, whatever address the user has by then."""
LIMITED = ("address_in_use", "claim", "confirm_address", "invitation", "known_address", "register", "reset")
"""Kinds that somebody else can let a person get: of each they get at most so many an hour."""
AT_MOST_AN_HOUR = 5
NO_ACCOUNT = "no_account"
STATE_WORDS = {
    "queued": "Waiting",
    "sent": "Sent",
    "failed": "Failed",
    "kept": "No mail server",
    NO_ACCOUNT: "Not sent: no account",
}


def are_sent() -> bool:
    """Return whether mails go out: whether there is a mail server."""
    return bool(current_app.config["MAIL_BACKEND"] != "file")


class Mail(Model):
    """A mail to somebody: written down with what caused it, sent by the worker, kept as a log.

    `about` names the cause (an event, a subscription's end), so that the same cause makes one mail. `given` is what
    its text is made of; `text` and `html` are what was sent, without the links that let somebody in. `state` is
    `queued`, `sent`, `failed` (tried in vain; see `error`), `kept` (there is no mail server) or `no_account` (a new
    password was asked for with an address that nobody has, and nothing is sent).
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(30))
    about: Mapped[str] = mapped_column(String(255))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"), index=True)
    address: Mapped[str] = mapped_column(String(255))
    given: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    subject: Mapped[str] = mapped_column(String(300), default="")
    search_key: Mapped[str] = search_column("address", "subject")
    text: Mapped[str] = mapped_column(Text, default="")
    html: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(String(10), default="queued")
    tries: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(String(1000), default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    tried_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    user: Mapped[User | None] = relationship(lazy="joined")

    __table_args__ = (UniqueConstraint("kind", "about"), Index("ix_mail_state", "state"))

    @classmethod
    def write(
        cls,
        tx: Transaction,
        kind: str,
        about: str,
        user_id: int | None = None,
        address: str = "",
        state: str = "queued",
        **given: object,
    ) -> None:
        """Write a mail down in the transaction of its cause, once for each cause.

        `kind` is a `mail.…` of emails/defaults, without its prefix, `given` fills its text in. Without an `address` it goes to the user's.
        Nothing is written when this person has got too many of a kind that is LIMITED.
        """
        if not address:
            address = tx.execute(select(User.email).where(User.id == user_id)).scalar_one()
        if not cls.is_allowed(tx, kind, address):
            return
        cause = {"kind": kind, "about": about[:255], "user_id": user_id}
        values: dict[str, object] = {**cause, "address": address, "state": state, "given": given}
        insert = sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert
        tx.execute(insert(cls).values(values).on_conflict_do_nothing())

    @classmethod
    def is_allowed(cls, tx: Transaction, kind: str, address: str) -> bool:
        """Count a mail of this kind to an address. Return whether it may be sent."""
        if kind not in LIMITED:
            return True
        hits, _ = RateLimit.hit(tx, f"mail {kind}: {identity_key(address)}", 3600)
        return hits <= AT_MOST_AN_HOUR

    @classmethod
    def to_administrators(cls, tx: Transaction, kind: str, about: str, **given: str) -> None:
        """The same mail to everybody who administrates the site."""
        for user_id in (
            tx.execute(select(User.id).where(User.roles.any(Role.is_administrator))).scalars().all()
        ):
            cls.write(tx, kind, f"{about}:{user_id}", user_id, **given)

    @classmethod
    def take_due(cls) -> Mail | None:
        """Take the oldest mail whose turn it is, for one worker alone, or None. If that one dies, its next turn comes."""
        at = now()
        due = [(cls.tries == 0) & cls.tried_at.is_(None)]
        due += [(cls.tries == n) & (cls.tried_at < at - gap) for n, gap in enumerate(AGAIN_AFTER, 1)]
        row = db.session.execute(
            select(cls.id, cls.tries).where(cls.state == "queued", or_(*due)).order_by(cls.id).limit(1)
        ).first()
        db.session.rollback()
        if row is None:
            return None
        claim = update(cls).where(cls.id == row.id, cls.tries == row.tries, cls.state == "queued")
        with write() as tx:
            taken = tx.execute(claim.values(tries=cls.tries + 1, tried_at=at).returning(cls.id)).first()
        return db.session.get(cls, row.id, populate_existing=True) if taken else cls.take_due()

    @classmethod
    def take_all(cls, kind: str, about: str) -> list[Mail]:
        """Take those of a kind that nobody has tried to send and whose `about` begins so, for this process alone."""
        ours = update(cls).where(
            cls.kind == kind, cls.about.startswith(about, autoescape=True), cls.tries == 0
        )
        with write() as tx:
            taken = tx.execute(ours.values(tries=1, tried_at=now()).returning(cls.id)).scalars().all()
        return list(db.session.scalars(select(cls).where(cls.id.in_(taken))))

    @classmethod
    def give_up(cls) -> None:
        """What is still under way long after its last try has failed: the worker died in it."""
        over = (cls.state == "queued", cls.tries > len(AGAIN_AFTER), cls.tried_at < now() - DEAD_AFTER)
        found = db.session.scalar(select(cls.id).where(*over).limit(1))
        db.session.rollback()
        if found is not None:
            died = {"state": "failed", "error": "The background worker stopped while it sent this."}
            with write() as tx:
                tx.execute(update(cls).where(*over).values(died))

    @property
    def recipient(self) -> str:
        """Where it goes now: to the address that the user has by then, so that one that was mistyped gets nothing."""
        return self.address if self.kind in TO_ITS_OWN_ADDRESS or not self.user else self.user.email

    def failed(self, error: str) -> dict[str, object]:
        """Return what a failed try leaves."""
        over = self.tries > len(AGAIN_AFTER)
        return {"state": "failed" if over else "queued", "error": error[:1000]}

    def send_again(self) -> None:
        """Let the worker send it once more, with the text and to the address that are in force now.

        Raise NotAllowed when this person has got too many of this kind.
        """
        if self.state == NO_ACCOUNT:
            raise NotAllowed(f"Nobody has an account with {self.address}, so there is nothing to send.")
        if not self.is_allowed(db.session.connection(), self.kind, self.recipient):
            raise NotAllowed(
                f"{self.recipient} has received {AT_MOST_AN_HOUR} of these emails within an hour. Try again later."
            )
        self.address = self.recipient
        self.state, self.tries, self.tried_at, self.error = "queued", 0, None, ""

    @classmethod
    def forget_without_account(cls, tx: Transaction) -> None:
        """Delete the rows of addresses that nobody has, after a week."""
        old = cls.created_at < now() - timedelta(days=7)
        tx.execute(delete(cls).where(cls.state == NO_ACCOUNT, old))

    @classmethod
    def forget_queued(cls) -> None:
        """Forget those that were not sent yet."""
        db.session.execute(delete(cls).where(cls.state == "queued"))

    @classmethod
    def listed(
        cls, page: int, per_page: int, state: str = "", kind: str = "", search: str = ""
    ) -> Pagination:
        """Return the mails, newest first; `search` looks in addresses, subjects and usernames."""
        query = select(cls).outerjoin(cls.user).order_by(cls.id.desc())
        for column, value in ((cls.state, state), (cls.kind, kind)):
            query = query.where(column == value) if value else query
        if key := text_key(search):
            looked_in = (cls.search_key, User.username_key)
            query = query.where(or_(*(column.contains(key, autoescape=True) for column in looked_in)))
        return db.paginate(query, page=page, per_page=per_page, error_out=False)

    @classmethod
    def count_failed(cls) -> int:
        return db.session.scalar(select(db.func.count(cls.id)).where(cls.state == "failed")) or 0

    @classmethod
    def count_refused(cls) -> int:
        """Return how many wait for another try after one that failed."""
        refused = select(db.func.count(cls.id)).where(cls.state == "queued", cls.tries > 0, cls.error != "")
        return db.session.scalar(refused) or 0
