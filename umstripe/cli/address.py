"""The command about the site's address. As in all commands, slow imports are done when it runs."""

from __future__ import annotations

import click
from flask import Flask

from umstripe.cli.site import with_site
from umstripe.errors import UmstripeError
from umstripe.origins import normal_origin


@click.command("site-url")
@click.argument("address", required=False)
@with_site
def site_url(_app: Flask, address: str | None) -> None:
    """Print the site's address, or change it. UMSTRIPE_SITE_URL comes first."""
    from umstripe.models import site_address

    if address and site_address.configured_url():
        raise UmstripeError("The address is set with UMSTRIPE_SITE_URL. Change it there.")
    if address:
        confirm(address)
    click.echo(site_address.site_url())


def confirm(address: str) -> None:
    """Store an address as the site's. Raise UmstripeError if it is none."""
    from umstripe.database import writing
    from umstripe.models import Activity, site_address

    origin = checked(address)
    with writing():
        site_address.confirm(origin)
        Activity.add("security.settings_changed", f"The site’s address is {origin}", trigger="command")


def checked(address: str) -> str:
    """Return an address in its normal form. Raise UmstripeError if it is none."""
    try:
        return normal_origin(address)
    except ValueError:
        raise UmstripeError(
            "The address must look like https://members.example.org, without a path."
        ) from None


def endpoint_address(option: str | None) -> str:
    """Return the address that Stripe delivers to: that of the option, else the site's.

    An address of the option becomes the site's if none is known. Raise UmstripeError if there is none.
    """
    from umstripe.models import site_address

    known = site_address.known_url()
    if option and not known:
        confirm(option)
    if not (option or known):
        raise UmstripeError(
            "Set the site’s address with --site-url, UMSTRIPE_SITE_URL or “umstripe site-url”."
        )
    return checked(option) if option else known
