"""Absolute addresses of this site, and addresses in links that lead back to it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from flask import abort, request, url_for
from flask_security.utils import validate_redirect_url

from umstripe.models.site_address import is_same_site, site_url

MAX_LENGTH = 2000


def external_url(endpoint: str, **values: Any) -> str:
    """Return the absolute address of an endpoint, for Stripe and mails."""
    return f"{site_url()}{url_for(endpoint, **values)}"


def local_path(url: str | None) -> str:
    """Return an address in a link as a path if it is on this site; "" otherwise.

    Browsers read tabs, line ends and backslashes away or as slashes, so none may be in it.
    """
    text = url or ""
    has_odd_characters = any(char <= " " or char == "\\" or char == "\x7f" for char in text)
    if has_odd_characters or len(quote(text)) > MAX_LENGTH:
        return ""
    try:
        path = _without_origin(text)
        return path if path and validate_redirect_url(path) else ""
    except ValueError:  # no address at all, like //[
        return ""


def refuse_unreadable_next() -> None:
    """Answer 400 to a `next` that is no address, like http://[, which Flask-Security's pages cannot read."""
    if request.blueprint != "security":
        return
    for url in (*request.args.getlist("next"), *request.form.getlist("next")):
        if not (_is_readable(url) and _is_readable(url.replace("\\", "/"))):
            abort(400)


def _is_readable(url: str) -> bool:
    try:
        urlsplit(url).port  # noqa: B018
    except ValueError:
        return False
    return True


def _without_origin(url: str) -> str:
    """Return an address on this site without scheme and host; "" for one on another site. Raise ValueError."""
    parts = urlsplit(url)
    if not parts.scheme and not parts.netloc:
        return "" if url.startswith("//") else url
    if not is_same_site(url) or parts.path.startswith("//"):
        return ""
    return urlunsplit(("", "", parts.path or "/", parts.query, parts.fragment))
