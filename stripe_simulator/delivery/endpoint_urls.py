"""Which URLs Stripe takes for a webhook endpoint: https://docs.stripe.com/webhooks#register-webhook."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from stripe_simulator.core.errors import StripeError, bad_request

NOT_PUBLIC = (".localhost", ".local", ".test", ".internal")


def check(url: str, livemode: bool, known_hosts: set[str], allow_local: bool) -> None:
    """Raise StripeError (400, `url_invalid`) for a URL that Stripe would not deliver to.

    `known_hosts` count as public names, `allow_local` lets every host through.
    """
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise _invalid("Invalid URL: it cannot be read.") from None
    if parts.scheme not in ("http", "https") or not host or len(url) > 5000:
        raise _invalid("Invalid URL: An explicit scheme (such as https) must be provided.")
    if host not in known_hosts and not is_public(host):
        if allow_local:
            return
        raise _invalid("Invalid URL: URL must be publicly accessible.")
    if livemode and parts.scheme != "https" and not allow_local:
        raise _invalid("Invalid URL: you must use HTTPS for webhook endpoints in live mode.")


def is_public(host: str) -> bool:
    """Return whether a host could be reached from outside: a full name, or an address that is nobody's own."""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        numeric = host.replace(".", "").isdigit() or host.startswith("0x")
        return "." in host.strip(".") and not numeric and not host.rstrip(".").endswith(NOT_PUBLIC)


def _invalid(message: str) -> StripeError:
    return bad_request(message, "url", "url_invalid")
