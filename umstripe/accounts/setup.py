"""The first start: a one-time token, and the first administrator."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from flask_security import hash_password

from umstripe.database import db
from umstripe.errors import NotAllowed
from umstripe.models import site_address
from umstripe.models.activity import Activity
from umstripe.models.role import Role
from umstripe.models.settings import Settings
from umstripe.models.user import User


def new_token() -> str:
    """Return a fresh token for `/setup`; only its hash is stored, and the one before stops working."""
    token = secrets.token_urlsafe(24)
    Settings.get().setup_token_hash = _hash(token)
    return token


def is_open(token: str) -> bool:
    """Return whether this token makes the first administrator now: it is the latest, and there is none yet."""
    stored = Settings.get().setup_token_hash
    return (
        stored is not None
        and hmac.compare_digest(stored, _hash(token))
        and not User.there_is_an_administrator()
    )


def set_up(token: str, site_name: str, username: str, email: str, password: str, site_url: str = "") -> User:
    """Make the first administrator and close the setup for ever. Raise NotAllowed when it is closed.

    `site_url` is the address that the administrator confirmed.
    """
    if not is_open(token):
        raise NotAllowed("This link has been used or is too old.")
    Settings.get().setup_token_hash = None
    Settings.get().site_name = site_name
    site_address.confirm(site_url)
    return create_administrator(username, email, password, "setup")


def create_administrator(username: str, email: str, password: str, trigger: str) -> User:
    user = User(username=username.strip(), email=email.strip(), password=hash_password(password))
    user.roles = [Role.administrator()]
    db.session.add(user)
    db.session.flush()
    Activity.add(
        "security.administrator_created", f"{username} is an administrator", trigger=trigger, user_id=user.id
    )
    return user


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
