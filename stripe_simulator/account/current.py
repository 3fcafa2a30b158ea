"""The account of the running simulator, for its views."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import current_app, request

from stripe_simulator.account.account import Account
from stripe_simulator.core.errors import StripeError


def current_account() -> Account:
    """Return the account of the running simulator."""
    return current_app.extensions["simulator"]


def require_same_origin() -> None:
    """Raise StripeError (403) for a form of another site."""
    origin = request.headers.get("Origin")
    if origin and urlsplit(origin).netloc != request.host:
        raise StripeError(403, "Another site may not control the simulator.")
