"""The Flask extensions and their settings."""

from __future__ import annotations

from flask import Flask, request
from flask_mailman import Mail
from flask_migrate import Migrate
from flask_security import Security
from werkzeug.middleware.proxy_fix import ProxyFix

from umstripe import database
from umstripe.accounts.datastore import UserDatastore
from umstripe.accounts.mail_util import OutboxMailUtil
from umstripe.accounts.password_policy import PasswordRule
from umstripe.forms.security import ChangePasswordForm, ForgotPasswordForm, LoginForm
from umstripe.models import Role, User
from umstripe.security import earlier_keys, rate_limits
from umstripe.security import sessions as login_sessions
from umstripe.security.csrf import OriginCheckedCSRF
from umstripe.security.session_interface import CookieSessions
from umstripe.security.settings import SECURITY, session_settings

REGISTRATIONS = "100 per 10 minutes; 300 per hour"
"""Per client address, which a whole choir may share. Wrong passwords are counted apart (see rate_limits)."""
MAIL_LINKS = "100 per 10 minutes; 300 per hour"
"""Requests for mails and uses of their links, per client address. Mails to one person are limited apart (see Mail)."""
db = database.db
csrf = OriginCheckedCSRF()
mail = Mail()
migrate = Migrate(compare_type=True, render_as_batch=True)
security = Security(mail_util_cls=OutboxMailUtil, password_util_cls=PasswordRule)


def init_app(app: Flask) -> None:
    app.config.update(SECURITY, **session_settings(app))
    app.session_interface = CookieSessions()
    earlier_keys.read_earlier_keys(app)
    if app.config["TRUSTED_PROXIES"]:
        hops = app.config["TRUSTED_PROXIES"]
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    database.init_app(app)
    migrate.init_app(app, db, directory=f"{app.root_path}/migrations")
    csrf.init_app(app)
    mail.init_app(app)
    security.init_app(
        app,
        UserDatastore(db, User, Role),
        login_form=LoginForm,
        change_password_form=ChangePasswordForm,
        forgot_password_form=ForgotPasswordForm,
    )
    earlier_keys.init_app(app, security)
    login_sessions.init_app(app)
    rate_limits.init_app(app)
    _limit_mail_links(app)


def _limit_mail_links(app: Flask) -> None:
    limit = rate_limits.limiter.limit(MAIL_LINKS, methods=["POST"])
    for endpoint in ("security.forgot_password", "security.reset_password"):
        app.view_functions[endpoint] = limit(app.view_functions[endpoint])  # type: ignore[assignment]


def client_address() -> str:
    """Return the address that the request comes from, "" for none."""
    return request.remote_addr or ""
