"""Origins (RFC 6454): the scheme, host and port that an address begins with."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}
LONGEST = 255
HOSTNAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
IPV6 = re.compile(r"[0-9a-f:.]+")


def normal_origin(text: str) -> str:
    """Return the origin of an address without a path, in one form: small letters, no default port, IDNA.

    Raise ValueError for anything else.
    """
    parts = urlsplit(text.strip())
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("an origin has no path")
    return origin_of(text.strip())


def origin_of(url: str) -> str:
    """Return the origin of an absolute http or https address, in one form. Raise ValueError for anything else."""
    parts = urlsplit(url)
    if parts.scheme not in DEFAULT_PORTS or "@" in parts.netloc or parts.port == 0:
        raise ValueError("no http or https address")
    host = normal_host(parts.netloc)
    if not host or len(host) > LONGEST - 16:
        raise ValueError("no host")
    port = f":{parts.port}" if parts.port not in (None, DEFAULT_PORTS[parts.scheme]) else ""
    return f"{parts.scheme}://{host}{port}"


def normal_host(netloc: str) -> str:
    """Return the host of `host:port` in one form: small letters, IDNA, IPv6 in brackets; "" if there is none."""
    try:
        host = urlsplit(f"//{netloc}").hostname or ""
        if ":" in host:
            return f"[{host}]" if IPV6.fullmatch(host) else ""
        host = host.encode("idna").decode().removesuffix(".").lower()
    except ValueError:
        return ""
    return host if HOSTNAME.fullmatch(host) else ""


def is_loopback(hostname: str) -> bool:
    """Return whether only this machine can reach a host. `hostname` is as urlsplit returns it: no port, no brackets."""
    try:
        return ip_address(hostname).is_loopback
    except ValueError:
        return hostname == "localhost" or hostname.endswith(".localhost")
