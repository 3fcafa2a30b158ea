"""Passwords as the version before this one stored them, and its database."""

from __future__ import annotations

import base64
import hmac
import unicodedata
from typing import Any

from passlib.hash import argon2
from sqlalchemy import text

QUICK = argon2.using(time_cost=1, memory_cost=64, parallelism=1)
USER = text(
    'INSERT INTO "user" (public_id, username, email, name, billing_email, wanted, password, active, fs_uniquifier,'
    " created_at) VALUES (:username, :username, :email, :name, '', '', :password, :active, :username, :created_at)"
)


def earlier_hash(password: str, key: str) -> str:
    """Flask-Security's double hash, with the secret key as its SECURITY_PASSWORD_SALT."""
    mac = base64.b64encode(hmac.digest(key.encode(), password.encode(), "sha512")).decode()
    return QUICK.hash(mac)


def typed_raw(password: str, key: str) -> str:
    """As set-up, invitations and administrators stored it: as it was typed."""
    return earlier_hash(unicodedata.normalize("NFC", password), key)


def normalized(password: str, key: str) -> str:
    """As Flask-Security's forms stored it."""
    return earlier_hash(unicodedata.normalize("NFKD", password), key)


def to_version_before(app: Any, *users: tuple[str, str, str], role_names: tuple[str, ...] = ()) -> None:
    """Make the database what the version before had, with users (username, email, password's hash)."""
    from flask_migrate import downgrade

    from umstripe.database import db, now, write

    with app.app_context():
        downgrade(revision="0005")
        with write() as tx:
            for username, email, password in users:
                row = {"username": username, "email": email, "name": username.title(), "password": password}
                moment = now().replace(tzinfo=None)
                tx.execute(USER, {**row, "active": True, "created_at": moment})
            for name in role_names:
                tx.execute(
                    text("INSERT INTO role (name, is_administrator) VALUES (:name, :no)"),
                    {"name": name, "no": False},
                )
        db.engine.dispose()


def upgrade(app: Any) -> None:
    from flask_migrate import upgrade as migrate

    from umstripe.database import db

    with app.app_context():
        migrate()
        db.engine.dispose()
