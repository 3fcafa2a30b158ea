"""The normal form of text that is compared: one function for each kind of text.

What people type arrives in several Unicode forms (composed or decomposed, full-width), in any case, and with characters
that nobody sees. SQL's lower() folds only ASCII on SQLite and what the locale says on Postgres, so keys are made here, in
Python, and stored in columns of their own (see models/normalized_columns). They follow Unicode's NFKC_Casefold.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import unicodedata
from functools import cache
from itertools import groupby
from typing import Any

from email_validator import EmailNotValidError, validate_email

KEY_LENGTH = 255
MARKS_AT_MOST = 100
IGNORED_CATEGORIES = ("Cc", "Cf", "Cs")
"""Control characters, format characters (zero-width space and joiners, direction marks), lone surrogates."""
IGNORED_LETTERS = frozenset(
    [0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10)]
)
"""Other characters that Unicode calls default ignorable: fillers and variation selectors."""


def text_key(text: str | None) -> str:
    """Return the form in which two texts are equal if people read them as equal."""
    folded = _folded(_folded(unicodedata.normalize("NFD", text or "")))
    seen = " ".join(without_invisible(folded).split())
    return unicodedata.normalize("NFKC", seen)


def name_key(text: str | None) -> str:
    """Return the key of a username or a role's name, short enough for a unique index."""
    return _shortened(text_key(text))


def email_key(text: str | None) -> str:
    """Return the key of an email address: the domain in its Unicode form, no difference of case or width."""
    address = without_invisible("".join((text or "").split()))
    with contextlib.suppress(EmailNotValidError):
        address = validate_email(address, check_deliverability=False).normalized
    return _shortened("".join(text_key(address).split()))


def search_key(*texts: str | None) -> str:
    """Return what a search looks in: the keys of these texts, one on each line."""
    return "\n".join(text_key(text) for text in texts)


def without_invisible(text: str) -> str:
    """Return the text without characters that have no shape and no width; white space stays."""
    return "".join(character for character in text if not _is_invisible(character))


def is_same_mailbox(address: str, other: str) -> bool:
    """Return whether two addresses differ in nothing that a mail server could tell apart, besides case."""
    return _composed(address) == _composed(other)


def password_form(password: str) -> str:
    """Return the form that is hashed: Flask-Security's default, NFKD. Lone surrogates have no bytes and are replaced."""
    return unicodedata.normalize("NFKD", encodable(password))


def storable(text: str) -> str:
    """Return the text without what no database takes: NUL and lone surrogates."""
    return encodable(text).replace("\x00", "")


def encodable(text: str) -> str:
    """Return the text with lone surrogates, which UTF-8 cannot hold, replaced."""
    return text.encode("utf-8", "replace").decode()


def has_too_many_marks(text: str) -> bool:
    """Return whether so many combining marks follow each other as no text has.

    unicodedata sorts them in quadratic time and stops every other thread meanwhile: 60,000 take a minute. See “Stream-Safe
    Text Format” in https://unicode.org/reports/tr15/, which allows 30.
    """
    if text.isascii():
        return False
    return any(sum(1 for _ in run) > MARKS_AT_MOST for is_mark, run in groupby(text, _is_mark) if is_mark)


@cache
def _is_mark(character: str) -> bool:
    """Return whether it is a combining mark, or becomes one in a normal form."""
    return unicodedata.combining(unicodedata.normalize("NFKD", character)[0]) > 0


def _composed(address: str) -> str:
    return unicodedata.normalize("NFC", address.strip()).lower()


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text.casefold())


def _is_invisible(character: str) -> bool:
    if character.isspace():
        return False
    code = ord(character)
    ignored = unicodedata.category(character) in IGNORED_CATEGORIES or code in IGNORED_LETTERS
    return ignored or 0xE0000 <= code <= 0xE0FFF


def _shortened(key: str) -> str:
    """A single character can become 18 in NFKC. What is too long for the column keeps its beginning and a digest."""
    if len(key) <= KEY_LENGTH:
        return key
    return f"{key[:180]} {hashlib.sha256(key.encode()).hexdigest()}"


def digest(value: Any, length: int = 64) -> str:
    """Return the first hex digits of the SHA-256 of a value's JSON, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:length]
