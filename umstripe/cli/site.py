"""The application that a command runs inside."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from umstripe.errors import UmstripeError


def with_site(command: Callable[..., None]) -> Callable[..., None]:
    """Run a command inside the application, on a database of this version."""
    return _with_app(command, any_schema=False)


def with_unmigrated_site(command: Callable[..., None]) -> Callable[..., None]:
    """Run a command inside the application, whatever version its database is of."""
    return _with_app(command, any_schema=True)


def _with_app(command: Callable[..., None], any_schema: bool) -> Callable[..., None]:
    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        from umstripe import create_app, schema

        app = create_app()
        with app.app_context(), _known_errors():
            if not any_schema:
                schema.ensure_current()
            command(app, *args, **kwargs)

    return run


@contextlib.contextmanager
def _known_errors() -> Iterator[None]:
    """Turn a known error into an UmstripeError with a message, inside the application, which knows the database."""
    from umstripe.cli import failures

    try:
        yield
    except UmstripeError:
        raise
    except Exception as error:
        if message := failures.message(error):
            raise UmstripeError(message) from error
        raise
