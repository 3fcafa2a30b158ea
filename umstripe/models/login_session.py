"""Logins, one row each, so that the server can end them: a cookie alone would be good until it expires."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, String, and_, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from umstripe.database import Model, Transaction, UTCDateTime, db, now
from umstripe.models.user import User

LIFETIME = timedelta(days=31)
REMEMBERED_LIFETIME = timedelta(days=365)


class LoginSession(Model):
    """A user who is logged in with a browser.

    The session cookie and the remember cookie of the browser hold the same random token; only its hash is stored.
    `fs_uniquifier` is the user's at the time of the login: whatever changes the user's own (a new password, another
    email address) ends every login.
    """

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    fs_uniquifier: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)

    @classmethod
    def begin(cls, user: User, remember: bool = False) -> str:
        """Add a login of the user. Return its token. Not committed."""
        token = secrets.token_urlsafe(24)
        lifetime = REMEMBERED_LIFETIME if remember else LIFETIME
        row = cls(token_hash=_hash(token), user_id=user.id, fs_uniquifier=user.fs_uniquifier)
        row.expires_at = now() + lifetime
        db.session.add(row)
        return token

    @classmethod
    def user_of(cls, token: str) -> User | None:
        """Return the active user whom this token logs in, with one query; None for a token that is not valid."""
        valid = and_(cls.user_id == User.id, cls.fs_uniquifier == User.fs_uniquifier, cls.expires_at > now())
        query = select(User).join(cls, valid).where(cls.token_hash == _hash(token), User.active)
        return db.session.scalar(query)

    @classmethod
    def end(cls, token: str) -> None:
        """Delete the login with this token, if there is one. Not committed."""
        db.session.execute(delete(cls).where(cls.token_hash == _hash(token)))

    @classmethod
    def end_all(cls, user: User) -> None:
        """Delete every login of the user. Not committed."""
        db.session.execute(delete(cls).where(cls.user_id == user.id))

    @classmethod
    def count(cls, user: User) -> int:
        """Return how many logins of the user are valid."""
        mine = (cls.user_id == user.id, cls.fs_uniquifier == user.fs_uniquifier, cls.expires_at > now())
        return db.session.scalar(select(func.count()).select_from(cls).where(*mine)) or 0

    @classmethod
    def delete_expired(cls, tx: Transaction) -> int:
        """Delete the rows that log nobody in any more. Return how many."""
        current = select(User.fs_uniquifier).where(User.id == cls.user_id).scalar_subquery()
        return tx.execute(
            delete(cls).where((cls.expires_at <= now()) | (cls.fs_uniquifier != current))
        ).rowcount


def _hash(token: str) -> str:
    """A random token of 192 bits needs no salt and no slow hash."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
