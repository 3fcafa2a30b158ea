"""What was typed to register where mails are sent: an account is made when the link in the mail is opened.

So nobody learns on the page whether an address has an account, nobody gets an account with an address of somebody
else, and whoever reads the mail chooses the password. Discourse does the same (`hide email address taken`).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from itsdangerous import BadData
from sqlalchemy import select

from umstripe.database import db
from umstripe.keys.signing import serializer
from umstripe.models import site_address
from umstripe.models.activity import Activity
from umstripe.models.mail import Mail
from umstripe.models.user import User
from umstripe.normalization import email_key

SALT = "umstripe registration"
GOOD_FOR_SECONDS = 7 * 24 * 3600
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
        """Write the mail: a link to finish, or to the owner of an address that has an account that it has.

        Both take the same statements. `address` is the client's, `path` where the form is, for the log.
        """
        tx, about = db.session.connection(), uuid.uuid4().hex
        owner_id = tx.execute(select(User.id).where(User.email_key == email_key(self.email))).scalar()
        line = {"trigger": "member", "user_id": owner_id, "page": path[:200], "address": address}
        if owner_id is None:
            Mail.write(
                tx,
                "register",
                about,
                address=self.email,
                name=self.username,
                billing_email=self.billing_email,
                plan=self.plan,
            )
            Activity.add("user.register_requested", NEW, **line)
        else:
            Mail.write(tx, "known_address", about, owner_id, self.email)
            Activity.add("security.register_again", KNOWN, **line)

    @classmethod
    def of(cls, token: str) -> RegistrationRequest | None:
        """Return what a link finishes; None if it is wrong, too old or has been used."""
        try:
            about = str(serializer(SALT).loads(token, max_age=GOOD_FOR_SECONDS))
        except BadData:
            return None
        mail = db.session.scalar(select(Mail).where(Mail.kind == "register", Mail.about == about))
        if mail is None or User.with_email(mail.address):
            return None
        return cls(mail.given["name"], mail.address, mail.given["billing_email"], mail.given["plan"])


def link(mail: Mail) -> str:
    """Return the address to mail."""
    return f"{site_address.site_url()}/register/finish/{serializer(SALT).dumps(mail.about)}"
