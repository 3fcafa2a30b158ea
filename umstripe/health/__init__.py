"""The checks of the health page, the dashboard and `umstripe doctor`.

Nothing here asks Stripe: `Connection.look` stores what Stripe says; the worker calls it with each catch-up, and an
administrator by a button. So the page works while Stripe does not.
"""

from __future__ import annotations

from umstripe.formatting import mode_words
from umstripe.health.check import ERROR, GOOD, WARNING, Check
from umstripe.health.site import site_checks
from umstripe.health.stripe import mode_checks
from umstripe.models import Connection

__all__ = [
    "ERROR",
    "GOOD",
    "WARNING",
    "Check",
    "all_checks",
    "mode_checks",
    "modes",
    "problems",
    "site_checks",
]


def modes() -> list[str]:
    """Return the modes that are connected or have keys."""
    connections = (Connection.of(mode) for mode in ("test", "live"))
    return [connection.mode for connection in connections if connection.is_connected or connection.has_keys]


def all_checks() -> list[tuple[str, list[Check]]]:
    """Return the headings and the checks below each."""
    return [("This site", site_checks()), *((mode_words(mode), mode_checks(mode)) for mode in modes())]


def problems() -> list[Check]:
    """Return the checks that are not good."""
    return [check for _, checks in all_checks() for check in checks if check.state != GOOD]
