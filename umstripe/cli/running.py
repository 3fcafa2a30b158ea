"""Commands that migrate, run and set up a site."""

from __future__ import annotations

import os

import click
from flask import Flask

from umstripe.cli import simulator
from umstripe.cli.site import with_site, with_unmigrated_site
from umstripe.server.processes import SIMULATOR_PORT, run_demo, run_serve, run_web


@click.command()
@with_unmigrated_site
def migrate(app: Flask) -> None:
    """Bring the database to this version."""
    from flask_migrate import upgrade

    from umstripe import schema
    from umstripe.database import writing
    from umstripe.jobs import worker
    from umstripe.keys.signing import secret_keys
    from umstripe.models import site_identity

    schema.ensure_not_newer()
    upgrade()
    with writing():
        site_identity.keep_digests(secret_keys(app))
    worker.prepare(app)


@click.command()
def serve() -> None:
    """Migrate, then run site and worker in the foreground."""
    run_serve()


@click.command()
def web() -> None:
    """Run the site alone (gunicorn, 2 processes)."""
    _check_database()
    run_web()


@with_site
def _check_database(_app: Flask) -> None:
    """Check the schema, then close the connections: gunicorn's forked processes must not share them."""
    from umstripe.database import db

    db.engine.dispose()


@click.command("worker")
@click.option(
    "--executor", default=f"{os.uname().nodename}", show_default=True, help="This worker's own name."
)
@with_site
def run_worker(app: Flask, executor: str) -> None:
    """Run the background work."""
    from umstripe.jobs import worker

    worker.run(app, executor)


@click.command()
@click.option("--simulator-port", default=12111, show_default=True, envvar=SIMULATOR_PORT)
def run(simulator_port: int) -> None:
    """Run site, worker and simulator together, to try everything out."""
    simulator.must_be_installed()
    run_demo(simulator_port)


@click.command("setup-link")
@click.option("--site-url", help="What the link begins with; else the site's address.")
@with_site
def setup_link(_app: Flask, site_url: str | None) -> None:
    """Print the link that makes the first administrator. An earlier link stops working."""
    from umstripe.accounts.setup import new_token
    from umstripe.database import writing
    from umstripe.models import User, site_address

    if User.there_is_an_administrator():
        click.echo("There is an administrator already. Log in, or use `umstripe create-admin`.")
        return
    with writing():
        token = new_token()
    base = site_url.rstrip("/") if site_url else site_address.site_url()
    click.echo(f"Open this link to set up the site: {base}/setup?token={token}")
