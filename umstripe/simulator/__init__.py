"""A Stripe that runs on this machine. It imports nothing of the application.

It follows Stripe's published document; where that is silent, the comments name the page.
"""

from __future__ import annotations

from typing import Any

__all__ = ["create_simulator", "serve"]


def create_simulator(**options: Any) -> Any:
    """See `umstripe.simulator.app.create_simulator`."""
    from umstripe.simulator import app

    return app.create_simulator(**options)


def serve(*arguments: Any, **options: Any) -> None:
    """See `umstripe.simulator.server.serve`."""
    from umstripe.simulator import server

    server.serve(*arguments, **options)
