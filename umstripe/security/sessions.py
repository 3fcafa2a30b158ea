"""Log-in and log-out: rows of `login_session` behind the cookies (the session cookie itself: session_interface).

Flask-Login keeps `_user_id` in the session cookie and copies it into the remember cookie. Here it is the token of a
row of `login_session` instead of the user's `fs_uniquifier`, so that a logout ends every copy of both cookies.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, session
from flask_login import user_logged_in, user_logged_out
from flask_security import current_user, login_user, logout_user, password_reset
from flask_security.utils import set_request_attr

from umstripe.database import db
from umstripe.models import User
from umstripe.models.login_session import LoginSession

TOKEN = "login_token"
KEPT_AT_LOGOUT = {"_remember", "fs_cc"}
"""What Flask-Login and Flask-Security need to delete their own cookies."""


def init_app(app: Flask) -> None:
    """Replace Flask-Security's user loader and request loader. Call this after `security.init_app`.

    Its request loader takes an `auth_token` in the query, a header or a JSON body. This site issues none.
    """
    app.login_manager.user_loader(_load_user)  # type: ignore[attr-defined]
    app.login_manager.request_loader(lambda _request: None)  # type: ignore[attr-defined]
    user_logged_in.connect(_begin, app)
    user_logged_out.connect(_end, app)
    password_reset.connect(_log_out_after_reset, app)


def switch_to(user: User) -> None:
    """Log out whoever is logged in with this browser, then log in the user."""
    log_out_unless(user)
    login_user(user)


def log_out_unless(user: User) -> None:
    """Log out whoever is logged in with this browser, unless it is this user."""
    if current_user.is_authenticated and current_user.id != user.id:
        logout_user()


def log_out_everywhere(user: User) -> None:
    """End every login of the user. Not committed."""
    LoginSession.end_all(user)


def _load_user(token: Any) -> User | None:
    """Return the user of a valid login token. Mark the request as authenticated for Flask-Security."""
    user = LoginSession.user_of(str(token))
    if user is None:
        return None
    if session.get(TOKEN) != token:  # restored by the remember cookie
        session[TOKEN] = token
    set_request_attr("fs_authn_via", "session")
    set_request_attr("fs_paa", session.get("fs_paa", 0))
    return user


def _begin(_app: Flask, user: User, **_more: Any) -> None:
    """Give the login a row and a token of its own; the earlier login of this browser ends."""
    if earlier := session.pop(TOKEN, ""):
        LoginSession.end(earlier)
    token = LoginSession.begin(user, remember=session.get("_remember") == "set")
    db.session.commit()
    session["_user_id"] = session[TOKEN] = token


def _end(_app: Flask, **_more: Any) -> None:
    """End the login on the server, and leave nothing of it in the cookie."""
    if token := session.pop(TOKEN, ""):
        LoginSession.end(token)
        db.session.commit()
    for key in session.keys() - KEPT_AT_LOGOUT:
        session.pop(key)


def _log_out_after_reset(_app: Flask, user: User, **_more: Any) -> None:
    """Log out whoever is logged in with this browser: the page that follows is for the user of the reset link."""
    if current_user.is_authenticated:
        logout_user()
