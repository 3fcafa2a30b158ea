"""The result of a check."""

from __future__ import annotations

from dataclasses import dataclass

GOOD, WARNING, ERROR = "good", "warning", "error"


@dataclass(frozen=True)
class Check:
    """A result for people: its `state` (good, warning, error), a message, and the advice if it is not good.

    `action` is the button that helps: mend, refresh, process, catch_up, audit, or "". `link` leads to Stripe's dashboard.
    """

    name: str
    state: str
    message: str
    advice: str = ""
    action: str = ""
    link: str = ""
