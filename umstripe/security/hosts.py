"""The Host header: which ones are answered. The only module that reads it; no link is ever made of it (rule 11)."""

from __future__ import annotations

from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, current_app, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import BadHost

from umstripe.database import db
from umstripe.models import site_address, site_identity
from umstripe.origins import normal_host

AT_ANY_HOST = frozenset({"health.healthz", "health.readyz", "webhook.stripe"})
"""Probes ask by the machine's address, and Stripe by the earlier one until its endpoint is mended. Neither answer
depends on the host."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
UNKNOWN_HOST = """This site does not answer at this address.

If it is yours: the address is set with UMSTRIPE_SITE_URL, in Settings > General, or with the command
"umstripe site-url". A proxy in front of the site must pass on the Host header that the browser sends.
"""


def init_app(app: Flask) -> None:
    """Refuse unknown hosts. Call this before any extension that registers a `before_request` function."""
    app.before_request(_refuse_unknown_host)


def requested_origin() -> str:
    """Return the origin that the browser asked for. For showing only: a default that an administrator confirms."""
    return request.host_url.rstrip("/")


def is_answered(url: str) -> bool:
    """Return whether this request's host would be answered on a site with the address `url` ("": unknown yet)."""
    bind = current_app.config["BIND"]
    return not url or normal_host(request.host) in {
        normal_host(urlsplit(url).netloc),
        normal_host(bind),
        *LOOPBACK,
    }


def is_at(url: str) -> bool:
    """Return whether the browser asked for this very origin, as far as the server can tell."""
    return requested_origin() == url


def without_requested_origin(url: str) -> str:
    """Return an address on the requested host as a path; any other address unchanged."""
    origin = f"{requested_origin()}/"
    return "/" + url.removeprefix(origin).lstrip("/\\") if url.startswith(origin) else url


def _refuse_unknown_host() -> Response | None:
    if isinstance(request.routing_exception, BadHost):
        return _refused()
    if request.endpoint in AT_ANY_HOST or is_answered(site_address.recent_url()):
        return None
    if is_answered(site_address.recent_url(age=0)) or _is_a_copy():
        return None
    return _refused()


def _refused() -> Response:
    """Return a plain answer: a page would need the addresses of others, which are made of the host."""
    structlog.get_logger().warning("unknown host", host=request.host[:255], path=request.path[:200])
    return Response(UNKNOWN_HOST, 400, mimetype="text/plain")


def _is_a_copy() -> bool:
    """Return whether the database is a copy: then its address is that of the site that it was copied from."""
    try:
        return bool(site_identity.mismatches())
    except SQLAlchemyError:
        return False
    finally:
        db.session.rollback()
