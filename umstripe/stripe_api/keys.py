"""Stripe's keys as text: their form, and how one is shown."""

from __future__ import annotations

import re

SHAPE = re.compile(r"(pk|sk|rk)_(test|live)_[A-Za-z0-9_]{8,240}")
KIND_WORDS = {"pk": "publishable key", "sk": "secret key", "rk": "restricted key"}
MODE_WORDS = {"test": "sandbox", "live": "live mode"}
FIELD_KINDS = {"publishable": ("pk",), "secret": ("sk", "rk")}


def why_wrong(field: str, mode: str, key: str) -> str:
    """Return why a text is not this field's key, in a sentence; empty when it looks right.

    `field` is `publishable` or `secret`, `mode` is `test` or `live`.
    """
    kind, key_mode = key[:2], key[3:7]
    expected = " or ".join(f"{kind}_{mode}_" for kind in FIELD_KINDS[field])
    if kind not in KIND_WORDS or key_mode not in MODE_WORDS or key[2:3] != "_":
        return f"This is not a Stripe key for this field. It must start with {expected}."
    if kind not in FIELD_KINDS[field]:
        return f"This is a {KIND_WORDS[kind]}; it belongs in the other field. The key here must start with {expected}."
    if key_mode != mode:
        return (
            f"This key is for {MODE_WORDS[key_mode]}, but these settings are for {MODE_WORDS[mode]}. "
            f"The key must start with {expected}."
        )
    if not SHAPE.fullmatch(key):
        return "This key is incomplete or has other characters in it. Copy it from Stripe again, as a whole."
    return ""


def masked(key: str | None) -> str:
    """Return a key as it may be shown: the first 6 and the last 4 characters."""
    return f"{key[:6]}{'•' * 25}{key[-4:]}" if key else ""
