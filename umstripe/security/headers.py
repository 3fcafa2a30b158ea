"""The headers of every response: content security policy, caching, HSTS, and the length of redirects."""

from __future__ import annotations

from flask import Flask, Response, current_app, request

from umstripe.models import site_address
from umstripe.security import hosts

CSP = {
    "default-src": "'self'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
COMMON_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "browsing-topics=()",
}
PRIVATE = "private, no-store"
MAX_LOCATION_LENGTH = 4000
"""Proxies give up on answers whose headers are longer than their buffer, 4 KB in nginx."""


def init_app(app: Flask) -> None:
    app.extensions["content_security_policies"] = {}
    app.after_request(_add_headers)


def allow(app: Flask, endpoint: str, policy: dict[str, str]) -> None:
    """Set the content security policy of an endpoint's responses."""
    app.extensions["content_security_policies"][endpoint] = _header_of(policy)


def _header_of(policy: dict[str, str]) -> str:
    return "; ".join(f"{directive} {sources}" for directive, sources in policy.items())


DEFAULT_POLICY = _header_of(CSP)


def _add_headers(response: Response) -> Response:
    policies: dict[str | None, str] = current_app.extensions["content_security_policies"]
    response.headers.update(COMMON_HEADERS)
    response.headers["Content-Security-Policy"] = policies.get(request.endpoint, DEFAULT_POLICY)
    if request.endpoint != "static":
        response.headers["Cache-Control"] = PRIVATE
    if current_app.config["HSTS"] is not None and _is_secure():
        response.headers["Strict-Transport-Security"] = f"max-age={current_app.config['HSTS']}"
    if "Location" in response.headers:
        response.headers["Location"] = _shorten(hosts.without_requested_origin(response.headers["Location"]))
    return response


def _is_secure() -> bool:
    """Return whether the browser uses https. A proxy that ends it may not say so; then the site's address does."""
    return request.is_secure or (request.endpoint not in hosts.AT_ANY_HOST and site_address.is_https())


def _shorten(location: str) -> str:
    """Return a redirect's target. Of one on this site that is too long, return the path, or the start page.

    Addresses at Stripe are left as they are: nobody else writes them.
    """
    if len(location) <= MAX_LOCATION_LENGTH or location.startswith(("http://", "https://")):
        return location
    path = location.partition("?")[0]
    return path if len(path) <= MAX_LOCATION_LENGTH else "/"
