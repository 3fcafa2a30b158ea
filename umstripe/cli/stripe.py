"""Commands about the connection with Stripe."""

from __future__ import annotations

import sys

import click
from flask import Flask

from umstripe.cli.address import endpoint_address
from umstripe.cli.site import with_site
from umstripe.errors import UmstripeError

MODES = click.Choice(["test", "live"])
SITE_URL = click.option("--site-url", help="Where Stripe delivers to; else the site's address.")


@click.command()
@click.argument("mode", type=MODES)
@click.option("--publishable-key", prompt=True)
@click.option("--secret-key", prompt=True, hide_input=True)
@SITE_URL
@with_site
def connect(_app: Flask, mode: str, publishable_key: str, secret_key: str, site_url: str | None) -> None:
    """Check keys with Stripe and make the webhook endpoint."""
    from umstripe import webhooks
    from umstripe.database import db
    from umstripe.models import Activity, Connection
    from umstripe.stripe_api.keys import why_wrong

    site_url = endpoint_address(site_url)
    keys = {"publishable": publishable_key.strip(), "secret": secret_key.strip()}
    for field, key in keys.items():
        if problem := why_wrong(field, mode, key):
            raise UmstripeError(f"The {field} key: {problem}")
    connection = Connection.of(mode)
    connection.connect(site_url, webhooks.HANDLERS, **keys)
    Activity.add("stripe.connected", "Connected with Stripe", trigger="command", mode=mode)
    db.session.commit()
    click.echo(connection.endpoint_problem or f"Connected. Deliveries come to {connection.endpoint_url}.")


@click.command("rotate-secret")
@click.argument("mode", type=MODES)
@SITE_URL
@with_site
def rotate_secret(_app: Flask, mode: str, site_url: str | None) -> None:
    """Change the webhook's signing secret; no delivery is lost."""
    from umstripe import jobs, webhooks
    from umstripe.database import db
    from umstripe.models import Activity, Connection

    site_url = endpoint_address(site_url)
    Connection.of(mode).change_secret(site_url, webhooks.HANDLERS)
    Activity.add(
        "stripe.secret_changed", "The webhook’s signing secret was changed", trigger="command", mode=mode
    )
    db.session.commit()
    jobs.enqueue(mode, "catch_up")
    click.echo("The signing secret was changed. The earlier one is good for 24 hours more.")


@click.command("this-is")
@click.argument("identity", type=click.Choice(["site", "copy"]))
@click.option("--force", is_flag=True, help="Make a copy of the site itself, where it lives.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_site
def this_is(_app: Flask, identity: str, force: bool, yes: bool) -> None:
    """Say what a copied site is: the site from now on, or a copy that forgets its Stripe account."""
    from umstripe.database import writing
    from umstripe.models import Connection, Settings, site_identity

    if identity == "copy" and not force and Settings.get().home and not site_identity.mismatches():
        raise UmstripeError(
            "The site lives here. As a copy it would forget its Stripe keys and sell nothing any more. "
            "Use --force if you mean it."
        )
    if identity == "copy" and not yes:
        click.confirm("Forget the Stripe keys that are stored here?", abort=True)
    with writing():
        site_identity.confirm() if identity == "site" else Connection.forget_all()
    click.echo(
        "This is the site now." if identity == "site" else "This is a copy: its Stripe keys are forgotten."
    )


WAIT = click.option("--wait", default=600, show_default=True, help="Seconds to wait for the worker.")


@click.command("import-prices")
@click.argument("mode", type=MODES)
@WAIT
@with_site
def import_prices(_app: Flask, mode: str, wait: int) -> None:
    """Bring the prices of the Stripe account; a running worker does it."""
    _run_job(mode, "import", wait)


@click.command("catch-up")
@click.argument("mode", type=MODES)
@WAIT
@with_site
def catch_up(_app: Flask, mode: str, wait: int) -> None:
    """Read the events that no delivery brought; a running worker does it."""
    _run_job(mode, "catch_up", wait)


@click.command("audit")
@click.argument("mode", type=MODES)
@click.option("--repair", is_flag=True, help="Make Stripe's state ours wherever they differ.")
@WAIT
@with_site
def audit(_app: Flask, mode: str, repair: bool, wait: int) -> None:
    """Compare every subscription and customer with Stripe; a running worker does it."""
    from umstripe.models import Difference

    _run_job(mode, "audit", wait)
    for difference in Difference.listed(mode):
        states = f"{difference.here} here, {difference.there} at Stripe"
        click.echo(f"{difference.stripe_object_id}: {states}. {difference.effect}")
    if repair and Difference.listed(mode):
        _run_job(mode, "repair", wait)
    if Difference.listed(mode):
        sys.exit(1)


def _run_job(mode: str, kind: str, wait: int) -> None:
    """Have the worker do a job, wait up to `wait` seconds, and print the result. Raise UmstripeError if it fails."""
    from umstripe import jobs

    jobs.enqueue(mode, kind)
    job = jobs.wait_for(mode, kind, wait)
    if job.state == "failed":
        raise UmstripeError(job.error)
    if job.state != "done":
        raise UmstripeError("The work has not ended. Is `umstripe worker` running?")
    click.echo(job.text)
