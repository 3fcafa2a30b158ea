from __future__ import annotations

import hmac
import time

from flask import current_app
from sqlalchemy import String, case, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from umstripe.database import Model, Transaction
from umstripe.normalization import email_key, text_key


class RateLimit(Model):
    """The counter of one rate limit, shared by all processes: `hits` since it began, until `expires_at`.

    `expires_at` is in seconds since 1970, UTC. `key` is a keyed digest, so that the table holds no address or name.
    """

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    hits: Mapped[int]
    expires_at: Mapped[float] = mapped_column(index=True)

    @staticmethod
    def digest(name: str) -> str:
        """Return the stored key of a counter's name."""
        secret = current_app.config["SECRET_KEY"].encode()
        return hmac.new(secret, f"rate limit {name}".encode(errors="replace"), "sha256").hexdigest()

    @classmethod
    def hit(cls, tx: Transaction, name: str, seconds: int, amount: int = 1) -> tuple[int, float]:
        """Count `amount` hits in one statement. Return the hits since the counter began and when it expires.

        A counter that has expired begins anew and expires after `seconds`.
        """
        now = time.time()
        insert = sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert
        statement = insert(cls).values(key=cls.digest(name), hits=amount, expires_at=now + seconds)
        over, new = cls.expires_at <= now, statement.excluded
        values = {
            "hits": case((over, new.hits), else_=cls.hits + new.hits),
            "expires_at": case((over, new.expires_at), else_=cls.expires_at),
        }
        counted = statement.on_conflict_do_update(index_elements=[cls.key], set_=values)
        row = tx.execute(counted.returning(cls.hits, cls.expires_at)).one()
        return row.hits, row.expires_at

    @classmethod
    def take_back(cls, tx: Transaction, name: str) -> None:
        """Count one hit less."""
        counter = (cls.key == cls.digest(name), cls.hits > 0, cls.expires_at > time.time())
        tx.execute(update(cls).where(*counter).values(hits=cls.hits - 1))

    @classmethod
    def current(cls, tx: Transaction, name: str) -> tuple[int, float]:
        """Return the hits of a counter and when it expires; 0 and now if it has not begun or has expired."""
        now = time.time()
        counter = (cls.key == cls.digest(name), cls.expires_at > now)
        row = tx.execute(select(cls.hits, cls.expires_at).where(*counter)).first()
        return (row.hits, row.expires_at) if row else (0, now)

    @classmethod
    def clear(cls, tx: Transaction, name: str) -> None:
        """Forget one counter."""
        tx.execute(delete(cls).where(cls.key == cls.digest(name)))

    @classmethod
    def forget_expired(cls, tx: Transaction) -> None:
        """Delete the counters that have expired."""
        tx.execute(delete(cls).where(cls.expires_at <= time.time()))


def identity_key(identity: str) -> str:
    """Return the same key for every spelling of a username or email address that may find the same account, however many
    characters without a shape are in it."""
    return email_key(identity) if "@" in identity else "".join(text_key(identity).split())
