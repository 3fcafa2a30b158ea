"""The command `umstripe`: everything an operator does without a browser."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from umstripe import __version__
from umstripe.errors import UmstripeError
from umstripe.processes import run_demo, run_serve, run_web
from umstripe.simulator.cli import simulator

MODES = click.Choice(["test", "live"])


class Commands(click.Group):
    """A sentence instead of a trace for everything that has a sentence."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().main(*args, **kwargs)
        except UmstripeError as error:
            click.echo(f"umstripe: {error}", err=True)
            sys.exit(1)


@click.group(cls=Commands)
@click.version_option(__version__)
def main() -> None:
    """Paid membership for a site, with Stripe."""


main.add_command(simulator)


def with_site(command: Callable[..., None]) -> Callable[..., None]:
    """Run a command inside the application."""

    @wraps(command)
    def inside(*args: Any, **kwargs: Any) -> None:
        from umstripe import create_app

        app = create_app()
        with app.app_context():
            command(app, *args, **kwargs)

    return inside


@main.command()
@with_site
def migrate(app: Any) -> None:
    """Bring the database to this version."""
    from flask_migrate import upgrade

    from umstripe.work import worker

    upgrade()
    worker.prepare(app)


@main.command()
def serve() -> None:
    """Migrate, then run site and worker in the foreground."""
    run_serve()


@main.command()
def web() -> None:
    """Run the site alone (gunicorn, 2 processes)."""
    run_web()


@main.command("worker")
@click.option(
    "--executor", default=f"{os.uname().nodename}", show_default=True, help="This worker's own name."
)
@with_site
def run_worker(app: Any, executor: str) -> None:
    """Run the background work."""
    from umstripe.work import worker

    worker.run(app, executor)


@main.command()
@click.option("--simulator-port", default=12111, show_default=True)
def run(simulator_port: int) -> None:
    """Run site, worker and simulator together, to try everything out."""
    run_demo(simulator_port)


@main.command("setup-link")
@click.option("--site-url", help="The site's address; else UMSTRIPE_SITE_URL or UMSTRIPE_BIND.")
@with_site
def setup_link(app: Any, site_url: str | None) -> None:
    """Print the link that makes the first administrator. An earlier link stops working."""
    from umstripe.database import writing
    from umstripe.models import User
    from umstripe.models.setup import new_token

    if User.there_is_an_administrator():
        click.echo("There is an administrator already. Log in, or use `umstripe create-admin`.")
        return
    with writing():
        token = new_token()
    site_url = site_url or app.config["SITE_URL"] or f"http://{app.config['BIND']}"
    click.echo(f"Open this link to set up the site: {site_url}/setup?token={token}")


@main.command("create-admin")
@click.option("--username", prompt=True)
@click.option("--email", prompt=True)
@click.password_option()
@with_site
def create_admin(app: Any, username: str, email: str, password: str) -> None:
    """Make an administrator without a browser."""
    from umstripe.database import writing
    from umstripe.forms.user import SetupForm, first_error
    from umstripe.models.setup import create_administrator

    data = {"username": username, "email": email, "password": password, "password_again": password}
    with app.test_request_context(method="POST", data=data):
        form = SetupForm(meta={"csrf": False})
        if not form.validate():
            raise UmstripeError(first_error(form))
    with writing():
        create_administrator(username, email, password, "command")
    click.echo(f"{username} is an administrator.")


@main.command()
@click.argument("mode", type=MODES)
@click.option("--publishable-key", prompt=True)
@click.option("--secret-key", prompt=True, hide_input=True)
@click.option("--site-url", help="The site's public address; else UMSTRIPE_SITE_URL.")
@with_site
def connect(app: Any, mode: str, publishable_key: str, secret_key: str, site_url: str | None) -> None:
    """Check keys with Stripe and make the webhook endpoint."""
    from umstripe import webhooks
    from umstripe.database import db
    from umstripe.models import Activity, Connection
    from umstripe.models.keys import why_wrong

    site_url = site_url or app.config["SITE_URL"]
    if not site_url:
        raise UmstripeError("Say the site's address with --site-url or UMSTRIPE_SITE_URL.")
    keys = {"publishable": publishable_key.strip(), "secret": secret_key.strip()}
    for field, key in keys.items():
        if wrong := why_wrong(field, mode, key):
            raise UmstripeError(f"The {field} key: {wrong}")
    connection = Connection.of(mode)
    connection.connect(site_url, webhooks.HANDLERS, **keys)
    Activity.add("stripe.connected", "Connected with Stripe", trigger="command", mode=mode)
    db.session.commit()
    click.echo(connection.endpoint_problem or f"Connected. Deliveries come to {connection.endpoint_url}.")


