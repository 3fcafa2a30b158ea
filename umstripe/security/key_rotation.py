"""Replace the site's own keys while it runs: nobody is logged out, no link breaks, nothing stored becomes unreadable.

A new key becomes the newest one and the earlier ones stay readable. They are dropped by a second step, when whatever they
signed has come back or does not matter any more. Each step can be done again after a crash.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.fernet import InvalidToken
from flask import current_app
from sqlalchemy import Column, String, Table, select, type_coerce, update

from umstripe.database import Encrypted, Model, Transaction, write, writing
from umstripe.errors import UmstripeError
from umstripe.keys.files import NEW_KEY, VARIABLES, EncryptionKeys, KeyFile
from umstripe.keys.signing import secret_keys
from umstripe.models import site_identity

UNREADABLE = (
    "{} stored values cannot be read with any of the encryption keys. The earlier keys are kept. Give back the key that they "
    "were stored with, or enter what they hold anew, then run this again."
)


@dataclass(frozen=True)
class Encryption:
    """How many stored values were re-encrypted, and how many no key could decrypt."""

    renewed: int
    unreadable: int


def is_in_environment(kind: str) -> bool:
    """Return whether a variable sets the keys of this kind (`secret`, `encryption`), so that the site cannot."""
    return current_app.config["KEY_FILES"][kind] is None


def count_keys(kind: str) -> int:
    return len(secret_keys(current_app)) if kind == "secret" else len(current_app.config["ENCRYPTION_KEYS"])


def add_key(kind: str) -> int:
    """Make a new key, which signs or encrypts from now on. Return how many stored values were re-encrypted.

    Raise UmstripeError when something stored cannot be read.
    """
    file = _file(kind)
    with file.lock():
        keys = [NEW_KEY[kind](), *file.read()]
        file.replace(keys)
        return _adopt(kind, keys)


def renew(kind: str) -> int:
    """Bring everything stored to the newest key. Return how many values were re-encrypted.

    Raise UmstripeError when something stored cannot be read.
    """
    return _adopt(kind, secret_keys(current_app))


def drop_earlier_keys(kind: str) -> int:
    """Delete all keys but the newest, once nothing stored needs them. Return how many were deleted.

    Raise UmstripeError when something stored cannot be read.
    """
    file = _file(kind)
    with file.lock():
        newest, *earlier = file.read()
        _adopt(kind, [newest, *earlier])
        file.replace([newest])
    return len(earlier)


def reencrypt() -> Encryption:
    """Encrypt everything stored with the newest key, in one transaction. Return the counts."""
    columns = [
        (table, column)
        for table in Model.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, Encrypted)
    ]
    with write() as tx:
        results = [_encrypt_column(tx, table, column) for table, column in columns]
    return Encryption(sum(result.renewed for result in results), sum(result.unreadable for result in results))


def _adopt(kind: str, keys: list[str]) -> int:
    if kind == "secret":
        with writing():
            site_identity.keep_digests(keys)
        return 0
    result = reencrypt()
    if result.unreadable:
        raise UmstripeError(UNREADABLE.format(result.unreadable))
    return result.renewed


def _file(kind: str) -> KeyFile:
    file: KeyFile | None = current_app.config["KEY_FILES"][kind]
    if file is None:
        raise UmstripeError(f"{VARIABLES[kind]} is set, so its keys are changed there.")
    return file


def _encrypt_column(tx: Transaction, table: Table, column: Column[str]) -> Encryption:
    fernet: EncryptionKeys = current_app.extensions["fernet"]
    stored = type_coerce(column, String)
    primary = list(table.primary_key.columns)
    renewed = unreadable = 0
    for *key, value in tx.execute(
        select(*primary, stored).where(column.is_not(None)).with_for_update()
    ).all():
        try:
            text = fernet.decrypt(value)
        except InvalidToken:
            unreadable += 1
            continue
        if not fernet.is_newest(value):
            row = [column == value for column, value in zip(primary, key, strict=True)]
            tx.execute(
                update(table).where(*row).values({column: type_coerce(fernet.encrypt(text).decode(), String)})
            )
            renewed += 1
    return Encryption(renewed, unreadable)
