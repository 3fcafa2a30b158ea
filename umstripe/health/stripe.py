"""The checks of a mode: its keys, its endpoint at Stripe, its deliveries, its jobs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from umstripe.database import WITHOUT_ITS_KEY, now
from umstripe.formatting import moment_words
from umstripe.health.check import ERROR, GOOD, WARNING, Check
from umstripe.health.disputes import disputes
from umstripe.listings import approvals
from umstripe.models import Connection, Delivery, Difference, Job, Refusal, site_address
from umstripe.stripe_api import endpoint

RECENT = timedelta(days=1)
MAX_CLOCK_OFFSET_SECONDS = 30
STALE_AFTER = timedelta(hours=1)
REFUSAL_ADVICE = {
    "no_secret": "Connect Stripe in the settings: without the signing secret no delivery can be checked.",
    "no_signature": "Somebody who is not Stripe opened the webhook’s address, or a proxy takes the header Stripe-Signature away.",
    "wrong_secret": "At Stripe the signing secret is another one, or a proxy changes the body. Press “Mend the endpoint”.",
    "too_old": "This server’s clock may be wrong, or a proxy keeps deliveries back. Set the clock by the network (NTP).",
    "other_mode": "At Stripe an endpoint of the other mode points to this address. Each mode has an address of its own.",
    "unreadable": "Something that is no event of Stripe’s came to the webhook’s address, or a proxy changes the body.",
}


def mode_checks(mode: str) -> list[Check]:
    """Return the checks of a mode."""
    connection = Connection.of(mode)
    if not connection.is_connected:
        advice = (
            "Press “Connect with Stripe” in the settings: until then nothing is caught up with or compared."
        )
        return [Check("Connection", ERROR, "There are keys, but they are not connected.", advice)]
    checks = [
        *_keys(connection),
        *_endpoint(connection),
        _last(mode),
        *_lost(mode),
        *_failed(mode),
        *_unsold(mode),
        *_unusable(mode),
        *_refused(mode),
    ]
    return [*checks, *disputes(mode), *_approvals(mode), _caught_up(mode), _audited(mode)]


def _keys(connection: Connection) -> Iterator[Check]:
    if connection.is_unreadable:
        message, advice = WITHOUT_ITS_KEY.split(". ", 1)
        yield Check("Stripe keys", ERROR, f"{message}.", f"{advice} Or enter the keys again, and connect.")


def _endpoint(connection: Connection) -> Iterator[Check]:
    name, report = "Webhook endpoint", connection.endpoint_check
    if connection.override_secret:
        yield Check(name, GOOD, "Deliveries come through the Stripe CLI, with the secret of the environment.")
        return
    if not connection.stripe_endpoint_id:
        yield Check(name, ERROR, connection.endpoint_problem or "There is none.", "Then mend it.", "mend")
        return
    moved = _moved(connection)
    if moved:
        yield Check(name, ERROR, moved, "One click puts it right.", "mend")
    if not report or report.get("error"):
        message = report.get("error") or "Stripe has not been asked about it yet."
        yield Check(name, ERROR if report.get("refused") else WARNING, message, "Ask again.", "refresh")
        return
    at = datetime.fromisoformat(report["at"])
    for problem in report["problems"]:
        if problem != moved:
            yield Check(name, ERROR, problem, "One click puts it right.", "mend")
    if not moved and not report["problems"]:
        state = GOOD if now() - at < STALE_AFTER else WARNING
        yield Check(name, state, f"As it should be at Stripe, looked at {moment_words(at)}.", "", "refresh")
    yield from _reported_by_stripe(report)


def _moved(connection: Connection) -> str:
    """Return the problem if the site's address was changed after the endpoint was made; "" otherwise."""
    site_url, endpoint_url = site_address.known_url(), connection.endpoint_url
    expected = endpoint.address(site_url, connection.mode)
    is_moved = site_url and endpoint_url and endpoint_url != expected
    return endpoint.elsewhere(endpoint_url, expected) if is_moved else ""


def _reported_by_stripe(report: dict[str, Any]) -> Iterator[Check]:
    if abs(report["clock"]) > MAX_CLOCK_OFFSET_SECONDS:
        message = f"This server’s clock is {abs(report['clock'])} seconds {'ahead of' if report['clock'] > 0 else 'behind'} Stripe’s."
        yield Check(
            "Clock",
            ERROR,
            message,
            "Set it by the network (NTP): Stripe’s signatures are good for 5 minutes.",
        )
    if report["undelivered"]:
        message = f"Stripe could not deliver {report['undelivered']} events of the last three days to every endpoint yet."
        yield Check("Not delivered", WARNING, message, "Catch up brings what this site lacks.", "catch_up")


