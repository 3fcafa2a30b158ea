"""Refused forms, whose CSRF token or origin is not accepted: a page with the reason and the form's fields to send again."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import structlog
from flask import Flask, Response, current_app, redirect, render_template, request, session, url_for
from flask_security import current_user
from flask_wtf.csrf import CSRFError

from umstripe.models import site_address
from umstripe.security.csrf import is_cross_origin, is_same_origin

SECRET = re.compile(r"password|secret|_key$", re.IGNORECASE)
"""Names of fields whose values are never sent back to the browser."""
NOT_SHOWN = re.compile(r"token|^(next|action|redirect_to|offer|version|sealed)$")
CHECKED = "y"
"""The value of WTForms' checkboxes."""
MAX_FIELDS, MAX_CHARACTERS = 300, 200_000


@dataclass(frozen=True)
class Reason:
    """Why a form was refused. `name` is logged; `can_resend`: whether the same form may work now."""

    name: str
    title: str
    text: str
    can_resend: bool = True


CROSS_ORIGIN = Reason(
    "cross_origin",
    "This form was sent from another address",
    "It was sent from {origin}, but this site’s address is {site}. Open {site} and send the form there. If you run "
    "this site and {origin} is its right address, set UMSTRIPE_SITE_URL to it, and let the proxy in front of the site "
    "pass the Host header.",
    can_resend=False,
)
HIDDEN_ORIGIN = Reason(
    "hidden_origin",
    "Your browser hides where this form comes from",
    "A setting or an extension of your browser hides which page sent the form, so the site cannot tell that it was its "
    "own. Switch that off for this site, reload the page and send the form again.",
    can_resend=False,
)
INSECURE = Reason(
    "insecure",
    "Open this site with https",
    "You have opened it with http, where your browser does not keep this site’s cookie. Open {site} and try again.",
    can_resend=False,
)
NO_COOKIE = Reason(
    "no_cookie",
    "This site needs cookies",
    "Your browser did not send this site’s cookie. Allow cookies for this site, then send the form again. If they are "
    "allowed, your browser was closed in the meantime and has lost the cookie: just send the form again.",
)
LOST_COOKIE = Reason(
    "lost_cookie",
    "Your browser was closed in the meantime",
    "It has lost the cookie that belongs to this form. Send the form again.",
)
UNREADABLE_COOKIE = Reason(
    "unreadable_cookie",
    "This site does not accept your browser’s cookie",
    "The cookie is too old, or the site’s secret key is another one now. Send the form again. If you run this site "
    "and this happens again and again: do all its processes have the same UMSTRIPE_SECRET_KEY, and does another "
    "application at the same host name set a cookie with the same name?",
)
LOGGED_OUT = Reason(
    "logged_out",
    "You were logged out in the meantime",
    "Log in again in another tab. Then come back here and send the form.",
)
OTHER_LOGIN = Reason(
    "other_login",
    "You logged in or out in the meantime",
    "The form was opened before that. Look below at who you are now, then send it again.",
)
TOO_OLD = Reason(
    "too_old",
    "The form was open for too long",
    "For your safety a form is good for {hours} hours. Send it again.",
)
NO_TOKEN = Reason(
    "no_token",
    "The form arrived incomplete",
    "The part that protects you is missing. An extension of your browser or a proxy may have taken it out. Reload the "
    "page and send the form again.",
)
CHANGED_TOKEN = Reason(
    "changed_token",
    "The form arrived damaged",
    "The part that protects you cannot be read: it was changed on the way, or the site’s secret key is another one "
    "now. Send the form again.",
)
BY_DESCRIPTION = {
    "The CSRF token is missing.": NO_TOKEN,
    "The CSRF token has expired.": TOO_OLD,
    "The CSRF token is invalid.": CHANGED_TOKEN,
}
"""The reasons of flask_wtf.csrf.validate_csrf."""