@main.command("rotate-secret")
@click.argument("mode", type=MODES)
@click.option("--site-url", help="The site's public address; else UMSTRIPE_SITE_URL.")
@with_site
def rotate_secret(app: Any, mode: str, site_url: str | None) -> None:
    """Change the webhook's signing secret; no delivery is lost."""
    from umstripe import webhooks, work
    from umstripe.database import db
    from umstripe.models import Activity, Connection

    site_url = site_url or app.config["SITE_URL"]
    if not site_url:
        raise UmstripeError("Say the site's address with --site-url or UMSTRIPE_SITE_URL.")
    Connection.of(mode).change_secret(site_url, webhooks.HANDLERS)
    Activity.add(
        "stripe.secret_changed", "The webhook’s signing secret was changed", trigger="command", mode=mode
    )
    db.session.commit()
    work.enqueue(mode, "catch_up")
    click.echo("The signing secret was changed. The earlier one is good for 24 hours more.")


@main.command("this-is")
@click.argument("what", type=click.Choice(["site", "copy"]))
@with_site
def this_is(_app: Any, what: str) -> None:
    """Say what a copied site is: the site from now on, or a copy that forgets its Stripe account."""
    from umstripe.database import writing
    from umstripe.models import Connection, home

    with writing():
        home.settle() if what == "site" else Connection.forget_all()
    click.echo(
        "This is the site now." if what == "site" else "This is a copy: its Stripe keys are forgotten."
    )


WAIT = click.option("--wait", default=600, show_default=True, help="Seconds to wait for the worker.")


@main.command("import-prices")
@click.argument("mode", type=MODES)
@WAIT
@with_site
def import_prices(_app: Any, mode: str, wait: int) -> None:
    """Bring the prices of the Stripe account; a running worker does it."""
    _done(mode, "import", wait)


@main.command("catch-up")
@click.argument("mode", type=MODES)
@WAIT
@with_site
def catch_up(_app: Any, mode: str, wait: int) -> None:
    """Read the events that no delivery brought; a running worker does it."""
    _done(mode, "catch_up", wait)


@main.command()
@with_site
def doctor(app: Any) -> None:
    """Say whether everything is in order, as the health page does; exits with 1 when something is wrong."""
    from umstripe import health, webhooks
    from umstripe.models import Connection

    for mode in ("test", "live"):
        if Connection.of(mode).is_connected and not Connection.of(mode).is_unreadable:
            Connection.of(mode).look(app.config["SITE_URL"], webhooks.HANDLERS)
    wrong = 0
    for heading, some in health.all_checks():
        click.echo(heading)
        for one in some:
            wrong += one.state == health.TROUBLE
            todo = one.do if one.state != health.GOOD else ""
            click.echo(f"  {MARKS[one.state]} {one.name}: {one.says} {todo}".rstrip())
    sys.exit(1 if wrong else 0)


MARKS = {"good": "ok     ", "warning": "look   ", "trouble": "WRONG  "}


@main.command("audit")
@click.argument("mode", type=MODES)
@click.option("--repair", is_flag=True, help="Make Stripe's state ours wherever they differ.")
@WAIT
@with_site
def audit(_app: Any, mode: str, repair: bool, wait: int) -> None:
    """Compare every subscription and customer with Stripe; a running worker does it."""
    from umstripe.models import Difference

    _done(mode, "audit", wait)
    for one in Difference.listed(mode):
        click.echo(f"{one.stripe_object_id}: {one.here} here, {one.there} at Stripe. {one.effect}")
    if repair and Difference.listed(mode):
        _done(mode, "repair", wait)
    if Difference.listed(mode):
        sys.exit(1)


def _done(mode: str, kind: str, wait: int) -> None:
    """Have the worker do it, and say what came of it."""
    from umstripe import work

    work.enqueue(mode, kind)
    job = work.wait_for(mode, kind, wait)
    if job.state == "failed":
        raise UmstripeError(job.error)
    if job.state != "done":
        raise UmstripeError("The work has not ended. Is `umstripe worker` running?")
    click.echo(job.text)
