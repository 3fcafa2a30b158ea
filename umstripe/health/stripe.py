"""What is checked of a mode: its keys, its endpoint at Stripe, its deliveries, its work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

from umstripe.database import WITHOUT_ITS_KEY, now
from umstripe.formatting import moment_words
from umstripe.health.check import GOOD, TROUBLE, WARNING, Check
from umstripe.health.disputes import disputes
from umstripe.listings import approvals
from umstripe.models import Connection, Delivery, Difference, Job, Refusal, site_address
from umstripe.stripe_api import endpoint

LATELY = timedelta(days=1)
CLOCK_SECONDS = 30
LOOK_AGAIN_AFTER = timedelta(hours=1)
REFUSED = {
    "no_secret": "Connect Stripe in the settings: without the signing secret no delivery can be checked.",
    "no_signature": "Somebody who is not Stripe opened the webhook’s address, or a proxy takes the header Stripe-Signature away.",
    "wrong_secret": "At Stripe the signing secret is another one, or a proxy changes the body. Press “Mend the endpoint”.",
    "too_old": "This server’s clock may be wrong, or a proxy keeps deliveries back. Set the clock by the network (NTP).",
    "other_mode": "At Stripe an endpoint of the other mode points to this address. Each mode has an address of its own.",
    "unreadable": "Something that is no event of Stripe’s came to the webhook’s address, or a proxy changes the body.",
}


def checks(mode: str) -> list[Check]:
    """Everything about a mode's deliveries."""
    connection = Connection.of(mode)
    if not connection.is_connected:
        do = "Press “Connect with Stripe” in the settings: until then nothing is caught up with or compared."
        return [Check("Connection", TROUBLE, "There are keys, but they are not connected.", do)]
    found = [
        *_keys(connection),
        *_endpoint(connection),
        _last(mode),
        *_silence(mode),
        *_failed(mode),
        *_unsold(mode),
        *_unusable(mode),
        *_refused(mode),
    ]
    return [*found, *disputes(mode), *_approvals(mode), _caught_up(mode), _audited(mode)]


def _keys(connection: Connection) -> Iterator[Check]:
    if connection.is_unreadable:
        says, do = WITHOUT_ITS_KEY.split(". ", 1)
        yield Check("Stripe keys", TROUBLE, f"{says}.", f"{do} Or enter the keys again, and connect.")


def _endpoint(connection: Connection) -> Iterator[Check]:
    name, seen = "Webhook endpoint", connection.endpoint_check
    if connection.override_secret:
        yield Check(name, GOOD, "Deliveries come through the Stripe CLI, with the secret of the environment.")
        return
    if not connection.stripe_endpoint_id:
        yield Check(name, TROUBLE, connection.endpoint_problem or "There is none.", "Then mend it.", "mend")
        return
    moved = _moved(connection)
    if moved:
        yield Check(name, TROUBLE, moved, "One click puts it right.", "mend")
    if not seen or seen.get("error"):
        says = seen.get("error") or "Stripe has not been asked about it yet."
        yield Check(name, TROUBLE if seen.get("refused") else WARNING, says, "Ask again.", "look")
        return
    at = datetime.fromisoformat(seen["at"])
    for problem in seen["problems"]:
        if problem != moved:
            yield Check(name, TROUBLE, problem, "One click puts it right.", "mend")
    if not moved and not seen["problems"]:
        state = GOOD if now() - at < LOOK_AGAIN_AFTER else WARNING
        yield Check(name, state, f"As it should be at Stripe, looked at {moment_words(at)}.", "", "look")
    yield from _as_stripe_sees_it(seen)


def _moved(connection: Connection) -> str:
    """Return what is wrong if the site's address was changed after the endpoint was made; "" otherwise."""
    known, sends_to = site_address.known_url(), connection.endpoint_url
    url = endpoint.address(known, connection.mode)
    return endpoint.elsewhere(sends_to, url) if known and sends_to and sends_to != url else ""


def _as_stripe_sees_it(seen: dict) -> Iterator[Check]:
    if abs(seen["clock"]) > CLOCK_SECONDS:
        says = f"This server’s clock is {abs(seen['clock'])} seconds {'ahead of' if seen['clock'] > 0 else 'behind'} Stripe’s."
        yield Check(
            "Clock", TROUBLE, says, "Set it by the network (NTP): Stripe’s signatures are good for 5 minutes."
        )
    if seen["undelivered"]:
        says = f"Stripe could not deliver {seen['undelivered']} events of the last three days to every endpoint yet."
        yield Check("Not delivered", WARNING, says, "Catch up brings what this site lacks.", "catch_up")


