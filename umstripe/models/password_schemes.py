"""How passwords are hashed: two passlib schemes, which Flask-Security uses for users' and plans' passwords alike.

`argon2_nfkd` is what every new hash is: Argon2 with a random salt in each hash, and no key of the site. It normalises what
it is given, so that no caller can forget to.

`argon2_hmac` only reads what earlier versions stored: Flask-Security's double hash, an HMAC with the secret key of that
time below the Argon2. That key is kept, encrypted, in the settings (`password_salt`), so that the secret key can change;
a database without it has the secret keys in force tried. Those versions stored some passwords as they were typed and some
in NFKD, so each form in which the same letters can be typed is tried. Flask-Security stores a password anew at the next
log-in, because the scheme is deprecated.
"""

from __future__ import annotations

import base64
import hmac
import unicodedata
from typing import NoReturn

import passlib.utils.handlers as passlib_handlers
from flask import current_app
from passlib.hash import argon2
from passlib.registry import register_crypt_handler
from sqlalchemy import select

from umstripe.database import UNREADABLE, db
from umstripe.keys.signing import secret_keys
from umstripe.models.settings import Settings
from umstripe.normalization import encodable, password_form

NEW, EARLIER = "argon2_nfkd", "argon2_hmac"
PREFIX, EARLIER_PREFIX = "$nfkd", "$argon2"
LONGEST_HASHED = 4096
"""passlib raises for more; no password that was set is as long, in any form."""
TYPED_FORMS = ("NFKD", "NFC", "NFD", "NFKC")


class NormalizedArgon2(passlib_handlers.PrefixWrapper):  # type: ignore[misc]
    """Argon2 over the password's normal form, with a prefix that tells these hashes from earlier ones."""

    def using(self, **settings: object) -> NormalizedArgon2:
        return NormalizedArgon2(self.name, self.wrapped.using(**settings), prefix=self.prefix)

    def hash(self, secret: str | bytes, **settings: object) -> str:
        return str(super().hash(_normalized(secret), **settings))

    def verify(self, secret: str | bytes, hash: str, **settings: object) -> bool:
        return bool(super().verify(_normalized(secret), hash, **settings))


class KeyedArgon2(passlib_handlers.MinimalHandler):  # type: ignore[misc]
    """Reads hashes of earlier versions."""

    name = EARLIER
    setting_kwds = ()
    context_kwds = ()

    @classmethod
    def identify(cls, hash: str | bytes) -> bool:
        return _text(hash).startswith(EARLIER_PREFIX)

    @classmethod
    def verify(cls, secret: str | bytes, hash: str | bytes, **_settings: object) -> bool:
        forms = _forms(_text(secret))
        return any(argon2.verify(_hmac(form, salt), hash) for salt in _salts() for form in forms)

    @classmethod
    def hash(cls, secret: str | bytes, **_settings: object) -> NoReturn:
        raise NotImplementedError("Passwords are not stored in this form any more")


def is_earlier(password_hash: str) -> bool:
    """Return whether an earlier version made this hash, so that it should be made anew."""
    return KeyedArgon2.identify(password_hash)


def salt_is_unreadable() -> bool:
    """Return whether the key that earlier hashes were made with was kept, and cannot be decrypted."""
    return db.session.scalar(select(Settings.password_salt)) is UNREADABLE


def _forms(typed: str) -> list[str]:
    """Return what the same letters may have been hashed as, the most likely first."""
    typed = encodable(typed)
    normalized = (unicodedata.normalize(form, typed) for form in TYPED_FORMS)  # type: ignore[arg-type]
    return list(dict.fromkeys([*normalized, typed]))


def _salts() -> list[str]:
    """Return the keys that earlier hashes may have been made with: the one that was kept, then those in force."""
    kept = (db.session.scalar(select(Settings.password_salt)) or "").splitlines()
    return list(dict.fromkeys([*kept, *secret_keys(current_app)]))


def _hmac(password: str, salt: str) -> bytes:
    """Return what Flask-Security's `get_hmac` returns when its SECURITY_PASSWORD_SALT is this one."""
    return base64.b64encode(hmac.digest(salt.encode(), password.encode(), "sha512"))


def _normalized(secret: str | bytes) -> str:
    return password_form(_text(secret))[:LONGEST_HASHED]


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


register_crypt_handler(NormalizedArgon2(NEW, argon2, prefix=PREFIX))
register_crypt_handler(KeyedArgon2)
