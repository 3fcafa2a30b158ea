"""What lists read from an address. Whatever somebody types there, it is a list and never an error."""

from __future__ import annotations

from flask import request

LAST_PAGE = 100_000
TEXT_AT_MOST = 200


def page_number() -> int:
    text = request.args.get("page", "1")
    return min(int(text), LAST_PAGE) or 1 if text.isdecimal() and len(text) < 10 else 1


def text_argument(name: str) -> str:
    """What was asked for, without the null character that Postgres does not take."""
    return request.args.get(name, "").replace("\x00", "").strip()[:TEXT_AT_MOST]
