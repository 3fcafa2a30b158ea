"""Whether the database has the tables of this version."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError

from umstripe.database import read
from umstripe.errors import UmstripeError

FITS, UNMIGRATED, OLDER, NEWER = "ok", "not migrated", "older schema", "newer schema"
SENTENCES = {
    UNMIGRATED: "The database has no tables yet. Run “umstripe migrate”.",
    OLDER: "The database belongs to an earlier version of umstripe. Make a backup, then run “umstripe migrate”.",
    NEWER: "The database belongs to a newer version of umstripe. Install that version, or restore the backup "
    "that you made before.",
}


class WrongSchema(UmstripeError):
    """The database was not migrated to this version."""


def state() -> str:
    """Return how the database's schema compares with this version's: FITS, UNMIGRATED, OLDER or NEWER.

    Raise SQLAlchemyError when the database cannot be reached.
    """
    heads, known = _revisions(str(Path(__file__).parent / "migrations"))
    stored = _stored()
    if not stored:
        return UNMIGRATED
    if not stored <= known:
        return NEWER
    return FITS if stored == heads else OLDER


def ensure_current() -> None:
    """Raise WrongSchema with what to do, unless the database has the tables of this version."""
    compared = state()
    if compared != FITS:
        raise WrongSchema(SENTENCES[compared])


def ensure_not_newer() -> None:
    """Raise WrongSchema for a database that this version cannot migrate."""
    if state() == NEWER:
        raise WrongSchema(SENTENCES[NEWER])


@lru_cache(maxsize=1)
def _revisions(folder: str) -> tuple[set[str], set[str]]:
    """Return the newest revisions, and all that this version knows."""
    scripts = ScriptDirectory(folder)
    return set(scripts.get_heads()), {revision.revision for revision in scripts.walk_revisions()}


def _stored() -> set[str]:
    try:
        with read() as tx:
            return set(tx.execute(text("SELECT version_num FROM alembic_version")).scalars())
    except (OperationalError, ProgrammingError) as error:
        if _is_missing_table(error):
            return set()
        raise


def _is_missing_table(error: OperationalError | ProgrammingError) -> bool:
    return "no such table" in str(error.orig) or getattr(error.orig, "sqlstate", "") == "42P01"
