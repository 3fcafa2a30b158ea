"""The command `umstripe`: everything an operator does without a browser."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import click

from umstripe import __version__
from umstripe.cli import accounts, address, doctor, keys, running, simulator, stripe
from umstripe.errors import UmstripeError
from umstripe.security import file_permissions


class Commands(click.Group):
    """Commands that end with a message instead of a traceback for every known error."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        file_permissions.keep_private()
        try:
            return super().main(*args, **kwargs)
        except UmstripeError as error:
            _end(str(error))
        except OSError as error:
            from umstripe.cli import failures

            if not (message := failures.message(error)):
                raise
            _end(message)


def _end(message: str) -> NoReturn:
    click.echo(f"umstripe: {message}", err=True)
    sys.exit(1)


@click.group(cls=Commands)
@click.version_option(__version__)
def main() -> None:
    """Paid membership for a site, with Stripe."""


for command in (
    simulator.command(),
    running.migrate,
    running.serve,
    running.web,
    running.run_worker,
    running.run,
    running.setup_link,
    accounts.create_admin,
    address.site_url,
    stripe.connect,
    stripe.rotate_secret,
    keys.rotate_key,
    stripe.this_is,
    stripe.import_prices,
    stripe.catch_up,
    stripe.audit,
    doctor.doctor,
):
    main.add_command(command)
