"""Flask's session interface: the cookie is Secure on a site with https, and never longer than browsers accept.

What a login keeps in the session, and how it ends, is in umstripe/security/sessions.py.
"""

from __future__ import annotations

import structlog
from flask import Flask, Response
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from markupsafe import Markup

from umstripe.models import site_address

LONGEST_VALUE = 3800
"""Browsers drop a cookie of more than 4096 bytes with its name and attributes, and the session with it."""
LONGEST_FLASH = 600
FLASHES = "_flashes"


class CookieSessions(SecureCookieSessionInterface):
    """Flask's sessions. What is too long for a cookie is shortened: first the notices that nobody has seen yet."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return super().get_cookie_secure(app) or site_address.is_https()

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if session.modified and session:
            self._shorten(app, session)
        super().save_session(app, session, response)
        self._secure_others(app, response)

    def _shorten(self, app: Flask, session: SessionMixin) -> None:
        flashes = [_short(*flash) for flash in session.get(FLASHES, [])]
        if flashes:
            session[FLASHES] = flashes
        while self._is_too_long(app, session):
            if len(flashes) > 1:
                session[FLASHES] = flashes = flashes[1:]
                continue
            longest = max(
                (key for key in session if not key.startswith("_user")),
                key=lambda key: len(str(session[key])),
            )
            structlog.get_logger().warning("too long for the session's cookie", key=longest)
            del session[longest]

    def _is_too_long(self, app: Flask, session: SessionMixin) -> bool:
        serializer = self.get_signing_serializer(app)
        return serializer is not None and len(serializer.dumps(dict(session))) > LONGEST_VALUE

    def _secure_others(self, app: Flask, response: Response) -> None:
        """Add Secure to the cookies of the libraries, like the remember cookie, where the session's has it."""
        cookies = response.headers.getlist("Set-Cookie")
        if cookies and self.get_cookie_secure(app):
            response.headers.setlist("Set-Cookie", [_secure(cookie) for cookie in cookies])


def _short(category: str, message: str) -> tuple[str, str]:
    if len(message) <= LONGEST_FLASH or isinstance(message, Markup):
        return category, message
    return category, f"{message[: LONGEST_FLASH - 1]}…"


def _secure(cookie: str) -> str:
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    return cookie if "secure" in attributes else f"{cookie}; Secure"
