"""The libraries, once each, and how they are set."""

from __future__ import annotations

from typing import Any

from flask import Flask, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_mailman import Mail
from flask_migrate import Migrate
from flask_security import Security, SQLAlchemyUserDatastore, password_reset
from flask_talisman import Talisman
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from umstripe import database
from umstripe.forms.security import LoginForm
from umstripe.mail import PatientMail
from umstripe.models import Role, User
from umstripe.passwords import PlainPasswords

BODY_BYTES = 2 * 1024 * 1024
LOGIN_TRIES = "10 per minute; 100 per hour"
CSP = {
    "default-src": "'self'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
SECURITY = {
    "SECURITY_REGISTERABLE": False,
    "SECURITY_RECOVERABLE": True,
    "SECURITY_CHANGEABLE": True,
    "SECURITY_RETURN_GENERIC_RESPONSES": True,
    "SECURITY_PASSWORD_HASH": "argon2",
    "SECURITY_PASSWORD_LENGTH_MIN": 10,
    "SECURITY_PASSWORD_COMPLEXITY_CHECKER": "zxcvbn",
    "SECURITY_EMAIL_VALIDATOR_ARGS": {"check_deliverability": False},
    "SECURITY_LOGIN_URL": "/login",
    "SECURITY_LOGOUT_URL": "/logout",
    "SECURITY_LOGOUT_METHODS": ["POST"],
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
        "This link is older than %(within)s. If there is such an account, a new one is on its way.",
        "error",
    ),
    "SECURITY_EMAIL_SUBJECT_PASSWORD_RESET": "Choose a new password",
    "SECURITY_EMAIL_SUBJECT_PASSWORD_NOTICE": "Your password was reset",
    "SECURITY_EMAIL_SUBJECT_PASSWORD_CHANGE_NOTICE": "Your password was changed",
    "SECURITY_REDIRECT_VALIDATE_MODE": "absolute",
}

db = database.db
csrf = CSRFProtect()
mail = Mail()
migrate = Migrate(compare_type=True, render_as_batch=True)
talisman = Talisman()
limiter = Limiter(get_remote_address, storage_uri="memory://", default_limits=[])
security = Security(mail_util_cls=PatientMail, password_util_cls=PlainPasswords)


def init_app(app: Flask) -> None:
    app.config.update(SECURITY, **_sessions(app))
    if app.config["TRUSTED_PROXIES"]:
        hops = app.config["TRUSTED_PROXIES"]
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    database.init_app(app)
    migrate.init_app(app, db, directory=f"{app.root_path}/migrations")
    csrf.init_app(app)
    mail.init_app(app)
    talisman.init_app(
        app,
        content_security_policy=CSP,
        force_https=False,
        strict_transport_security=app.config["SESSION_COOKIE_SECURE"],
        session_cookie_secure=app.config["SESSION_COOKIE_SECURE"],
        referrer_policy="same-origin",
    )
    security.init_app(app, SQLAlchemyUserDatastore(db, User, Role), login_form=LoginForm)
    limiter.init_app(app)
    _limit_logins(app)


def _sessions(app: Flask) -> dict[str, Any]:
    return {
        "SECURITY_PASSWORD_SALT": app.config["SECRET_KEY"],
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "REMEMBER_COOKIE_HTTPONLY": True,
        "REMEMBER_COOKIE_SAMESITE": "Lax",
        "REMEMBER_COOKIE_SECURE": app.config["SESSION_COOKIE_SECURE"],
        "MAX_CONTENT_LENGTH": BODY_BYTES,
        "WTF_CSRF_TIME_LIMIT": 12 * 3600,
        "SQLALCHEMY_RECORD_QUERIES": False,
    }


def _limit_logins(app: Flask) -> None:
    """Guessing passwords and flooding mailboxes is slowed down, by address of the caller."""
    limit = limiter.limit(LOGIN_TRIES, methods=["POST"])
    for endpoint in ("security.login", "security.forgot_password", "security.reset_password"):
        app.view_functions[endpoint] = limit(app.view_functions[endpoint])  # type: ignore[assignment]


@password_reset.connect
def _address_is_confirmed(_app: Flask, user: User, **_more: Any) -> None:
    """The link that resets a password went to the address."""
    user.confirmed_at = user.confirmed_at or database.now()


def caller_address() -> str:
    return request.remote_addr or ""