def _last(mode: str) -> Check:
    last = Delivery.last(mode)
    message = f"{last.type}, {moment_words(last.received_at)}: {last.result}." if last else "None yet."
    return Check("Last delivery", GOOD, message)


def _lost(mode: str) -> Iterator[Check]:
    if missed := Delivery.missed(mode, RECENT):
        message = (
            f"{missed} events of the last day were found in Stripe’s list, but no delivery brought them."
        )
        advice = (
            "They are applied. Look at the endpoint above, and at what stands between Stripe and this site."
        )
        yield Check("Lost deliveries", ERROR, message, advice)


def _failed(mode: str) -> Iterator[Check]:
    if number := Delivery.count_failed(mode):
        message = f"{number} deliveries failed and wait for another try."
        yield Check(
            "Failed deliveries",
            ERROR,
            message,
            "They are tried again every ten minutes, and by this button.",
            "process",
        )


def _unsold(mode: str) -> Iterator[Check]:
    if number := Delivery.count_unsold(mode):
        paid = f"{number} {'payment' if number == 1 else 'payments'} of the last 30 days came through payment links"
        advice = (
            "Import your prices, or make a plan of the price. Then open each under Deliveries (result “Unsold”), and "
            "press “Process again”. If another site on your Stripe account sells it, leave it."
        )
        yield Check("Paid, but not sold here", ERROR, f"{paid} for a price that no plan here sells.", advice)


def _unusable(mode: str) -> Iterator[Check]:
    if number := Delivery.count_unusable(mode):
        noun = "delivery" if number == 1 else "deliveries"
        message = (
            f"{number} {noun} of the last 30 days could not be used: a field was missing or of another kind."
        )
        advice = (
            "Open each under Deliveries (result “Unusable”): it says which field. An audit takes over what Stripe "
            "says now. If they go on coming, umstripe may be older than what Stripe sends: update it."
        )
        yield Check("Unusable deliveries", ERROR, message, advice, "audit")


def _refused(mode: str) -> Iterator[Check]:
    for refusal in Refusal.of(mode):
        state = WARNING if now() - refusal.last_at < RECENT else GOOD
        message = f"{refusal.count} in all, the last {moment_words(refusal.last_at)}."
        yield Check(
            f"Refused: {REFUSAL_REASONS[refusal.reason]}", state, message, REFUSAL_ADVICE[refusal.reason]
        )


REFUSAL_REASONS = {
    "no_secret": "no signing secret here",
    "no_signature": "no signature",
    "wrong_secret": "wrong secret",
    "too_old": "too old",
    "other_mode": "other mode",
    "unreadable": "unreadable",
}


def _approvals(mode: str) -> Iterator[Check]:
    """Check the reserved amounts: a warning two days before the first reservation ends."""
    number, first = approvals.first_end(mode)
    if not number:
        return
    orders = f"{number} {'order waits' if number == 1 else 'orders wait'} for your approval"
    if first is None:
        yield Check("Approvals", GOOD, f"{orders}. Nothing is to be paid, so there is no time limit.")
        return
    if first - time.time() > approvals.WARN_SECONDS:
        yield Check("Approvals", GOOD, f"{orders}, the first until {moment_words(first)}.")
        return
    ends = "has ended" if first <= time.time() else "ends"
    message = f"{orders}. The first reservation {ends} {moment_words(first)}; then the amount goes back."
    yield Check("Approvals", WARNING, message, "Approve or refuse: umstripe > Approvals.")


def _caught_up(mode: str) -> Check:
    job = Job.of(mode, "catch_up")
    message = f"{job.text} {moment_words(job.at)}" if job.state else "Not yet."
    if job.at is not None and now() - job.at > STALE_AFTER:
        advice = "It should run every ten minutes: look at the worker, then begin it by this button."
        return Check("Catch-up", ERROR, message, advice, "catch_up")
    return Check("Catch-up", WARNING if job.state == "failed" else GOOD, message, action="catch_up")


def _audited(mode: str) -> Check:
    job, count = Job.of(mode, "audit"), len(Difference.listed(mode))
    message = f"{job.text} {moment_words(job.at)}" if job.state else "Not yet."
    if count:
        return Check(
            "Audit", ERROR, f"{count} differences to Stripe are listed below.", "Repair them.", "audit"
        )
    return Check("Audit", WARNING if job.state == "failed" else GOOD, message, action="audit")
