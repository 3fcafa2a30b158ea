"""`umstripe rotate-key`."""

from __future__ import annotations

import click
from flask import Flask

from umstripe.cli.site import with_site

KINDS = ("secret", "encryption")
RESTART = (
    "A new secret key is made; earlier ones are still read, so nobody is logged out and no link breaks. Restart the site "
    "and its workers now: they sign with the new key from then on."
)
ENCRYPTED = "A new encryption key is made, and {} stored values are encrypted with it. No restart is needed."
LATER = {
    "secret": "Later, drop the earlier ones with “umstripe rotate-key secret --drop-earlier”. Visitors who have not come back "
    "until then must log in again, and links in earlier emails (up to 30 days old) stop working. After a leak, do so at once.",
    "encryption": "Make a backup, then drop the earlier ones with “umstripe rotate-key encryption --drop-earlier”.",
}
IN_ENVIRONMENT = (
    "{variable} is set in the environment, so this command cannot change it. Put this new key in front of the present "
    "one, with a comma between, and restart the site and its workers:\n{key}\nThen run this command again."
)
DROP_IN_ENVIRONMENT = (
    "{variable} has several keys; all but the first one can be taken away now, if you wish. {more}"
)


@click.command("rotate-key")
@click.argument("kind", type=click.Choice([*KINDS, "all"]), default="all")
@click.option("--drop-earlier", is_flag=True, help="Forget all keys but the newest.")
@with_site
def rotate_key(_app: Flask, kind: str, drop_earlier: bool) -> None:
    """Replace the secret key, the encryption key or both, without logging anybody out."""
    for each_kind in KINDS if kind == "all" else (kind,):
        click.echo(_drop_earlier(each_kind) if drop_earlier else _rotate(each_kind))


def _rotate(kind: str) -> str:
    """Add a new key. Return the message for the operator."""
    from umstripe.security import key_rotation

    if key_rotation.is_in_environment(kind):
        return _environment_message(kind)
    count = key_rotation.add_key(kind)
    return f"{RESTART if kind == 'secret' else ENCRYPTED.format(count)} {LATER[kind]}"


def _drop_earlier(kind: str) -> str:
    """Drop all keys but the newest. Return the message for the operator."""
    from umstripe.security import key_rotation

    if key_rotation.is_in_environment(kind):
        return _environment_message(kind)
    dropped = key_rotation.drop_earlier_keys(kind)
    if not dropped:
        return f"There is only one {kind} key. Nothing was dropped."
    restart = " Restart the site and its workers now." if kind == "secret" else ""
    return f"Dropped {dropped} earlier {kind} {'key' if dropped == 1 else 'keys'}.{restart}"


def _environment_message(kind: str) -> str:
    """Return which variable the operator must change. With several keys, re-encrypt with the first one."""
    from umstripe.keys.files import NEW_KEY, VARIABLES
    from umstripe.security import key_rotation

    variable = VARIABLES[kind]
    if key_rotation.count_keys(kind) == 1:
        return IN_ENVIRONMENT.format(variable=variable, key=NEW_KEY[kind]())
    renewed = key_rotation.renew(kind)
    more = (
        f"{renewed} stored values were encrypted with the first one."
        if kind == "encryption"
        else LATER_SECRET
    )
    return DROP_IN_ENVIRONMENT.format(variable=variable, more=more)


LATER_SECRET = (
    "Visitors who have not come back until then must log in again, and links in earlier emails stop working."
)
