"""How long /healthz and signed deliveries take while slow connections hold on to the site.

    python -m bench.slow [--connections 200] [--attempts 100] [--database sqlite|postgres] [--kind KIND]

For each kind of slow connection (tests/slow_connections.py) and for all of them together: the middle, the 95th
percentile and the longest in milliseconds, and how many had no answer within five seconds. The site is `umstripe web`
with two processes; GUNICORN_CMD_ARGS changes its server.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from bench import webhook
from tests.slow_connections import KINDS, SlowConnections, latency

TIMEOUT = 5.0


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as folder, webhook._urls(options.database, folder) as (url, _):
        secret = f"whsec_{secrets.token_hex(16)}"
        environ = {
            **os.environ,
            "UMSTRIPE_INSTANCE": str(Path(folder) / "site"),
            "UMSTRIPE_DATABASE_URL": url,
        }
        environ |= {"UMSTRIPE_WEBHOOK_SECRET_TEST": secret, "WEB_CONCURRENCY": "2"}
        webhook._fill_site(environ)
        clock = webhook.Clock()
        for kinds in [(), *((kind,) for kind in options.kind or KINDS), *([] if options.kind else [KINDS])]:
            with webhook._site(environ) as address:
                _measure(int(address.rpartition(":")[2]), kinds, options, clock, secret)


def _measure(port: int, kinds: Iterable[str], options: argparse.Namespace, clock, secret: str) -> None:
    name = ", ".join(kinds) or "none"
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(SlowConnections(port, kind, options.connections)) for kind in kinds]
        time.sleep(6)
        health, deliveries = [], []
        for number in range(options.attempts):
            health.append(latency(port, webhook_free(port), TIMEOUT))
            deliveries.append(latency(port, signed_request(number, clock, secret), TIMEOUT))
            if min(health[-1], deliveries[-1]) == TIMEOUT and number > 3:
                break
        closed = sum(one.closed_by_server for one in slow)
    print(
        f"{name if len(name) < 40 else 'all together'}: {_figures(health)} | {_figures(deliveries)} | {closed} closed",
        flush=True,
    )


def webhook_free(port: int) -> bytes:
    return f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()


def signed_request(number: int, clock, secret: str) -> bytes:
    body, signature = webhook._signed(webhook._event(number, clock.tick()), secret)
    head = (
        "POST /webhooks/stripe/test HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Stripe-Signature: {signature}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return (head + body).encode()


def _figures(latencies: list[float]) -> str:
    ordered = sorted(latencies)
    p50, p95 = ordered[len(ordered) // 2], ordered[len(ordered) * 95 // 100]
    lost = sum(one >= TIMEOUT for one in ordered)
    return f"p50 {p50 * 1000:.0f} p95 {p95 * 1000:.0f} max {ordered[-1] * 1000:.0f} ms, {lost}/{len(ordered)} lost"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--attempts", type=int, default=100)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--kind", choices=KINDS, action="append")
    return parser.parse_args()


if __name__ == "__main__":
    main()
