"""The one rule for passwords of accounts, and its sentences: for every form and command that sets one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_security import PasswordUtil
from zxcvbn import zxcvbn

from umstripe.models import Settings
from umstripe.normalization import password_form, text_key

MIN_LENGTH, MAX_LENGTH = 10, 128
ZXCVBN_MAX_LENGTH = 72
"""Characters that zxcvbn accepts. A longer password is rated by its beginning."""
MIN_SCORE = 3
"""Of zxcvbn's 0 to 4: safely unguessable, with moderate protection against offline guessing."""
MIN_NAME_LENGTH = 4
"""A shorter username can stand in a good password by chance; zxcvbn still counts it as known."""
WHAT_TO_DO = "Use a few words that do not belong together, or let your browser suggest one."
HINT = f"At least {MIN_LENGTH} characters."
CONTAINS_A_NAME = "Leave your username, your email address and the name of this site out of the password: they are tried first."


def problem(password: str, username: str = "", email: str = "", site_name: str = "") -> str:
    """Return what is wrong with a password for this account in one sentence, or "" for a good one.

    Without a `site_name`, it is the one in the settings.
    """
    normal = password_form(password)
    if not MIN_LENGTH <= len(normal) <= MAX_LENGTH:
        return f"Use {MIN_LENGTH} to {MAX_LENGTH} characters."
    names = [username, email, email.partition("@")[0], site_name or Settings.get().site_name]
    if _contains_a_name(normal, names):
        return CONTAINS_A_NAME
    result = zxcvbn(normal[:ZXCVBN_MAX_LENGTH], user_inputs=[text_key(name) for name in names])
    return "" if result["score"] >= MIN_SCORE else _sentence(result["feedback"]["warning"] or "")


class PasswordRule(PasswordUtil):
    """The same rule in Flask-Security's forms. It normalizes nothing: the hash scheme does (password_schemes)."""

    def validate(self, password: str, is_register: bool, **kwargs: Any) -> tuple[list[str] | None, str]:
        """Return what is wrong with a password (None for a good one), and the password unchanged."""
        user = kwargs.get("user")
        sentence = problem(password, user.username, user.email) if user else problem(password)
        return ([sentence] if sentence else None), password


def _contains_a_name(password: str, names: Iterable[str]) -> bool:
    """Return whether a name is part of the password, in any case, with or without spaces."""
    typed, closed = text_key(password), text_key(password).replace(" ", "")
    keys = (text_key(name) for name in names)
    return any(
        key in typed or key.replace(" ", "") in closed
        for key in keys
        if len(key.replace(" ", "")) >= MIN_NAME_LENGTH
    )


def _sentence(warning: str) -> str:
    """Return the sentence for a weak password, with zxcvbn's reason where it has one."""
    reason = f": {warning[0].lower()}{warning[1:]}" if warning.startswith("This is") else ""
    return f"This password is easy to guess{reason.removesuffix('.')}. {WHAT_TO_DO}"
