"""Links with which the owner of an account says that a payment was theirs: signed, good for 30 days (rule 8).

One that went to an address which the account does not have any more is good for nothing.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from itsdangerous import BadSignature
from sqlalchemy import select

from umstripe.database import Transaction, db
from umstripe.keys.signing import serializer
from umstripe.models import site_address
from umstripe.models.mail import Mail
from umstripe.models.user import User

GOOD_FOR_SECONDS = 30 * 24 * 3600
SALT = "umstripe claim"
TO_THE_BUYER = ("claim", "invitation")


@dataclass(frozen=True)
class Claim:
    """A payment that waits for its owner's word. `plan` is what it is for."""

    user: User
    mode: str
    session_id: str
    plan: str

    @property
    def wants_password(self) -> bool:
        """Whether the account may have been made, with this address, by somebody else: then its owner chooses its
        password before anything comes to it."""
        return self.user.confirmed_at is None

    @classmethod
    def of(cls, token: str) -> Claim | None:
        """What a link is about; None for one that is wrong or too old, or whose account or address is gone."""
        try:
            public_id, mode, session_id, mark = serializer(SALT).loads(token, max_age=GOOD_FOR_SECONDS)
        except (BadSignature, ValueError):
            return None
        user = db.session.scalar(select(User).where(User.public_id == public_id))
        if user is None or not hmac.compare_digest(mark, _mark(user)):
            return None
        mail = db.session.scalar(select(Mail).where(Mail.kind == "claim", Mail.about == session_id))
        return cls(user, mode, session_id, mail.given.get("plan", "") if mail else "")


def link(user: User, mode: str, session_id: str) -> str:
    """The address to mail to the account's owner."""
    return f"{site_address.site_url()}/claim/{serializer(SALT).dumps([user.public_id, mode, session_id, _mark(user)])}"


def was_mailed(session_id: str) -> bool:
    """Whether the buyer of a payment link's session has been written to: the success page says so, and no more.

    Not whether there was an account already: that is nobody's business but its owner's.
    """
    query = select(Mail.id).where(Mail.about == session_id, Mail.kind.in_(TO_THE_BUYER))
    return db.session.scalar(query.limit(1)) is not None


def is_asked(tx: Transaction, session_id: str) -> bool:
    """Whether the owner has been asked already."""
    query = select(Mail.id).where(Mail.kind == "claim", Mail.about == session_id)
    return tx.execute(query).first() is not None


def _mark(user: User) -> str:
    """Changes with the mail address."""
    return hashlib.sha256(user.email.encode()).hexdigest()[:24]
