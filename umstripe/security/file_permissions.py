"""Permissions of the site's files: only the user that runs the site can read keys, database and mails."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import structlog
from flask import Flask
from sqlalchemy.engine import make_url

UMASK = 0o077
NO_SECRET = "README"
"""What a fresh clone has in the instance folder."""
FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO
DATABASE_ENDS = ("", "-wal", "-shm", "-journal", ".lock", ".work", ".work-wal", ".work-shm", ".work-journal")


def keep_private() -> None:
    """Set the umask: files that this process creates from now on are closed to other users."""
    os.umask(UMASK)


def init_app(app: Flask) -> None:
    """Close files that are open to other users, and keep the list of them for the health page."""
    closed, still_open = close_all(app.config)
    app.extensions["closed_files"] = closed
    if closed or still_open:
        structlog.get_logger().warning(
            "files could be read by other users", closed=_names(closed), still_open=_names(still_open)
        )


def close_all(config: Mapping[str, Any]) -> tuple[list[Path], list[Path]]:
    """Remove other users' permissions. Return the files that were open to them, and those that still are: files of
    another owner, and sticky folders like /tmp."""
    files = [path for path in _files(config) if _is_open(path)]
    for path in files:
        with contextlib.suppress(OSError):
            mode = stat.S_IMODE(path.stat().st_mode)
            if not mode & stat.S_ISVTX:
                path.chmod(mode & ~FOR_OTHERS)
    still_open = [path for path in files if _is_open(path)]
    return [path for path in files if path not in still_open], still_open


def _is_open(path: Path) -> bool:
    """Return whether other users have permissions. A link has none of its own; what is gone has none."""
    try:
        return not path.is_symlink() and bool(path.stat().st_mode & FOR_OTHERS)
    except OSError:
        return False


def _files(config: Mapping[str, Any]) -> Iterator[Path]:
    """Yield the instance folder and all in it, and a SQLite database with what stands beside it."""
    instance = Path(config["INSTANCE"])
    yield instance
    for folder, folders, names in os.walk(instance):
        yield from (Path(folder, name) for name in (*folders, *names) if name != NO_SECRET)
    url = make_url(config["SQLALCHEMY_DATABASE_URI"])
    if url.get_backend_name() == "sqlite" and url.database:
        path = Path(url.database.removeprefix("file:")).absolute()
        if instance not in path.parents:
            yield from (path.with_name(path.name + end) for end in DATABASE_ENDS)


def _names(paths: list[Path]) -> list[str]:
    return [str(path) for path in paths]
