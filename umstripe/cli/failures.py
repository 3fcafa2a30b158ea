"""The message of a command when something outside it fails, with what to do, instead of a traceback."""

from __future__ import annotations

from collections.abc import Iterator

from alembic.util import CommandError
from flask import current_app, has_app_context
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, NoResultFound
from sqlalchemy.exc import TimeoutError as PoolTimeout

from umstripe.schema import NEWER, SENTENCES, UNMIGRATED

SQLITE = (
    ("unable to open database file", "The folder of the database {name} is missing, or this user may not use it. "
     "Make the folder, or change UMSTRIPE_DATABASE_URL."),
    ("readonly database", "The database {name} is read-only. Let this user write to the file and its folder."),
    ("database is locked", "The database {name} is in use by another program. Wait until that has ended, then try again."),
    ("full", "The disk of the database {name} is full. Free some space, then try again."),
    ("disk i/o error", "The disk of the database {name} cannot be read or written. Look at the disk."),
    ("no such", SENTENCES[UNMIGRATED]),
    ("not a database", "The file {name} is no database, or is damaged. Restore a backup, or change UMSTRIPE_DATABASE_URL."),
    ("malformed", "The database {name} is damaged. Restore a backup."),
)  # fmt: skip
"""Pieces of SQLite's messages (https://www.sqlite.org/rescode.html) and what to do about each."""
POSTGRES = {
    "25006": "The database is read-only: this is a standby, or its user may not write. Change UMSTRIPE_DATABASE_URL.",
    "28": "The database refuses this user or password. Look at UMSTRIPE_DATABASE_URL.",
    "3D000": "There is no database of this name. Make it, or change UMSTRIPE_DATABASE_URL.",
    "42501": "The database’s user lacks rights to these tables. Make it their owner.",
    "42P01": SENTENCES[UNMIGRATED],
    "42703": SENTENCES[UNMIGRATED],
    "53100": "The database’s disk is full. Free some space, then try again.",
    "55P03": "The database is in use by another program. Wait until that has ended, then try again.",
}
"""SQLSTATE codes, or the class that they begin with (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""
UNREACHABLE = "The database cannot be reached. Start it, or look at UMSTRIPE_DATABASE_URL."


def message(error: BaseException) -> str:
    """Return the message for an error or one of its causes, or "" for a fault of umstripe's own."""
    return next(filter(None, map(_message, _causes(error))), "")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it was raised from, or while handling."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _message(error: BaseException) -> str:
    if isinstance(error, DBAPIError):
        return _database_message(error)
    if isinstance(error, PoolTimeout):
        return UNREACHABLE
    if isinstance(error, NoResultFound):
        return SENTENCES[UNMIGRATED]
    if isinstance(error, CommandError) and "locate revision" in str(error):
        return SENTENCES[NEWER]
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename} cannot be used: {error.strerror}. Look at its owner and rights."
    return ""


def _database_message(error: DBAPIError) -> str:
    code, text = getattr(error.orig, "sqlstate", None) or "", str(error.orig)
    if type(error.orig).__module__.startswith("sqlite3"):
        template = next((message for piece, message in SQLITE if piece in text.lower()), "")
        return template.format(name=_sqlite_file())
    for prefix, message in POSTGRES.items():
        if code.startswith(prefix):
            return message
    return _connection_message(text) if not code or code[:2] in ("08", "57") else ""


def _connection_message(text: str) -> str:
    """Return the message for a failed connection, which has no code, only the server's text."""
    if "password authentication failed" in text or "no password supplied" in text:
        return POSTGRES["28"]
    if 'database "' in text and "does not exist" in text:
        return POSTGRES["3D000"]
    if 'role "' in text and "does not exist" in text:
        return POSTGRES["28"]
    return UNREACHABLE


def _sqlite_file() -> str:
    return (
        (make_url(current_app.config["SQLALCHEMY_DATABASE_URI"]).database or "") if has_app_context() else ""
    )
