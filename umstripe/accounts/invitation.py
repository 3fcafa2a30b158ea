"""Links with which somebody who has an account without a password chooses one: signed, for once and 30 days."""

from __future__ import annotations

import hashlib
import hmac

from itsdangerous import BadSignature
from sqlalchemy import select

from umstripe.database import db, now
from umstripe.keys.signing import serializer
from umstripe.models import site_address
from umstripe.models.activity import Activity
from umstripe.models.user import User

GOOD_FOR_SECONDS = 30 * 24 * 3600
SALT = "umstripe invitation"


def link(user: User) -> str:
    """The address to mail. Setting a password makes it useless, and so does another mail address."""
    return f"{site_address.site_url()}/invitation/{serializer(SALT).dumps([user.public_id, _mark(user)])}"


def user_of(token: str) -> User | None:
    """Whom a link invites; None for one that is wrong, too old or used."""
    try:
        public_id, mark = serializer(SALT).loads(token, max_age=GOOD_FOR_SECONDS)
    except (BadSignature, ValueError):
        return None
    user = db.session.scalar(select(User).where(User.public_id == public_id))
    return user if user is not None and hmac.compare_digest(mark, _mark(user)) else None


def accept(user: User, password: str) -> None:
    """Who has read a mail to the account's address chooses its password: from now on it is theirs, and everybody
    else is logged out."""
    user.set_password(password)
    user.confirmed_at = user.confirmed_at or now()
    line = {"trigger": "member", "user_id": user.id, "by_id": user.id}
    Activity.add("security.password_set", f"{user.username} chose a password", **line)


def _mark(user: User) -> str:
    """Changes with every password that is set, and with the mail address."""
    return hashlib.sha256(f"{user.fs_uniquifier} {user.email}".encode()).hexdigest()[:24]