def _last(mode: str) -> Check:
    last = Delivery.last(mode)
    says = f"{last.type}, {moment_words(last.received_at)}: {last.result}." if last else "None yet."
    return Check("Last delivery", GOOD, says)


def _silence(mode: str) -> Iterator[Check]:
    if missed := Delivery.missed(mode, LATELY):
        says = f"{missed} events of the last day were found in Stripe’s list, but no delivery brought them."
        do = "They are applied. Look at the endpoint above, and at what stands between Stripe and this site."
        yield Check("Lost deliveries", TROUBLE, says, do)


def _failed(mode: str) -> Iterator[Check]:
    if waiting := Delivery.count_failed(mode):
        says = f"{waiting} deliveries failed and wait for another try."
        yield Check(
            "Failed deliveries",
            TROUBLE,
            says,
            "They are tried again every ten minutes, and by this button.",
            "process",
        )


def _unsold(mode: str) -> Iterator[Check]:
    if number := Delivery.count_unsold(mode):
        paid = f"{number} {'payment' if number == 1 else 'payments'} of the last 30 days came through payment links"
        do = (
            "Import your prices, or make a plan of the price. Then open each under Deliveries (result “Unsold”), and "
            "press “Process again”. If another site on your Stripe account sells it, leave it."
        )
        yield Check("Paid, but not sold here", TROUBLE, f"{paid} for a price that no plan here sells.", do)


def _unusable(mode: str) -> Iterator[Check]:
    if number := Delivery.count_unusable(mode):
        what = "delivery" if number == 1 else "deliveries"
        says = (
            f"{number} {what} of the last 30 days could not be used: a field was missing or of another kind."
        )
        do = (
            "Open each under Deliveries (result “Unusable”): it says which field. An audit takes over what Stripe "
            "says now. If they go on coming, umstripe may be older than what Stripe sends: update it."
        )
        yield Check("Unusable deliveries", TROUBLE, says, do, "audit")


def _refused(mode: str) -> Iterator[Check]:
    for refusal in Refusal.of(mode):
        state = WARNING if now() - refusal.last_at < LATELY else GOOD
        says = f"{refusal.count} in all, the last {moment_words(refusal.last_at)}."
        yield Check(f"Refused: {REASONS[refusal.reason]}", state, says, REFUSED[refusal.reason])


REASONS = {
    "no_secret": "no signing secret here",
    "no_signature": "no signature",
    "wrong_secret": "wrong secret",
    "too_old": "too old",
    "other_mode": "other mode",
    "unreadable": "unreadable",
}


def _approvals(mode: str) -> Iterator[Check]:
    """Reserved amounts: a warning two days before the first one goes back."""
    number, first = approvals.count_and_deadline(mode)
    if not number:
        return
    waits = f"{number} {'order waits' if number == 1 else 'orders wait'} for your approval"
    if first is None:
        yield Check("Approvals", GOOD, f"{waits}. Nothing is to be paid, so there is no time limit.")
        return
    if first - time.time() > approvals.WARN_SECONDS:
        yield Check("Approvals", GOOD, f"{waits}, the first until {moment_words(first)}.")
        return
    over = "has ended" if first <= time.time() else "ends"
    says = f"{waits}. The first reservation {over} {moment_words(first)}; then the amount goes back."
    yield Check("Approvals", WARNING, says, "Approve or refuse: umstripe > Approvals.")


def _caught_up(mode: str) -> Check:
    job = Job.of(mode, "catch_up")
    says = f"{job.text} {moment_words(job.at)}" if job.state else "Not yet."
    if job.at is not None and now() - job.at > LOOK_AGAIN_AFTER:
        do = "It should run every ten minutes: look at the worker, then begin it by this button."
        return Check("Catch-up", TROUBLE, says, do, "catch_up")
    return Check("Catch-up", WARNING if job.state == "failed" else GOOD, says, action="catch_up")


def _audited(mode: str) -> Check:
    job, left = Job.of(mode, "audit"), len(Difference.listed(mode))
    says = f"{job.text} {moment_words(job.at)}" if job.state else "Not yet."
    if left:
        return Check(
            "Audit", TROUBLE, f"{left} differences to Stripe are listed below.", "Repair them.", "audit"
        )
    return Check("Audit", WARNING if job.state == "failed" else GOOD, says, action="audit")
