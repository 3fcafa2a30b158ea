"""The configuration of Flask-Security, sessions and cookies."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Flask
from flask_security import password_reset

from umstripe import database
from umstripe.accounts.password_policy import MIN_LENGTH
from umstripe.models import User, password_schemes

BODY_BYTES = 2 * 1024 * 1024
SECURITY = {
    "SECURITY_REGISTERABLE": False,
    "SECURITY_RECOVERABLE": True,
    "SECURITY_CHANGEABLE": True,
    "SECURITY_FRESHNESS": timedelta(days=-1),  # nothing asks to log in once more, so /verify is no address
    "SECURITY_RETURN_GENERIC_RESPONSES": True,
    "SECURITY_PASSWORD_HASH": password_schemes.NEW,
    "SECURITY_PASSWORD_SCHEMES": [password_schemes.NEW, password_schemes.EARLIER],
    "SECURITY_PASSWORD_SINGLE_HASH": {password_schemes.NEW, password_schemes.EARLIER},
    "SECURITY_PASSWORD_NORMALIZE_FORM": None,  # the schemes do it, and must see what was typed
    "SECURITY_PASSWORD_LENGTH_MIN": MIN_LENGTH,
    "SECURITY_EMAIL_VALIDATOR_ARGS": {"check_deliverability": False},
    "SECURITY_LOGIN_URL": "/login",
    "SECURITY_LOGOUT_URL": "/logout",
    "SECURITY_LOGOUT_METHODS": ["POST"],
    "SECURITY_API_ENABLED_METHODS": ["session"],
    "SECURITY_RESET_URL": "/reset",
    "SECURITY_CHANGE_URL": "/account/password",
    "SECURITY_POST_LOGIN_VIEW": "/",
    "SECURITY_POST_LOGOUT_VIEW": "/login",
    "SECURITY_POST_CHANGE_VIEW": "/account",
    "SECURITY_POST_RESET_VIEW": "/login",
    "SECURITY_AUTO_LOGIN_AFTER_RESET": False,
    "SECURITY_RESET_PASSWORD_WITHIN": "2 hours",
    "SECURITY_CSRF_IGNORE_UNAUTH_ENDPOINTS": False,
    "SECURITY_MSG_GENERIC_AUTHN_FAILED": ("This username and password do not fit together.", "error"),
    "SECURITY_MSG_PASSWORD_RESET_REQUEST": (
        "If there is an account with this mail address, a mail with a link is on its way.",
        "success",
    ),
    "SECURITY_MSG_GENERIC_RECOVERY": (
        "If there is an account with this mail address, a mail with a link is on its way.",
        "success",
    ),
    "SECURITY_MSG_PASSWORD_RESET_NO_LOGIN": ("Your new password is set. Please log in with it.", "success"),
    "SECURITY_MSG_PASSWORD_CHANGE": ("Your password is changed.", "success"),
    "SECURITY_MSG_INVALID_RESET_PASSWORD_TOKEN": ("This link does not work. Ask for a new one.", "error"),
    "SECURITY_MSG_PASSWORD_RESET_EXPIRED": (
        "This link is older than %(within)s. Ask for a new one.",
        "error",
    ),
    "SECURITY_EMAIL_PLAINTEXT": False,
    "SECURITY_EMAIL_HTML": False,
    "SECURITY_REDIRECT_VALIDATE_MODE": "absolute",
}


def session_settings(app: Flask) -> dict[str, Any]:
    """Return the configuration of sessions, cookies, forms and bodies."""
    return {
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "REMEMBER_COOKIE_HTTPONLY": True,
        "REMEMBER_COOKIE_SAMESITE": "Lax",
        "REMEMBER_COOKIE_SECURE": app.config["SESSION_COOKIE_SECURE"],
        "MAX_CONTENT_LENGTH": BODY_BYTES,
        "WTF_CSRF_TIME_LIMIT": 12 * 3600,
        "WTF_CSRF_SSL_STRICT": False,  # umstripe.security.csrf checks the origin instead
        "SQLALCHEMY_RECORD_QUERIES": False,
    }


@password_reset.connect
def _confirm_address(_app: Flask, user: User, **_more: Any) -> None:
    """Mark the address as confirmed: the link that resets a password was sent to it."""
    user.confirmed_at = user.confirmed_at or database.now()
