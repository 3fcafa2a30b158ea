"""How good a password must be, said in plain words: for every form that sets one with Flask-Security."""

from __future__ import annotations

from typing import Any

from flask_security import PasswordUtil
from flask_security.utils import password_complexity_validator

SHORTEST, LONGEST = 10, 128
LOOKED_AT = 72
"""zxcvbn refuses to look at more; what is longer is strong enough by its beginning, or not at all."""
WHAT_TO_DO = "Use a few words that do not belong together, or let your browser suggest one."


class PlainPasswords(PasswordUtil):
    """Flask-Security's rules, with sentences that say what to do."""

    def validate(self, password: str, is_register: bool, **kwargs: Any) -> tuple[list[str] | None, str]:
        """What is wrong with a password (None for nothing), and the password as it is kept."""
        normal = self.normalize(password)
        if not SHORTEST <= len(normal) <= LONGEST:
            return [f"Use {SHORTEST} to {LONGEST} characters."], normal
        simple = password_complexity_validator(normal[:LOOKED_AT], is_register, **kwargs)
        return ([_sentence(simple[0])] if simple else None), normal


def _sentence(warning: str) -> str:
    """zxcvbn says what it found, if it knows a word for it; Flask-Security's own message says nothing."""
    found = f": {warning[0].lower()}{warning[1:]}" if warning.startswith("This is") else ""
    return f"This password is easy to guess{found.removesuffix('.')}. {WHAT_TO_DO}"
