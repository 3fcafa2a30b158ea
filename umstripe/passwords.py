"""The one rule for passwords of accounts, and its sentences: for every form and command that sets one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_security import PasswordUtil
from zxcvbn import zxcvbn

from umstripe.models import Settings
from umstripe.normalization import password_form, text_key

SHORTEST, LONGEST = 10, 128
LOOKED_AT = 72
"""zxcvbn refuses to look at more; what is longer is strong enough by its beginning, or not at all."""
LEAST_SCORE = 3
"""Of zxcvbn's 0 to 4: safely unguessable, with moderate protection against offline guessing."""
SHORTEST_NAME = 4
"""A shorter username can stand in a good password by chance; zxcvbn still counts it as known."""
WHAT_TO_DO = "Use a few words that do not belong together, or let your browser suggest one."
HINT = f"At least {SHORTEST} characters."
TELLING_NAME = "Leave your username, your email address and the name of this site out of the password: they are tried first."


def problem(password: str, username: str = "", email: str = "", site_name: str = "") -> str:
    """Return what is wrong with a password for this account in one sentence, or "" for a good one.

    Without a `site_name`, it is the one in the settings.
    """
    normal = password_form(password)
    if not SHORTEST <= len(normal) <= LONGEST:
        return f"Use {SHORTEST} to {LONGEST} characters."
    names = [username, email, email.partition("@")[0], site_name or Settings.get().site_name]
    if _tells(normal, names):
        return TELLING_NAME
    result = zxcvbn(normal[:LOOKED_AT], user_inputs=[text_key(name) for name in names])
    return "" if result["score"] >= LEAST_SCORE else _sentence(result["feedback"]["warning"] or "")


class OneRule(PasswordUtil):
    """The rule for Flask-Security's forms. It normalises nothing: the hash scheme does, for everybody."""

    def validate(self, password: str, is_register: bool, **kwargs: Any) -> tuple[list[str] | None, str]:
        """What is wrong with a password (None for nothing), and the password."""
        user = kwargs.get("user")
        found = problem(password, user.username, user.email) if user else problem(password)
        return ([found] if found else None), password


def _tells(password: str, names: Iterable[str]) -> bool:
    """Whether one of the names is in the password, in any case, with or without spaces."""
    typed, closed = text_key(password), text_key(password).replace(" ", "")
    keys = (text_key(name) for name in names)
    return any(
        key in typed or key.replace(" ", "") in closed
        for key in keys
        if len(key.replace(" ", "")) >= SHORTEST_NAME
    )


def _sentence(warning: str) -> str:
    """zxcvbn says what it found, if it knows a word for it."""
    found = f": {warning[0].lower()}{warning[1:]}" if warning.startswith("This is") else ""
    return f"This password is easy to guess{found.removesuffix('.')}. {WHAT_TO_DO}"
