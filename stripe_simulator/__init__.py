"""A Stripe that runs on this machine. It imports nothing of the application.

It follows Stripe's published document; where that is silent, the comments name the page.
"""

from __future__ import annotations

from typing import Any

__all__ = ["create_simulator", "serve"]
__version__ = "1.0.0"


def create_simulator(**options: Any) -> Any:
    """See `stripe_simulator.app.create_simulator`."""
    from stripe_simulator import app

    return app.create_simulator(**options)


def serve(*arguments: Any, **options: Any) -> None:
    """See `stripe_simulator.server.serve`."""
    from stripe_simulator import server

    server.serve(*arguments, **options)
