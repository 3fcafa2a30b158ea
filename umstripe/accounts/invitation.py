"""Links with which somebody who has an account without a password chooses one: signed, for once and 30 days."""

from __future__ import annotations

import hashlib
import hmac

from sqlalchemy import select

from umstripe.accounts.signed_link import SignedLink
from umstripe.database import db, now
from umstripe.models.activity import Activity
from umstripe.models.user import User

LINK = SignedLink("/invitation", "umstripe invitation", 30 * 24 * 3600)


def link(user: User) -> str:
    """Return the address to mail. Setting a password makes it useless, and so does another email address."""
    return LINK.url([user.public_id, _mark(user)])


def user_of(token: str) -> User | None:
    """Return whom a link invites; None for one that is wrong, too old or used."""
    public_id, mark = LINK.value(token) or ("", "")
    user = db.session.scalar(select(User).where(User.public_id == public_id))
    return user if user is not None and hmac.compare_digest(mark, _mark(user)) else None


def accept(user: User, password: str) -> None:
    """Set the password that whoever has read an email to the account's address chooses.

    From now on the account is theirs, and everybody else is logged out.
    """
    user.set_password(password)
    user.confirmed_at = user.confirmed_at or now()
    line = {"trigger": "member", "user_id": user.id, "by_id": user.id}
    Activity.add("security.password_set", f"{user.username} chose a password", **line)


def _mark(user: User) -> str:
    """Return a text that changes with every password that is set, and with the email address."""
    return hashlib.sha256(f"{user.fs_uniquifier} {user.email}".encode()).hexdigest()[:24]
