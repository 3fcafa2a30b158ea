"""The texts that an administrator may write anew: of pages and of mails. Markdown in, clean HTML out.

A text has a title (a page's heading, a mail's subject) and a body. What stands in braces is filled in; every text
says which words it knows. Only `link` is taken as it is, when it is an address; a member's own words in the other gaps are never Markdown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

from umstripe.emails.defaults import DEFAULTS
from umstripe.models.text_override import TextOverride

GAP = re.compile(r"{(\w+)}")
MEANS_SOMETHING = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>&~])")
ADDRESS = re.compile(r"https?://\S+")
_markdown = MarkdownIt("commonmark", {"html": False})


@dataclass(frozen=True)
class Text:
    """A text that is filled in: `title` and `text` are plain, `html` is clean."""

    title: str
    text: str
    html: Markup


def page(name: str, /, **given: Any) -> tuple[str, Markup]:
    """A page's heading and body, as the administrator or the site wrote them. `name` is like `page.success`."""
    filled = fill(*written(name), given)
    return filled.title, filled.html


def written(name: str) -> tuple[str, str]:
    """Title and body (Markdown) that are in force. Raises KeyError for a name that no text has."""
    default, own = DEFAULTS[name], TextOverride.of(name)
    return (own.title, own.body) if own else (default.title, default.body)


def fill(title: str, body: str, given: dict[str, Any]) -> Text:
    """Fill in what stands in braces; words that are not given stay as they are."""
    html = nh3.clean(_markdown.render(_filled(body, given, _literally)), link_rel="noopener nofollow")
    return Text(" ".join(_filled(title, given, _plainly).split()), _plain_body(body, given), Markup(html))


def _plain_body(body: str, given: dict[str, Any]) -> str:
    """Where nothing was filled in, no gap is left."""
    return re.sub(r"\n{3,}", "\n\n", _filled(body, given, _plainly))


def unknown_words(name: str, *texts: str) -> list[str]:
    """The words in braces that a text does not know."""
    known = set(DEFAULTS[name].gaps)
    return sorted({word for text in texts for word in GAP.findall(text)} - known)


def _filled(text: str, given: dict[str, Any], how: Any) -> str:
    return GAP.sub(lambda gap: how(gap[1], str(given[gap[1]])) if gap[1] in given else gap[0], text)


def _literally(gap: str, value: str) -> str:
    """A value that Markdown leaves as it is. What stands for `link` is an address of ours or Stripe's, and stays one."""
    if gap == "link" and ADDRESS.fullmatch(value):
        return value
    return MEANS_SOMETHING.sub(r"\\\1", value)


def _plainly(_gap: str, value: str) -> str:
    return value
