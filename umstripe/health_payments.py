"""What health says of payments that wait for somebody. See health."""

from __future__ import annotations

import time
from collections.abc import Iterator

from umstripe.health import GOOD, WARNING, Check
from umstripe.models import approval_list
from umstripe.words import moment_words


def approvals(mode: str) -> Iterator[Check]:
    """Reserved amounts: a warning two days before the first one goes back."""
    number, first = approval_list.first_end(mode)
    if first is None:
        return
    waits = f"{number} {'payment waits' if number == 1 else 'payments wait'} for your approval"
    if first - time.time() > approval_list.WARN_SECONDS:
        yield Check("Approvals", GOOD, f"{waits}, the first until {moment_words(first)}.")
        return
    over = "has ended" if first <= time.time() else "ends"
    says = f"{waits}. The first reservation {over} {moment_words(first)}; then the amount goes back."
    yield Check("Approvals", WARNING, says, "Approve or refuse: umstripe > Approvals.")
