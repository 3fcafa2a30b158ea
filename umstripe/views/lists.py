"""The parameters of lists. No value of theirs is an error."""

from __future__ import annotations

from flask import request

MAX_PAGE = 100_000
MAX_LENGTH = 200


def page_number() -> int:
    """Return the requested page, from 1 on."""
    text = request.args.get("page", "1")
    return min(int(text), MAX_PAGE) or 1 if text.isdecimal() and len(text) < 10 else 1


def text_argument(name: str) -> str:
    """Return a parameter without the null character, which Postgres does not take."""
    return request.args.get(name, "").replace("\x00", "").strip()[:MAX_LENGTH]
