"""The application that a command runs inside."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from umstripe.errors import UmstripeError


def with_site(command: Callable[..., None]) -> Callable[..., None]:
    """Run a command inside the application, on a database of this version."""
    return _inside(command, any_schema=False)


def with_unmigrated_site(command: Callable[..., None]) -> Callable[..., None]:
    """Run a command inside the application, whatever version its database is of."""
    return _inside(command, any_schema=True)


def _inside(command: Callable[..., None], any_schema: bool) -> Callable[..., None]:
    @wraps(command)
    def inside(*args: Any, **kwargs: Any) -> None:
        from umstripe import create_app, schema

        app = create_app()
        with app.app_context(), _sentences():
            if not any_schema:
                schema.ensure_current()
            command(app, *args, **kwargs)

    return inside


@contextlib.contextmanager
def _sentences() -> Iterator[None]:
    """Turn a known error into an UmstripeError with a sentence, inside the application: it knows the database."""
    from umstripe.cli import failures

    try:
        yield
    except UmstripeError:
        raise
    except Exception as error:
        if words := failures.sentence(error):
            raise UmstripeError(words) from error
        raise