def init_app(app: Flask, public: frozenset[str]) -> None:
    """Register the handler of refused forms. `public`: the endpoints that need no login."""
    app.extensions["public_endpoints"] = public
    app.register_error_handler(CSRFError, _refused)


def find_reason(description: str) -> Reason:
    """Return why this request was refused, from Flask-WTF's description and what the browser sent."""
    cookie = request.cookies.get(current_app.config["SESSION_COOKIE_NAME"])
    if cookie is None and current_app.config["SESSION_COOKIE_SECURE"] and not _came_by_https():
        return INSECURE
    if is_cross_origin():
        return HIDDEN_ORIGIN if request.headers.get("Origin") == "null" else CROSS_ORIGIN
    if cookie is None:
        return LOST_COOKIE if request.cookies else NO_COOKIE
    if not session:
        return UNREADABLE_COOKIE
    return BY_DESCRIPTION.get(description) or (OTHER_LOGIN if _may_open_endpoint() else LOGGED_OUT)


def _came_by_https() -> bool:
    """Return whether the browser came by https: a proxy may hide the scheme, but not the Origin."""
    return request.headers.get("Origin", request.scheme).startswith("https")


def _may_open_endpoint() -> bool:
    public = current_app.extensions["public_endpoints"]
    return current_user.is_authenticated or request.endpoint in public


def _refused(error: CSRFError) -> tuple[str, int] | Response:
    reason = find_reason(error.description or "")
    _log(reason)
    if request.endpoint == "security.logout" and not current_user.is_authenticated:
        return redirect(url_for("security.login"), 303)  # type: ignore[return-value]
    page = render_template(
        "errors/refused_form.html",
        reason=replace(reason, text=_fill_in(reason.text)),
        fields=_fields() if reason.can_resend and is_same_origin() else None,
        action=request.full_path.rstrip("?"),
        must_log_in=reason is LOGGED_OUT,
    )
    return page, 400


def _fill_in(text: str) -> str:
    """Return a reason's text with its placeholders filled in. What the browser sent is inserted as it is."""
    hours = current_app.config["WTF_CSRF_TIME_LIMIT"] // 3600
    return text.format(
        origin=request.headers.get("Origin", "another page")[:200], site=site_address.site_url(), hours=hours
    )


def _log(reason: Reason) -> None:
    """Log where the form came from, but neither the path, which may hold a token, nor what was typed."""
    headers = {name: request.headers.get(name, "")[:200] for name in ("Origin", "Sec-Fetch-Site", "Host")}
    structlog.get_logger().warning(
        "form refused",
        reason=reason.name,
        endpoint=request.endpoint,
        scheme=request.scheme,
        site=site_address.site_url(),
        **{name.lower().replace("-", "_"): value for name, value in headers.items()},
    )


@dataclass(frozen=True)
class SubmittedField:
    """A field of the refused form."""

    name: str
    value: str

    @property
    def is_secret(self) -> bool:
        """Whether it must be typed again; an empty one need not."""
        return bool(self.value and SECRET.search(self.name))

    @property
    def is_password(self) -> bool:
        return "password" in self.name.lower()

    @property
    def is_shown(self) -> bool:
        return not self.is_secret and bool(self.value.strip()) and not NOT_SHOWN.search(self.name)

    @property
    def shown_value(self) -> str:
        return "Yes" if self.value == CHECKED else self.value

    @property
    def label(self) -> str:
        return self.name.replace("_", " ").capitalize()


def _fields() -> list[SubmittedField] | None:
    """Return the fields to be sent again; None if they cannot be kept on a page (files, JSON, too many)."""
    sent = [(name, value) for name, value in request.form.items(multi=True) if name != "csrf_token"]
    is_too_large = len(sent) > MAX_FIELDS or sum(len(value) for _, value in sent) > MAX_CHARACTERS
    if request.method != "POST" or request.files or request.is_json or is_too_large:
        return None
    return [SubmittedField(name, value) for name, value in sent]
