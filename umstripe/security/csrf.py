"""Cross-site request forgery: the token of Flask-WTF, and the Origin of the request instead of its Referer.

Flask-WTF's strict check (`WTF_CSRF_SSL_STRICT`) wants a Referer that names the requested host on https. It refuses people
whose browser or network hides the Referer, and every form behind a proxy that changes the Host header. What it stops, a
page of another origin that has planted its own session cookie, is stopped by Sec-Fetch-Site, which browsers set
themselves and which needs no address to compare with; browsers that do not send it send Origin.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import g, request
from flask_wtf.csrf import CSRFError, CSRFProtect

from umstripe.models import site_address
from umstripe.origins import origin_of
from umstripe.security import hosts


class OriginError(CSRFError):
    """The token is right, but the browser says that another site's page sent the form."""


class OriginCheckedCSRF(CSRFProtect):
    """Check the token, then that no other origin's page has sent it."""

    def protect(self, apply_exemptions: bool = False) -> None:
        super().protect(apply_exemptions)
        if g.get("csrf_valid") and is_cross_origin():
            g.csrf_valid = False
            raise OriginError("The form was sent from another origin.")


def is_cross_origin() -> bool:
    """Return whether the browser says that the request comes from another origin, or hides its origin.

    A request with neither header is not from a current browser, so it does not carry a victim's cookies.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    sender = request.headers.get("Origin")
    return sender is not None and _origin_of(sender) not in own_origins()


def is_same_origin() -> bool:
    """Return whether the browser says that a page of this site sent the request; False when it says nothing."""
    if "Sec-Fetch-Site" in request.headers:
        return request.headers["Sec-Fetch-Site"] == "same-origin"
    return "Origin" in request.headers and not is_cross_origin()


def own_origins() -> set[str]:
    """Return the origins at which a browser may see this site: its address, and the one that was asked for.

    A proxy that ends https and does not say so makes the request look like http: its host may be https outside.
    """
    asked = urlsplit(hosts.requested_origin()).netloc
    seen = {_origin_of(f"{scheme}://{asked}") for scheme in (request.scheme, "https")}
    return (seen | {_origin_of(site_address.site_url())}) - {""}


def _origin_of(url: str) -> str:
    """Return the origin of an address in its normal form; "" for what is none, like the “null” that a browser sends."""
    try:
        return origin_of(url)
    except ValueError:
        return ""
