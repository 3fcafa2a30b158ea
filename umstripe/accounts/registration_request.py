"""What was typed to register, on a site that sends emails: an account is made when the link in the email is opened.

So nobody learns on the page whether an address has an account, nobody gets an account with an address of somebody
else, and whoever reads the mail chooses the password. Discourse does the same (`hide email address taken`).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from umstripe.accounts.signed_link import SignedLink
from umstripe.database import db
from umstripe.models.activity import Activity
from umstripe.models.mail import Mail
from umstripe.models.user import User
from umstripe.normalization import email_key

LINK = SignedLink("/register/finish", "umstripe registration", 7 * 24 * 3600)
KNOWN = "Somebody tried to register with this email address"
NEW = "Somebody asked to register and got an email to finish it"


@dataclass(frozen=True)
class RegistrationRequest:
    """`plan` is the short key of the plan to pay for then, "" for none."""

    username: str
    email: str
    billing_email: str
    plan: str

    def send(self, address: str, path: str) -> None:
        """Write an email with a link to finish; or to the owner of an address that has an account, that it has.

        Both run the same statements. `address` is the client's, `path` where the form is, for the log.
        """
        tx, about = db.session.connection(), uuid.uuid4().hex
        owner_id = tx.execute(select(User.id).where(User.email_key == email_key(self.email))).scalar()
        line = {"trigger": "member", "user_id": owner_id, "page": path[:200], "address": address}
        if owner_id is None:
            values: dict[str, Any] = {"name": self.username, "billing_email": self.billing_email}
            Mail.write(tx, "register", about, address=self.email, plan=self.plan, **values)
            Activity.add("user.register_requested", NEW, **line)
        else:
            Mail.write(tx, "known_address", about, owner_id, self.email)
            Activity.add("security.register_again", KNOWN, **line)

    @classmethod
    def from_token(cls, token: str) -> RegistrationRequest | None:
        """Return what a link finishes; None if it is wrong, too old or has been used."""
        mail = LINK.mail(token, "register")
        if mail is None or User.with_email(mail.address):
            return None
        return cls(mail.given["name"], mail.address, mail.given["billing_email"], mail.given["plan"])


def link(mail: Mail) -> str:
    """Return the address to mail."""
    return LINK.url(mail.about)
