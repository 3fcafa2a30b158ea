"""The Flask application."""

from __future__ import annotations

from typing import Any

from flask import Flask, Request, has_request_context
from werkzeug.routing import MapAdapter

from umstripe.models import site_address


class Application(Flask):
    """Flask, with absolute addresses that never come from a request (rule 11).

    Flask takes the host of an absolute address from the request's Host header, which anybody can choose. Whoever asks
    for one here, a library of ours included, gets it on the site's own address.
    """

    def url_for(
        self,
        endpoint: str,
        *,
        _anchor: str | None = None,
        _method: str | None = None,
        _scheme: str | None = None,
        _external: bool | None = None,
        **values: Any,
    ) -> str:
        """Return the address of an endpoint, as in Flask: absolute if `_external` or `_scheme` say so, and outside a
        request. The scheme is always the site's own."""
        path = super().url_for(endpoint, _anchor=_anchor, _method=_method, _external=False, **values)
        if _external is None:
            _external = _scheme is not None or not has_request_context()
        return f"{site_address.site_url()}{path}" if _external else path

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """As in Flask; outside a request it builds paths, to which `url_for` adds the site's address."""
        return self.url_map.bind("localhost") if request is None else super().create_url_adapter(request)
