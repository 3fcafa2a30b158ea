"""What both modes share: where the site lives, the worker, the mail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from flask import current_app

from umstripe.database import now
from umstripe.formatting import moment_words
from umstripe.health.accounts import account_checks
from umstripe.health.address import address_checks
from umstripe.health.check import GOOD, TROUBLE, WARNING, Check
from umstripe.models import Mail, Settings, WorkerHeartbeat, site_address, site_identity
from umstripe.models.heartbeat import ALIVE_WITHIN
from umstripe.security import file_permissions


def site_checks() -> list[Check]:
    """Return the checks that both modes share."""
    return [
        *_place(),
        *_address(),
        *account_checks(),
        *_files(),
        _worker(WorkerHeartbeat.last_seen()),
        *_mail(),
    ]


def _place() -> Iterator[Check]:
    if different := site_identity.mismatches():
        says = f"This looks like a copy of a site that lives somewhere else: {', '.join(different)}."
        do = "Nothing is changed at Stripe until you say what it is: above on every page, or with “umstripe this-is”."
        yield Check("Copy of a site", TROUBLE, says, do)


def _address() -> Iterator[Check]:
    seen, proxies = Settings.get().seen_address, current_app.config["TRUSTED_PROXIES"]
    return address_checks(seen, site_address.site_url(), proxies, bool(site_address.known_url()))


def _files() -> Iterator[Check]:
    """Who else has a user on this machine must not read keys, mails and members."""
    name = "Files"
    open_to_others = file_permissions.close_all(current_app.config)
    if open_to_others:
        names = ", ".join(str(path) for path in open_to_others)
        do = "Take “group” and “others” every right to them, as their owner (chmod go-rwx)."
        yield Check(name, TROUBLE, f"Other users of this machine can read {names}.", do)
    elif closed := current_app.extensions["closed_files"]:
        names = ", ".join(str(path) for path in closed)
        do = "If you do not trust these users, change the keys. This is said until the site starts again."
        yield Check(
            name, WARNING, f"Other users of this machine could read {names}. They are closed now.", do
        )
    else:
        yield Check(name, GOOD, "Only the site’s own user can read keys, emails and the database.")


def _worker(seen: datetime | None) -> Check:
    if seen is not None and now() - seen < ALIVE_WITHIN:
        return Check("Background worker", GOOD, "Running.")
    says = f"Last seen {moment_words(seen)}." if seen else "It has never run."
    return Check(
        "Background worker", TROUBLE, says, "Start it with “umstripe worker” (“umstripe serve” runs it too)."
    )


def _mail() -> Iterator[Check]:
    if current_app.config["MAIL_BACKEND"] == "file":
        folder = current_app.config["MAIL_FILE_PATH"]
        yield Check(
            "Mail",
            WARNING,
            f"No mail server is set: mails are written to {folder}.",
            "Set UMSTRIPE_MAIL_URL.",
        )
    if failed := Mail.count_failed():
        says = f"{failed} {'e-mail' if failed == 1 else 'e-mails'} could not be sent."
        yield Check("Failed e-mails", TROUBLE, says, "See E-mails: each says why, and can be sent again.")
    if refused := Mail.count_refused():
        says = f"{refused} {'email was' if refused == 1 else 'emails were'} not accepted. They will be tried again."
        yield Check(
            "Refused emails", WARNING, says, "Open E-mails for the reasons, and check UMSTRIPE_MAIL_URL."
        )
