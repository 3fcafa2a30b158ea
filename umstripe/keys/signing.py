"""The secret keys, and the serializer of signed links: the newest key signs, all of them verify."""

from __future__ import annotations

from flask import Flask, current_app
from itsdangerous import URLSafeTimedSerializer


def secret_keys(app: Flask) -> list[str]:
    """Return the secret keys in force, the newest first."""
    return [app.config["SECRET_KEY"], *(app.config["SECRET_KEY_FALLBACKS"] or [])]


def signing_keys(app: Flask) -> list[str]:
    """Return the secret keys as itsdangerous takes them: the newest, which signs, last."""
    return secret_keys(app)[::-1]


def serializer(salt: str) -> URLSafeTimedSerializer:
    """Return the serializer of one kind of signed value, which `salt` names."""
    return URLSafeTimedSerializer(signing_keys(current_app), salt=salt)
