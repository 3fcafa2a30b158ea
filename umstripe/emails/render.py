"""The texts of pages and emails that an administrator may replace. Markdown in, clean HTML out.

A text has a title (a page's heading, an email's subject) and a body. Words in braces are placeholders; every text says
which it knows. The value of `link` is taken as it is, when it is an address; every other value, which may be a
member's own words, is never Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

from umstripe.emails.defaults import DEFAULTS
from umstripe.models.text_override import TextOverride

PLACEHOLDER = re.compile(r"{(\w+)}")
MARKDOWN_SYNTAX = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>&~])")
ADDRESS = re.compile(r"https?://\S+")
_markdown = MarkdownIt("commonmark", {"html": False})


@dataclass(frozen=True)
class Text:
    """A text whose placeholders are filled in: `title` and `text` are plain, `html` is clean."""

    title: str
    text: str
    html: Markup


def page(name: str, /, **values: object) -> tuple[str, Markup]:
    """Return a page's heading and body, as the administrator or the site wrote them. `name` is like `page.success`."""
    text = fill(*current_text(name), values)
    return text.title, text.html


def current_text(name: str) -> tuple[str, str]:
    """Return the title and body (Markdown) that are in force. Raise KeyError for a name that no text has."""
    default, override = DEFAULTS[name], TextOverride.of(name)
    return (override.title, override.body) if override else (default.title, default.body)


def fill(title: str, body: str, values: Mapping[str, object]) -> Text:
    """Fill in placeholders; those without a value stay as they are."""
    html = nh3.clean(_markdown.render(_replaced(body, values, _escape)), link_rel="noopener nofollow")
    return Text(" ".join(_replaced(title, values).split()), _plain_body(body, values), Markup(html))


def _plain_body(body: str, values: Mapping[str, object]) -> str:
    """Return the body as plain text, without the empty lines that an empty value leaves."""
    return re.sub(r"\n{3,}", "\n\n", _replaced(body, values))


def unknown_placeholders(name: str, *texts: str) -> list[str]:
    """Return the placeholders in `texts` that the text `name` does not know."""
    known = set(DEFAULTS[name].placeholders)
    return sorted({word for text in texts for word in PLACEHOLDER.findall(text)} - known)


def _replaced(
    text: str, values: Mapping[str, object], escape: Callable[[str, str], str] = lambda _, value: value
) -> str:
    return PLACEHOLDER.sub(
        lambda match: escape(match[1], str(values[match[1]])) if match[1] in values else match[0], text
    )


def _escape(placeholder: str, value: str) -> str:
    """Return a value that Markdown leaves as it is. A `link` is an address of ours or Stripe's, and stays one."""
    if placeholder == "link" and ADDRESS.fullmatch(value):
        return value
    return MARKDOWN_SYNTAX.sub(r"\\\1", value)
