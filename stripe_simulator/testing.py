"""For tests of an application: a visitor who walks Checkout and the customer portal by their forms, without a browser."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import requests

CARD = {"number": "4242 4242 4242 4242", "expiry": "12 / 34", "cvc": "123", "name": "Jane Doe"}


class Form(HTMLParser):
    """The first form of a page, its fields as they are filled in, and the text of the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.action, self.text = "", ""
        self.fields: dict[str, str] = {}
        self.buttons: list[str | None] = []
        self.select = ""
        self.feed(text)

    def handle_starttag(self, tag: str, pairs: list[tuple[str, str | None]]) -> None:
        values = dict(pairs)
        if tag == "form" and not self.action:
            self.action = values.get("action") or ""
        if tag == "input" and (values.get("type") != "radio" or "checked" in values):
            self.fields[values["name"] or ""] = values.get("value") or ""
        if tag == "select":
            self.select = values["name"] or ""
        if tag == "option" and "selected" in values:
            self.fields[self.select] = values["value"] or ""
        if tag == "button" and "hidden" not in values:
            self.buttons.append(values.get("value"))

    def handle_data(self, data: str) -> None:
        self.text += data


class Walk:
    """A visitor. `left_for` is the address outside of the simulator that the last page led to."""

    def __init__(self, url: str) -> None:
        self.http = requests.Session()
        self.go(url)

    def go(self, url: str) -> None:
        self._take(self.http.get(url, timeout=10, allow_redirects=False))

    def _take(self, answer: requests.Response) -> None:
        base = answer.url.split("/c/")[0].split("/l/")[0].split("/p/")[0]
        while answer.is_redirect and urljoin(answer.url, answer.headers["Location"]).startswith(base):
            answer = self.http.get(
                urljoin(answer.url, answer.headers["Location"]), timeout=10, allow_redirects=False
            )
        self.url, self.status, self.headers = answer.url, answer.status_code, answer.headers
        self.left_for = answer.headers["Location"] if answer.is_redirect else None
        self.form = Form(answer.text)

    @property
    def text(self) -> str:
        return " ".join(self.form.text.split())

    def press(self, action: str = "pay", **typed: Any) -> Walk:
        fields = self.form.fields | typed | {"action": action}
        url = urljoin(self.url, self.form.action)
        self._take(self.http.post(url, data=fields, timeout=10, allow_redirects=False))
        return self
