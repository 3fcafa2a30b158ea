"""Permissions of the site's files: only the user that runs the site can read keys, database and mails."""

from __future__ import annotations

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
    open_before = _open_files(app.config)
    still_open = close_all(app.config)
    closed = [path for path in open_before if path not in still_open]
    app.extensions["closed_files"] = closed
    if open_before:
        structlog.get_logger().warning(
            "files could be read by other users", closed=_names(closed), still_open=_names(still_open)
        )


def close_all(config: Mapping[str, Any]) -> list[Path]:
    """Remove other users' permissions. Return the files where that failed: those of another owner, and sticky folders
    like /tmp."""
    for path in _open_files(config):
        if path.stat().st_mode & stat.S_ISVTX:
            continue
        try:
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~FOR_OTHERS)
        except OSError:
            continue
    return _open_files(config)


def _open_files(config: Mapping[str, Any]) -> list[Path]:
    return [path for path in _files(config) if _is_open(path)]


def _is_open(path: Path) -> bool:
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
