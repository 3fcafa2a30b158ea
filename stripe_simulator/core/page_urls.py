"""Where the simulator's own pages are, as a browser reaches them."""

from __future__ import annotations

from flask import has_request_context, request

ELSEWHERE = "https://invoice.stripe.com"


def address(path: str) -> str:
    """Return the whole URL of a page, at the address that the present request came to."""
    base = request.host_url.rstrip("/") if has_request_context() else ELSEWHERE
    return base + path
