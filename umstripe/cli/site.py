"""The application that a command runs inside."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any


def with_site(command: Callable[..., None]) -> Callable[..., None]:
    """Run a command inside the application."""

    @wraps(command)
    def inside(*args: Any, **kwargs: Any) -> None:
        from umstripe import create_app

        app = create_app()
        with app.app_context():
            command(app, *args, **kwargs)

    return inside
