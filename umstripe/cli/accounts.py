"""Commands about accounts."""

from __future__ import annotations

import click
from flask import Flask

from umstripe.cli.site import with_site
from umstripe.errors import UmstripeError


@click.command("create-admin")
@click.option("--username", prompt=True)
@click.option("--email", prompt=True)
@click.password_option()
@with_site
def create_admin(app: Flask, username: str, email: str, password: str) -> None:
    """Make an administrator without a browser."""
    from umstripe.accounts.setup import create_administrator
    from umstripe.database import writing
    from umstripe.forms.user import AdministratorForm, first_error

    data = {"username": username, "email": email, "password": password, "password_again": password}
    with app.test_request_context(method="POST", data=data):
        form = AdministratorForm(meta={"csrf": False})
        if not form.validate():
            raise UmstripeError(first_error(form))
    with writing():
        create_administrator(username, email, password, "command")
    click.echo(f"{username} is an administrator.")
