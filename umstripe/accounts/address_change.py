"""Another email address for an account, on a site that sends emails: it counts when the link mailed to it is opened.

So nobody learns on the page whether an address has an account, and a mistyped one changes nothing.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy import select

from umstripe.accounts.signed_link import SignedLink
from umstripe.database import db, now
from umstripe.models.activity import Activity
from umstripe.models.mail import Mail
from umstripe.models.user import User
from umstripe.normalization import email_key

LINK = SignedLink("/account/address", "umstripe address change", 24 * 3600)


@dataclass(frozen=True)
class AddressChange:
    user: User
    email: str

    def send(self, address: str, path: str) -> None:
        """Write an email with a link to confirm; or to the owner of an address that has an account, that it has.

        Both run the same statements. `address` is the client's, `path` where the form is, for the log.
        """
        tx, about = db.session.connection(), uuid.uuid4().hex
        query = select(User.id).where(User.email_key == email_key(self.email))
        owner_id = tx.execute(query.where(User.id != self.user.id)).scalar()
        if owner_id is None:
            Mail.write(tx, "confirm_address", about, self.user.id, self.email, before=self.user.email)
        else:
            Mail.write(tx, "address_in_use", about, owner_id, self.email)
        line = {"trigger": "member", "user_id": self.user.id, "page": path[:200], "address": address}
        Activity.add(
            "security.address_requested", f"{self.user.username} asked to change the email address", **line
        )

    @classmethod
    def from_token(cls, token: str, user: User) -> AddressChange | None:
        """Return what a link confirms for a user; None if it is wrong, too old, used or another user's."""
        mail = LINK.mail(token, "confirm_address")
        if mail is None or mail.user_id != user.id or mail.given["before"] != user.email:
            return None
        owner = User.with_email(mail.address)
        return cls(user, mail.address) if owner in (None, user) else None

    def confirm(self) -> str:
        """Give the user the address. Return what changed, in words. Raise IntegrityError if somebody has it by now."""
        changed = self.user.change({"email": self.email})
        self.user.confirmed_at = now()
        db.session.flush()
        return changed


def link(mail: Mail) -> str:
    """Return the address to mail."""
    return LINK.url(mail.about)
