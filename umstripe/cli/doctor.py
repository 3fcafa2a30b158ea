"""`umstripe doctor`."""

from __future__ import annotations

import sys

import click
from flask import Flask

from umstripe.cli.site import with_site


@click.command()
@with_site
def doctor(_app: Flask) -> None:
    """Say whether everything is in order, as the health page does; exits with 1 when something is wrong."""
    from umstripe import health, webhooks
    from umstripe.models import Connection, site_address

    for mode in ("test", "live"):
        if Connection.of(mode).is_connected and not Connection.of(mode).is_unreadable:
            Connection.of(mode).look(site_address.known_url(), webhooks.HANDLERS)
    has_errors = False
    for heading, checks in health.all_checks():
        click.echo(heading)
        for check in checks:
            has_errors |= check.state == health.ERROR
            advice = check.advice if check.state != health.GOOD else ""
            click.echo(f"  {MARKS[check.state]} {check.name}: {check.message} {advice}".rstrip())
    sys.exit(1 if has_errors else 0)


MARKS = {"good": "ok     ", "warning": "look   ", "error": "WRONG  "}
