"""Where the site lives. A copy of its database that starts elsewhere writes nothing to Stripe until an
administrator has said what it is: otherwise a test site made from last night's backup charges people."""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import current_app
from sqlalchemy import String, column, select, table, text
from sqlalchemy.exc import ProgrammingError

from umstripe.database import db, read
from umstripe.errors import ClonedSite
from umstripe.models.settings import Settings

DIFFERENT = {
    "instance": "its secret key is another one",
    "address": "its address is another one",
    "database": "its database is another one",
}


def here() -> dict[str, str]:
    """This place: `instance` (a digest of the secret key), `address` (as configured, or ""), `database` (the
    file's path, or the server's own number and the database's name, if its user may ask for these). What cannot
    be known is ""."""
    known: dict[str, str] | None = current_app.extensions.get("place")
    if known is None:
        key = current_app.config["SECRET_KEY"].encode()
        known = current_app.extensions["place"] = {
            "instance": hmac.new(key, b"umstripe place", "sha256").hexdigest()[:16],
            "address": current_app.config["SITE_URL"] or "",
            "database": _database(),
        }
    return known


def elsewhere() -> list[str]:
    """What is different from where the site lives, in words; empty at home, and before the first connect."""
    home, place = Settings.get().home, here()
    if not home:
        return []
    return [
        words
        for name, words in DIFFERENT.items()
        if home.get(name) and place[name] and home[name] != place[name]
    ]


def site_url() -> str:
    """The site's address without a request: as configured, or as Stripe knows it, or where it listens."""
    known = select(CONNECTION.c.endpoint_url).where(CONNECTION.c.endpoint_url != "")
    url = (
        current_app.config["SITE_URL"] or (db.session.scalar(known.limit(1)) or "").partition("/webhooks/")[0]
    )
    return url or f"http://{current_app.config['BIND']}"


def is_on_loopback() -> bool:
    """Whether the site's address is one that only this machine can reach."""
    host = urlsplit(site_url()).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def must_be_here() -> None:
    """Raises ClonedSite elsewhere."""
    if elsewhere():
        raise ClonedSite


def settle() -> None:
    """This place is where the site lives from now on."""
    Settings.get().home = dict(here())


def _database() -> str:
    url = db.engine.url
    if url.get_backend_name() == "sqlite":
        return url.database or ""
    try:
        with read() as tx:
            return str(tx.execute(POSTGRES).scalar())
    except ProgrammingError:
        return ""


CONNECTION = table("connection", column("endpoint_url", String))
POSTGRES = text("SELECT system_identifier || '/' || current_database() FROM pg_control_system()")
