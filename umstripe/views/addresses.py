"""Where a link may lead back to."""

from __future__ import annotations

from flask_security.utils import validate_redirect_url

LONGEST = 2000


def on_this_site(url: str | None) -> str:
    """An address that somebody put into a link, if it is on this site; "" otherwise.

    Browsers read tabs, line ends and backslashes away or as slashes, so none may be in it.
    """
    text = url or ""
    odd = any(char <= " " or char == "\\" or char == "\x7f" for char in text)
    if odd or len(text) > LONGEST or not validate_redirect_url(text):
        return ""
    return text
