"""Compare the site's address with the one that a browser sees, and find headers that a proxy does not send."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from umstripe.health.check import ERROR, GOOD, WARNING, Check
from umstripe.origins import DEFAULT_PORTS, is_loopback


def address_checks(
    seen: Mapping[str, str] | None, site_url: str, proxies: int, is_confirmed: bool = True
) -> Iterator[Check]:
    """Compare what an administrator's browser saw last (`Settings.seen_address`) with the site's address.

    `proxies` is UMSTRIPE_TRUSTED_PROXIES. `seen` is None until a browser with scripts has opened the health page.
    """
    address = [*_address(seen["browser"], site_url)] if seen else []
    proxy = [*_proxy(seen, proxies)] if seen else []
    if not is_confirmed and not address:
        message = f"Not confirmed yet. Links in emails begin with {site_url}."
        yield Check("Site address", WARNING, message, "Check it in Settings > General, then save.")
    elif seen and not address and not proxy:
        yield Check("Address", GOOD, f"Browsers see this site at its address, {site_url}.")
    yield from (*address, *proxy)


def differences(url: str, other: str) -> list[str]:
    """Return which of scheme, host and port two addresses do not share. All names of this machine are one host."""
    first, second = _parts(url), _parts(other)
    return [name for name in ("scheme", "host", "port") if first[name] != second[name]]


def _parts(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = "" if parts.port in (None, DEFAULT_PORTS.get(parts.scheme)) else str(parts.port)
    return {"scheme": parts.scheme, "host": "loopback" if is_loopback(host) else host, "port": port}


def _address(browser: str, site_url: str) -> Iterator[Check]:
    """Compare the origin that the browser sees with the site's address."""
    if different := differences(browser, site_url):
        message = (
            f"A browser sees this site at {browser}, but its address is set to {site_url}: "
            f"the {' and the '.join(different)} differ{'s' if len(different) == 1 else ''}. "
            "Links in emails and Stripe’s deliveries use the second one."
        )
        advice = f"If {browser} is right, save it as the site address in Settings > General, or in UMSTRIPE_SITE_URL if that is set."
        yield Check("Address", ERROR, message, advice)


def _proxy(seen: Mapping[str, str], proxies: int) -> Iterator[Check]:
    """Compare the request as it arrives here with what the browser has sent."""
    different = differences(seen["browser"], seen["request"])
    if "scheme" in different:
        message = "Visitors come with https, but the requests that arrive here look like http."
        advice = "Have the proxy in front send X-Forwarded-Proto, and set UMSTRIPE_TRUSTED_PROXIES to the number of proxies."
        yield Check("Proxy: scheme", WARNING, message, advice)
    if "host" in different or "port" in different:
        message = f"The requests that arrive here name another host: {urlsplit(seen['request']).netloc}."
        advice = "Have the proxy in front pass the Host header (nginx: proxy_set_header Host $http_host)."
        yield Check("Proxy: host", WARNING, message, advice)
    if seen["forwarded_for"] and not proxies:
        message = "A proxy in front names the visitors’ addresses, but the site does not read them: all visitors count as one."
        yield Check(
            "Proxy: visitors", WARNING, message, "Set UMSTRIPE_TRUSTED_PROXIES to the number of proxies."
        )
    if not seen["forwarded_for"] and proxies:
        message = f"UMSTRIPE_TRUSTED_PROXIES is {proxies}, but no proxy names the visitors’ addresses."
        advice = "Have the proxy send X-Forwarded-For, or set UMSTRIPE_TRUSTED_PROXIES to 0 if there is none."
        yield Check("Proxy: visitors", WARNING, message, advice)
