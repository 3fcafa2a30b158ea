"""The device cookie: a signed list of the accounts that have logged in with this browser.

Wrong passwords from a known browser are counted apart from those of strangers, so that nobody who guesses locks the
owner out (see rate_limits). It lets nobody in and is no session: it stays when somebody logs out.
"""

from __future__ import annotations

import secrets
from typing import Any

from flask import Flask, Response, after_this_request, current_app, has_request_context, request
from flask_security.signals import password_reset, user_authenticated
from itsdangerous import BadData

from umstripe.keys.signing import serializer
from umstripe.models import User

SALT = "umstripe known device"
COOKIE = "known_device"
COOKIE_SECONDS = 365 * 24 * 3600
ACCOUNTS_AT_MOST = 5
"""How many people may share a browser."""


def device_of(identity: str) -> str:
    """Return the id of this browser for an account (by username or email address); "" if it is new to that account."""
    devices = _devices()
    user = User.with_identity(identity) if devices else None
    token = devices.get(user.public_id) if user else None
    return f"{user.public_id} {token}" if user and token else ""


@user_authenticated.connect
@password_reset.connect
def _remember(_app: Flask, user: User, **_more: Any) -> None:
    """Add the user to the cookie after a login, or after a new password chosen by the link in a mail."""
    if not has_request_context():
        return
    devices = _devices()
    token = devices.pop(user.public_id, None) or secrets.token_urlsafe(16)
    kept = [*devices.items(), (user.public_id, token)][-ACCOUNTS_AT_MOST:]
    value = serializer(SALT).dumps(dict(kept))

    @after_this_request
    def keep(response: Response) -> Response:
        response.set_cookie(
            COOKIE,
            value if isinstance(value, str) else value.decode(),
            max_age=COOKIE_SECONDS,
            httponly=True,
            samesite="Lax",
            secure=current_app.config["SESSION_COOKIE_SECURE"],
        )
        return response


def _devices() -> dict[str, str]:
    """Return the contents of the cookie: the users' public ids, each with its token."""
    try:
        devices = serializer(SALT).loads(request.cookies.get(COOKIE, ""), max_age=COOKIE_SECONDS)
    except BadData:
        return {}
    return devices if isinstance(devices, dict) else {}
