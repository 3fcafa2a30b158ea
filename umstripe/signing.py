"""Links that only this site can make: signed with the newest secret key, read with each of them."""

from __future__ import annotations

from flask import Flask, current_app
from itsdangerous import URLSafeTimedSerializer


def keys(app: Flask) -> list[str]:
    """Return the secret keys as itsdangerous wants them: the newest, which signs, last."""
    return [*reversed(app.config["SECRET_KEY_FALLBACKS"] or []), app.config["SECRET_KEY"]]


def serializer(salt: str) -> URLSafeTimedSerializer:
    """Return what signs one kind of link, which `salt` names."""
    return URLSafeTimedSerializer(keys(current_app), salt=salt)
