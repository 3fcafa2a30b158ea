"""The address of this site, and what on it a link may lead back to."""

from __future__ import annotations

from urllib.parse import quote

from flask import current_app, request
from flask_security.utils import validate_redirect_url

LONGEST = 2000


def site_url() -> str:
    """Where Stripe sends deliveries and members: as set, or as the browser of this request sees the site."""
    return current_app.config["SITE_URL"] or request.host_url.rstrip("/")


def on_this_site(url: str | None) -> str:
    """An address that somebody put into a link, if it is on this site; "" otherwise.

    Browsers read tabs, line ends and backslashes away or as slashes, so none may be in it.
    """
    text = url or ""
    odd = any(char <= " " or char == "\\" or char == "\x7f" for char in text)
    if odd or len(quote(text)) > LONGEST:
        return ""
    try:
        return text if validate_redirect_url(text) else ""
    except ValueError:  # no address at all, like //[
        return ""
