"""Whether everything is in order, and if not, what to do: for the health page, the dashboard and `umstripe doctor`.

Nothing here asks Stripe: what Stripe says is written down by `Connection.look`, which the worker does with each
catch-up, and an administrator by a button. So the page is there even when Stripe is not.
"""

from __future__ import annotations

from umstripe.formatting import mode_words
from umstripe.health.check import GOOD, TROUBLE, WARNING, Check
from umstripe.health.site import site_checks
from umstripe.health.stripe import checks
from umstripe.models import Connection

__all__ = ["GOOD", "TROUBLE", "WARNING", "Check", "all_checks", "checks", "modes", "site_checks", "trouble"]


def modes() -> list[str]:
    """The modes that there is something to say of: connected, or with keys that are not."""
    connections = (Connection.of(mode) for mode in ("test", "live"))
    return [one.mode for one in connections if one.is_connected or one.has_keys]


def all_checks() -> list[tuple[str, list[Check]]]:
    """Every check under its heading."""
    return [("This site", site_checks()), *((mode_words(mode), checks(mode)) for mode in modes())]


def trouble() -> list[Check]:
    """What an administrator should look at now."""
    return [one for _, some in all_checks() for one in some if one.state != GOOD]
