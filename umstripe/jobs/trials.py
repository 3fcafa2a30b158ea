"""One trial per card: the cards of new trials are fetched, and second trials are ended at Stripe."""

from __future__ import annotations

import structlog
from dbos import DBOS

from umstripe.database import Transaction, write
from umstripe.emails import triggers
from umstripe.errors import StripeRefused, UmstripeError
from umstripe.jobs import steps
from umstripe.models import Activity, Connection, Settings, Subscription, TrialCard, site_identity
from umstripe.models.snapshot import Snapshot
from umstripe.models.trial_card import ENDED_COMMENT
from umstripe.stripe_api.client import Stripe
from umstripe.transactions import FetchedStates, asking_stripe, with_retries

BATCH_SIZE = 50


@DBOS.step(name="check_trials", **steps.RETRIES)
def check_trials() -> None:
    """Check the trials of each connected mode while the setting is on. A copy of the site ends nobody's trial."""
    with steps.site():
        if site_identity.mismatches() or not Settings.get().one_trial_per_card:
            return
        for mode in Connection.connected_modes():
            try:
                check_trials_of(mode)
            except UmstripeError as error:
                structlog.get_logger().warning("trials could not be checked", mode=mode, error=str(error))


def check_trials_of(mode: str) -> None:
    """Fetch the cards of up to 50 new trials, then end the second ones. Raise StripeError."""
    unchecked = TrialCard.unchecked(mode, BATCH_SIZE)
    with asking_stripe(mode) as stripe:
        for subscription_id in unchecked:
            answer = stripe.subscription_with_card(subscription_id)
            with write() as tx:
                TrialCard.keep(tx, mode, answer.object)
    second = TrialCard.second(mode)
    with asking_stripe(mode) as stripe:
        for subscription_id in second:
            _end(stripe, mode, subscription_id)


def _end(stripe: Stripe, mode: str, subscription_id: str) -> None:
    """End a trial. One that has ended meanwhile is left as it is: its member pays, or has gone."""
    current = stripe.fetch("subscription", subscription_id)
    if current.object.get("status") != "trialing":
        with write() as tx:
            TrialCard.end(tx, mode, subscription_id)
        return
    try:
        key = f"umstripe-second-trial-{subscription_id}"
        ended = stripe.cancel_subscription(subscription_id, ENDED_COMMENT, key)
    except StripeRefused as refusal:
        structlog.get_logger().warning("a second trial could not be ended", error=str(refusal))
        return
    at = ended.as_of or current.as_of
    fetched = {subscription_id: Snapshot(mode, ended.object, at)}
    with_retries(mode, fetched, lambda tx: _write_end(tx, mode, subscription_id, at, fetched))


def _write_end(tx: Transaction, mode: str, subscription_id: str, at: int, fetched: FetchedStates) -> None:
    snapshot = fetched[subscription_id]
    change = Subscription.sync_from_stripe(tx, snapshot)
    TrialCard.end(tx, mode, subscription_id)
    if change is None:
        return
    event = {"type": "customer.subscription.deleted", "created": at}
    triggers.notify_subscription_change(tx, event, snapshot, change)
    line = {"trigger": "work", "mode": mode, "user_id": change.user_id}
    description, details = "Second trial with a card ended; nothing was charged", {"object": subscription_id}
    Activity.write(tx, "trial.ended", description, **line, details=details)
