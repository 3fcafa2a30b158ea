"""Accept sessions, remember cookies, form tokens and links that an earlier secret key has signed.

Flask reads SECRET_KEY_FALLBACKS for sessions. Here it is done for the rest: itsdangerous signs with the *last* key that it
is given, Flask-Security gives it the newest first, and Flask-Login and Flask-WTF know of one key only.
"""

from __future__ import annotations

from flask import Flask, current_app, request, session
from flask.sessions import SecureCookieSessionInterface
from flask_login.utils import decode_cookie, encode_cookie
from flask_security import Security
from itsdangerous import BadSignature
from itsdangerous.serializer import Serializer
from werkzeug.datastructures import ImmutableMultiDict

from umstripe.keys import signing


def read_earlier_keys(app: Flask) -> None:
    """Register the hooks that re-sign cookies. Call this before any extension that loads the user before a request."""
    if app.config["SECRET_KEY_FALLBACKS"]:
        app.before_request(_resign_remember_cookie)
        app.before_request(_resign_session)


def init_app(app: Flask, security: Security) -> None:
    """Let form tokens and Flask-Security's links be verified with each key. Call this after `security.init_app`."""
    app.config["WTF_CSRF_SECRET_KEY"] = signing.signing_keys(app)
    for attribute in vars(security).values():
        if isinstance(attribute, Serializer):
            attribute.secret_keys = [key.encode() for key in signing.signing_keys(app)]


def _resign_remember_cookie() -> None:
    """Re-sign a remember cookie of an earlier key for this request, and have Flask-Login send it anew."""
    name = current_app.config.get("REMEMBER_COOKIE_NAME", "remember_token")
    cookie = request.cookies.get(name)
    if cookie is None or decode_cookie(cookie) is not None:
        return
    for key in current_app.config["SECRET_KEY_FALLBACKS"]:
        if (payload := decode_cookie(cookie, key=key)) is not None:
            request.cookies = ImmutableMultiDict({**request.cookies, name: encode_cookie(payload)})
            session["_remember"] = "set"


def _resign_session() -> None:
    """Re-sign a session of an earlier key, so that the key can be dropped soon without logging out who came back."""
    interface = current_app.session_interface
    cookie = request.cookies.get(current_app.config["SESSION_COOKIE_NAME"])
    if not cookie or not session or not isinstance(interface, SecureCookieSessionInterface):
        return
    newest = interface.get_signing_serializer(current_app)
    if newest is not None:
        newest.secret_keys = newest.secret_keys[-1:]
        try:
            newest.loads(cookie)
        except BadSignature:
            session.modified = True
