"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass

GOOD, WARNING, TROUBLE = "good", "warning", "trouble"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: its `state` (good, warning, trouble), what there is to say, what to do.

    `action` is the button that helps: mend, look, process, catch_up, audit, or "". `link` leads to Stripe's dashboard.
    """

    name: str
    state: str
    says: str
    do: str = ""
    action: str = ""
    link: str = ""
