"""Mails with a link to choose a new password, for whoever types the mail address of an account."""

from __future__ import annotations

import uuid

from flask_security.recoverable import generate_reset_password_token
from sqlalchemy import select

from umstripe.database import db
from umstripe.models import site_address
from umstripe.models.mail import NO_ACCOUNT, Mail
from umstripe.models.user import User
from umstripe.normalization import email_key


def send(email: str) -> None:
    """Add the email to the outbox. Not committed.

    An unknown address runs the same SQL, so that it takes as long; its row has the state NO_ACCOUNT and is never sent.
    """
    tx = db.session.connection()
    query = select(User.id).where(User.email_key == email_key(email), User.active)
    user_id = tx.execute(query).scalar()
    state = NO_ACCOUNT if user_id is None else "queued"
    Mail.write(tx, "reset", uuid.uuid4().hex, user_id, email, state=state)


def link(mail: Mail) -> str:
    """Return the link, valid for two hours from now, or "" without an account."""
    if mail.user is None:
        return ""
    return f"{site_address.site_url()}/reset/{generate_reset_password_token(mail.user)}"
