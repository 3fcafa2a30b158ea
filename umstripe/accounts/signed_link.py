"""Links in emails that act for a person: signed, and good for some time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from itsdangerous import BadData
from sqlalchemy import select

from umstripe.database import db
from umstripe.keys.signing import serializer
from umstripe.models import site_address
from umstripe.models.mail import Mail


@dataclass(frozen=True)
class SignedLink:
    """A kind of link: its path up to the token, the name that it is signed with, and for how long it is good."""

    path: str
    salt: str
    max_age_seconds: int

    def url(self, value: object) -> str:
        """Return the address to mail."""
        return f"{site_address.site_url()}{self.path}/{serializer(self.salt).dumps(value)}"

    def value(self, token: str) -> Any:
        """Return what a token carries, or None if it is wrong or too old."""
        try:
            return serializer(self.salt).loads(token, max_age=self.max_age_seconds)
        except (BadData, ValueError):
            return None

    def mail(self, token: str, kind: str) -> Mail | None:
        """Return the email of a kind whose `about` a token carries, or None."""
        about = self.value(token) or ""
        return db.session.scalar(select(Mail).where(Mail.kind == kind, Mail.about == about))
