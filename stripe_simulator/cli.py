"""`stripe-simulator`, also `python -m stripe_simulator` and `umstripe simulator`."""

from __future__ import annotations

import contextlib
import sqlite3
from urllib.parse import urlsplit

import click

from stripe_simulator.delivery.deliveries import RETRY_GAPS


def _resolved(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    pairs = {}
    for value in values:
        host, _, url = value.partition("=")
        if not host or urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
            raise click.BadParameter(f"{value}: HOST=URL is wanted, like example.test=http://127.0.0.1:8000")
        pairs[host] = url
    return pairs


def _gaps(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[float, ...]:
    if value is None:
        return RETRY_GAPS
    try:
        gaps = tuple(float(part) for part in value.split(",") if part.strip())
    except ValueError:
        raise click.BadParameter("seconds, separated by commas") from None
    if any(gap < 0 for gap in gaps):
        raise click.BadParameter("no gap may be below 0")
    return gaps


def _usable(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    try:
        with contextlib.closing(sqlite3.connect(value)) as connection:
            connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.Error as error:
        raise click.BadParameter(f"{value} cannot be used as a SQLite file: {error}") from None
    return value


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=12111, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on."
)
@click.option("--allow-local-endpoints", is_flag=True, help="Take webhook endpoints on local addresses too.")
@click.option(
    "--resolve",
    multiple=True,
    metavar="HOST=URL",
    callback=_resolved,
    help="Deliver to URL what goes to HOST.",
)
@click.option(
    "--state", type=click.Path(dir_okay=False), callback=_usable, help="SQLite file that keeps everything."
)
@click.option("--empty", is_flag=True, help="Start without demo data.")
@click.option(
    "--retry-gaps",
    metavar="SECONDS",
    callback=_gaps,
    help="Seconds between the tries of a delivery, separated by commas.",
)
def simulator(
    host: str,
    port: int,
    allow_local_endpoints: bool,
    resolve: dict[str, str],
    state: str | None,
    empty: bool,
    retry_gaps: tuple[float, ...],
) -> None:
    """Run a Stripe on this machine."""
    from stripe_simulator.server import serve

    serve(host, port, allow_local_endpoints, resolve, state, empty, retry_gaps)
