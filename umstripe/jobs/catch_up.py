"""Catch-up: the events that no delivery brought are read from Stripe's list and applied (rule 4).

Newest first, as Stripe lists them, for order does no harm (rule 3). The cursor up to which everything is read moves at
the end only, and each run reads some minutes before it again: Stripe's list may be late itself.
"""

from __future__ import annotations

import contextlib
import json
import time
from datetime import timedelta

import structlog
from dbos import DBOS
from sqlalchemy import update

from umstripe import webhooks
from umstripe.database import db, now, write
from umstripe.errors import UmstripeError
from umstripe.formatting import mode_words
from umstripe.jobs import enqueue, steps
from umstripe.models import Activity, Connection, Delivery, Job, Mail, site_address, site_identity
from umstripe.stripe_api.types import Event

MAIL_INTERVAL = timedelta(days=1)
OVERLAP_SECONDS = 600
LISTED_SECONDS = 30 * 24 * 3600
TYPES_PER_REQUEST = 20
TYPES = sorted(webhooks.HANDLERS)
GROUPS = [TYPES[start : start + TYPES_PER_REQUEST] for start in range(0, len(TYPES), TYPES_PER_REQUEST)]
"""https://docs.stripe.com/api/events/list takes 20 types at most."""


@DBOS.workflow(name="catch_up")
def catch_up(mode: str) -> None:
    """Read the events since the last time and apply what is new. How far it is stands in its Job.

    When Stripe's list does not go back far enough, or the key may not read it, an audit does the rest. The end is
    recorded last: until then the work cannot be put in the queue once more.
    """
    try:
        since, covered = catch_up_from(mode)
        seen, found, began = 0, 0, 0
        for number in range(len(GROUPS)):
            after: str | None = None
            while True:
                after, seen, found, as_of = catch_up_page(mode, number, since, after, seen, found)
                began = began or as_of
                if after is None:
                    break
        check_endpoint(mode)
        if not covered:
            audit_instead(mode)
        finish_catch_up(mode, began, seen, found)
    except steps.FAILURES as error:
        reason = steps.cause(error)
        status = getattr(reason, "status", 0)
        check_endpoint(mode)
        if status == 403:
            audit_instead(mode)
        fail_catch_up(mode, str(reason), status)


@DBOS.step(name="catch_up_from", **steps.RETRIES)
def catch_up_from(mode: str) -> tuple[int, bool]:
    """Process again what failed. Return from when to read (seconds), and whether Stripe's list goes back so far.

    Members of before who meet a new connection may have missed anything: everything is read, and compared.
    """
    with steps.site():
        read_until, today = Connection.of(mode).events_read_until or 0, int(time.time())
        db.session.rollback()
        webhooks.process_failed(mode)
        oldest = today - LISTED_SECONDS
        return max(read_until - OVERLAP_SECONDS, oldest), read_until >= oldest


@DBOS.step(name="catch_up_page", **steps.RETRIES)
def catch_up_page(
    mode: str, group: int, since: int, after: str | None, seen: int, found: int
) -> tuple[str | None, int, int, int]:
    """Apply a page of events. Return the id to go on after (None at the end), how many were read, how many new,
    and as of when the page is (seconds of Stripe's clock)."""
    with steps.site():
        page = Connection.of(mode).stripe().events(after, since, GROUPS[group])
        known = Delivery.done_among(mode, [event["id"] for event in page.items])
        new = [event for event in page.items if event["id"] not in known]
        found += sum(_apply(mode, event) for event in new)
        seen += len(page.items)
        with write() as tx:
            Job.tell(tx, mode, "catch_up", state="running", seen=seen, found=found)
        return page.after, seen, found, page.as_of


def _apply(mode: str, event: Event) -> bool:
    """Apply an event. Return whether it was new here. One that fails is kept as failed, with its error, and stops nobody else."""
    try:
        return webhooks.receive(mode, event, json.dumps(event), arrived=False) != "repeated"
    except Exception as error:
        structlog.get_logger().warning(
            "an event could not be applied", event_id=event["id"], error=str(error)
        )
        return True


@DBOS.step(name="finish_catch_up", **steps.RETRIES)
def finish_catch_up(mode: str, began: int, seen: int, found: int) -> None:
    with steps.site(), write() as tx:
        tx.execute(update(Connection).where(Connection.mode == mode).values(events_read_until=began))
        Job.tell(tx, mode, "catch_up", state="done", seen=seen, found=found, error="")
        if found:
            description, details = f"Events read from Stripe’s list: {found} were new", {"events": found}
            Activity.write(tx, "events.caught_up", description, trigger="work", mode=mode, details=details)


@DBOS.step(name="look_around", **steps.RETRIES)
def check_endpoint(mode: str) -> None:
    """Check the endpoint at Stripe, and mail the administrators once a day when deliveries get lost, or when the next
    ones will."""
    with steps.site():
        connection = Connection.of(mode)
        with contextlib.suppress(UmstripeError):
            connection.look(site_address.known_url(), webhooks.HANDLERS)
        missed, mailed_at = Delivery.missed(mode, MAIL_INTERVAL), connection.silence_told_at
        problems = connection.endpoint_check.get("problems") or []
        db.session.rollback()
        is_due = mailed_at is None or now() - mailed_at > MAIL_INTERVAL
        if (missed or problems) and is_due and not site_identity.mismatches():
            with write() as tx:
                tx.execute(update(Connection).where(Connection.mode == mode).values(silence_told_at=now()))
                about = f"{mode}:silence:{int(time.time())}"
                words = silence_words(mode, missed) if missed else endpoint_words(mode, problems)
                Mail.to_administrators(tx, "health", about, **words)


def endpoint_words(mode: str, problems: list[str]) -> dict[str, str]:
    """Return the fields of the mail about an endpoint with problems, before anything was lost."""
    text = f"{' '.join(problems)} ({mode_words(mode)}) One click puts it right."
    return {"what": "Stripe’s deliveries will not reach your site", "says": text}


def silence_words(mode: str, missed: int) -> dict[str, str]:
    """Return the fields of the mail about deliveries that got lost."""
    text = (
        f"{missed} events of Stripe’s ({mode_words(mode)}) of the last day were not delivered to this site. They were "
        "found in Stripe’s list and applied, so everybody has the right roles. But something stands between Stripe "
        "and the site."
    )
    return {"what": "Stripe’s deliveries do not reach your site", "says": text}


@DBOS.step(name="fail_catch_up", **steps.RETRIES)
def fail_catch_up(mode: str, error: str, status: int) -> None:
    reason = f"{error} {FORBIDDEN}" if status == 403 else error
    with steps.site(), write() as tx:
        Job.tell(tx, mode, "catch_up", state="failed", error=reason[:1000])


@DBOS.step(name="audit_instead", **steps.RETRIES)
def audit_instead(mode: str) -> None:
    """Compare everything with Stripe, and repair what differs."""
    with steps.site():
        enqueue(mode, "audit", True)


FORBIDDEN = "Give the key the right “Events: Read” in Stripe’s dashboard. Until then everything is compared with Stripe instead."
