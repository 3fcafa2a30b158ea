"""The command `simulator` is that of the distribution stripe_simulator, which no site needs."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import click

from umstripe.errors import UmstripeError

MISSING = (
    "The simulator is not installed. Install it from a checkout of umstripe: pip install ./stripe_simulator"
)


def must_be_installed() -> None:
    """Raise UmstripeError where stripe_simulator cannot be imported."""
    if find_spec("stripe_simulator") is None:
        raise UmstripeError(MISSING)


def command() -> click.Command:
    """Return the simulator's command, or one that says what to install."""
    if find_spec("stripe_simulator") is None:
        return _missing
    from stripe_simulator.cli import simulator

    return simulator


@click.command("simulator", help=MISSING, context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def _missing(**_options: Any) -> None:
    must_be_installed()
