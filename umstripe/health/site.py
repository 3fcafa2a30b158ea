"""The checks that both modes share: the address, the accounts, the files, the worker, the mail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from flask import current_app

from umstripe.database import now
from umstripe.formatting import moment_words
from umstripe.health.accounts import account_checks
from umstripe.health.address import address_checks
from umstripe.health.check import ERROR, GOOD, WARNING, Check
from umstripe.models import Mail, Settings, WorkerHeartbeat, site_address, site_identity
from umstripe.models.heartbeat import ALIVE_WITHIN
from umstripe.security import file_permissions


def site_checks() -> list[Check]:
    """Return the checks that both modes share."""
    return [
        *_identity(),
        *_address(),
        *account_checks(),
        *_files(),
        _worker(WorkerHeartbeat.last_seen()),
        *_mail(),
    ]


def _identity() -> Iterator[Check]:
    if mismatches := site_identity.mismatches():
        message = f"This looks like a copy of a site that lives somewhere else: {', '.join(mismatches)}."
        advice = "Nothing is changed at Stripe until you say what it is: above on every page, or with “umstripe this-is”."
        yield Check("Copy of a site", ERROR, message, advice)


def _address() -> Iterator[Check]:
    seen, proxies = Settings.get().seen_address, current_app.config["TRUSTED_PROXIES"]
    return address_checks(seen, site_address.site_url(), proxies, bool(site_address.known_url()))


def _files() -> Iterator[Check]:
    """Check that other users of this machine cannot read keys, mails and members."""
    name = "Files"
    _, open_to_others = file_permissions.close_all(current_app.config)
    if open_to_others:
        names = ", ".join(str(path) for path in open_to_others)
        advice = "Take “group” and “others” every right to them, as their owner (chmod go-rwx)."
        yield Check(name, ERROR, f"Other users of this machine can read {names}.", advice)
    elif closed := current_app.extensions["closed_files"]:
        names = ", ".join(str(path) for path in closed)
        advice = "If you do not trust these users, change the keys. This is said until the site starts again."
        yield Check(
            name, WARNING, f"Other users of this machine could read {names}. They are closed now.", advice
        )
    else:
        yield Check(name, GOOD, "Only the site’s own user can read keys, emails and the database.")


def _worker(last_seen: datetime | None) -> Check:
    if last_seen is not None and now() - last_seen < ALIVE_WITHIN:
        return Check("Background worker", GOOD, "Running.")
    message = f"Last seen {moment_words(last_seen)}." if last_seen else "It has never run."
    return Check(
        "Background worker", ERROR, message, "Start it with “umstripe worker” (“umstripe serve” runs it too)."
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
        message = f"{failed} {'e-mail' if failed == 1 else 'e-mails'} could not be sent."
        yield Check("Failed e-mails", ERROR, message, "See E-mails: each says why, and can be sent again.")
    if refused := Mail.count_refused():
        message = f"{refused} {'email was' if refused == 1 else 'emails were'} not accepted. They will be tried again."
        yield Check(
            "Refused emails", WARNING, message, "Open E-mails for the reasons, and check UMSTRIPE_MAIL_URL."
        )
