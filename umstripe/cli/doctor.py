"""`umstripe doctor`."""

from __future__ import annotations

import sys
from typing import Any

import click

from umstripe.cli.site import with_site


@click.command()
@with_site
def doctor(_app: Any) -> None:
    """Say whether everything is in order, as the health page does; exits with 1 when something is wrong."""
    from umstripe import health, webhooks
    from umstripe.models import Connection, site_address

    for mode in ("test", "live"):
        if Connection.of(mode).is_connected and not Connection.of(mode).is_unreadable:
            Connection.of(mode).look(site_address.known_url(), webhooks.HANDLERS)
    wrong = 0
    for heading, some in health.all_checks():
        click.echo(heading)
        for one in some:
            wrong += one.state == health.TROUBLE
            todo = one.do if one.state != health.GOOD else ""
            click.echo(f"  {MARKS[one.state]} {one.name}: {one.says} {todo}".rstrip())
    sys.exit(1 if wrong else 0)


MARKS = {"good": "ok     ", "warning": "look   ", "trouble": "WRONG  "}
