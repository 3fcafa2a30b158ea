"""Links with which the owner of an account says that a payment was theirs: signed, good for 30 days (rule 8).

One that went to an address which the account does not have any more is good for nothing.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from sqlalchemy import select

from umstripe.accounts.signed_link import SignedLink
from umstripe.database import Transaction, db
from umstripe.models.mail import Mail
from umstripe.models.user import User

LINK = SignedLink("/claim", "umstripe claim", 30 * 24 * 3600)
KINDS_TO_BUYERS = ("claim", "invitation")


@dataclass(frozen=True)
class Claim:
    """A payment that its owner has yet to confirm. `plan` is what it is for."""

    user: User
    mode: str
    session_id: str
    plan: str

    @property
    def wants_password(self) -> bool:
        """Whether somebody else may have made the account with this address.

        Then its owner chooses its password before anything comes to it.
        """
        return self.user.confirmed_at is None

    @classmethod
    def from_token(cls, token: str) -> Claim | None:
        """Return what a link is about; None for one that is wrong or too old, or whose account or address is gone."""
        public_id, mode, session_id, mark = LINK.value(token) or ("", "", "", "")
        user = db.session.scalar(select(User).where(User.public_id == public_id))
        if user is None or not hmac.compare_digest(mark, _mark(user)):
            return None
        mail = db.session.scalar(select(Mail).where(Mail.kind == "claim", Mail.about == session_id))
        return cls(user, mode, session_id, mail.given.get("plan", "") if mail else "")


def link(user: User, mode: str, session_id: str) -> str:
    """Return the address to mail to the account's owner."""
    return LINK.url([user.public_id, mode, session_id, _mark(user)])


def was_mailed(session_id: str) -> bool:
    """Return whether the buyer of a payment link's session has been written to. The success page says no more:

    whether there was an account already is nobody's business but its owner's.
    """
    query = select(Mail.id).where(Mail.about == session_id, Mail.kind.in_(KINDS_TO_BUYERS))
    return db.session.scalar(query.limit(1)) is not None


def is_asked(tx: Transaction, session_id: str) -> bool:
    """Return whether the owner has been asked already."""
    query = select(Mail.id).where(Mail.kind == "claim", Mail.about == session_id)
    return tx.execute(query).first() is not None


def _mark(user: User) -> str:
    """Return a text that changes with the email address."""
    return hashlib.sha256(user.email.encode()).hexdigest()[:24]
