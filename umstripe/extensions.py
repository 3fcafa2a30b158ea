"""The libraries, once each, and how they are set."""

from __future__ import annotations

from flask import Flask, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_mailman import Mail
from flask_migrate import Migrate
from flask_security import Security, SQLAlchemyUserDatastore
from flask_talisman import Talisman
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from umstripe import database
from umstripe.forms.security import LoginForm
from umstripe.mail import OutboxMail
from umstripe.models import Role, User
from umstripe.passwords import PlainPasswords
from umstripe.security import SECURITY, sessions

LOGIN_TRIES = "10 per minute; 100 per hour"
CSP = {
    "default-src": "'self'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
db = database.db
csrf = CSRFProtect()
mail = Mail()
migrate = Migrate(compare_type=True, render_as_batch=True)
talisman = Talisman()
limiter = Limiter(get_remote_address, storage_uri="memory://", default_limits=[])
security = Security(mail_util_cls=OutboxMail, password_util_cls=PlainPasswords)


def init_app(app: Flask) -> None:
    app.config.update(SECURITY, **sessions(app))
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


def _limit_logins(app: Flask) -> None:
    """Guessing passwords and flooding mailboxes is slowed down, by address of the caller."""
    limit = limiter.limit(LOGIN_TRIES, methods=["POST"])
    for endpoint in ("security.login", "security.forgot_password", "security.reset_password"):
        app.view_functions[endpoint] = limit(app.view_functions[endpoint])  # type: ignore[assignment]


def caller_address() -> str:
    return request.remote_addr or ""
