"""The site's own address: the one source of every absolute link. It never comes from a request (rule 11)."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from flask import current_app
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from umstripe.database import db, read
from umstripe.models.settings import Settings
from umstripe.origins import is_loopback, origin_of

READ_AGAIN_AFTER = 30.0
"""Seconds for which `recent_url` keeps what it read, since every request asks for it. Nothing depends on a newer value:
an unknown host is looked up again, and links are made with `site_url`."""
EVERY_INTERFACE = {"0.0.0.0", "[::]", "::", "*"}


def site_url() -> str:
    """Return the address that links begin with, without a slash at its end.

    UMSTRIPE_SITE_URL, else the address that an administrator confirmed, else where the site listens.
    """
    return known_url() or _listening_url()


def known_url() -> str:
    """Return the configured or confirmed address, or "" while there is none."""
    return configured_url() or Settings.get().site_url


def configured_url() -> str:
    url: str = current_app.config["SITE_URL"]
    return url


def recent_url(age: float = READ_AGAIN_AFTER) -> str:
    """Return `known_url` as it was at most `age` seconds ago, read apart from the session.

    While the database cannot be read, return what it said last, or "".
    """
    cached: tuple[float, str] = current_app.extensions.get("site_address", (float("-inf"), ""))
    if configured_url() or time.monotonic() - cached[0] <= age:
        return configured_url() or cached[1]
    read_at = time.monotonic()
    try:
        with read() as tx:
            url = tx.execute(select(Settings.__table__.c.site_url)).scalar() or ""
    except SQLAlchemyError:
        return cached[1]
    current_app.extensions["site_address"] = (read_at, url)
    return url


def is_https() -> bool:
    """Return whether browsers reach the site by https, as far as its address says."""
    return recent_url().startswith("https:")


def is_same_site(url: str) -> bool:
    """Return whether an absolute address is on this site. Raise ValueError if it is no http or https address."""
    return origin_of(url) == origin_of(site_url())


def confirm(url: str) -> None:
    """Store an address (an origin in its normal form) as the site's, for all processes. Not committed."""
    Settings.get().site_url = url
    db.session.flush()
    current_app.extensions.pop("site_address", None)


def forget() -> None:
    """Remove the confirmed address: it is another site's. Not committed."""
    confirm("")


def _listening_url() -> str:
    host, _, port = current_app.config["BIND"].rpartition(":")
    return f"http://{'localhost' if host in EVERY_INTERFACE else host}:{port}"


def is_on_loopback() -> bool:
    """Return whether the site's address is one that only this machine can reach."""
    return is_loopback(urlsplit(site_url()).hostname or "")
