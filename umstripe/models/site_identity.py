"""Where the site lives. A copy of its database that starts elsewhere writes nothing to Stripe until an
administrator has said what it is: otherwise a test site made from last night's backup charges people."""

from __future__ import annotations

import hmac

from flask import current_app
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from umstripe.database import db, read
from umstripe.errors import ClonedSite
from umstripe.models.settings import Settings

DIFFERENT = {
    "instance": "its secret key is another one",
    "address": "its address is another one",
    "database": "its database is another one",
}


def current() -> dict[str, str]:
    """This place: `instance` (digests of the secret keys), `address` (as configured, or ""), `database` (the
    file's path, or the server's own number and the database's name, if its user may ask for these). What cannot
    be known is ""."""
    known: dict[str, str] | None = current_app.extensions.get("place")
    if known is None:
        config = current_app.config
        known = current_app.extensions["place"] = {
            "instance": digests([config["SECRET_KEY"], *(config["SECRET_KEY_FALLBACKS"] or [])]),
            "address": current_app.config["SITE_URL"] or "",
            "database": _database(),
        }
    return known


def mismatches() -> list[str]:
    """Return what is different from where the site lives, in words; empty at home, and before the first connect."""
    home, place = Settings.get().home, current()
    if not home:
        return []
    return [
        words
        for name, words in DIFFERENT.items()
        if home.get(name) and place[name] and not _is_same(name, home[name], place[name])
    ]


def must_be_here() -> None:
    """Raise ClonedSite elsewhere."""
    if mismatches():
        raise ClonedSite


def confirm() -> None:
    """This place is where the site lives from now on."""
    Settings.get().home = dict(current())


def keep_digests(keys: list[str]) -> None:
    """Note these secret keys as the site's own, if it is at home: one that is dropped later need not be known then."""
    home = Settings.get().home
    if home and not mismatches() and home.get("instance") != digests(keys):
        Settings.get().home = {**home, "instance": digests(keys)}


def digests(keys: list[str]) -> str:
    """Return what tells secret keys from others and does not tell what they are, with spaces between."""
    return " ".join(hmac.new(key.encode(), b"umstripe place", "sha256").hexdigest()[:16] for key in keys)


def _is_same(name: str, home: str, place: str) -> bool:
    """While a secret key is replaced, a process knows the earlier one, the newest one or both."""
    return bool(set(home.split()) & set(place.split())) if name == "instance" else home == place


def _database() -> str:
    url = db.engine.url
    if url.get_backend_name() == "sqlite":
        return url.database or ""
    try:
        with read() as tx:
            return str(tx.execute(POSTGRES).scalar())
    except ProgrammingError:
        return ""


POSTGRES = text("SELECT system_identifier || '/' || current_database() FROM pg_control_system()")
