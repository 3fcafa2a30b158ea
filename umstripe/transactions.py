"""Transactions that are tried again: with what only Stripe can tell, and when another one is in the way (rules 3, 9)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TypeVar

import structlog
from sqlalchemy.exc import IntegrityError, OperationalError

from umstripe.database import Transaction, db, write
from umstripe.errors import UmstripeError
from umstripe.models import Connection
from umstripe.models.payment_link_session import NoCustomer
from umstripe.models.snapshot import NeedsFetch, Snapshot
from umstripe.stripe_api.client import Stripe

FetchedStates = dict[str, Snapshot]
"""What was fetched for a transaction, by Stripe's ids."""
S = TypeVar("S")
T = TypeVar("T")
MAX_ATTEMPTS = 5


class RetriesExhausted(UmstripeError):
    """Every attempt failed, and nothing was changed."""

    def __init__(self) -> None:
        super().__init__(
            "Something was in the way each time this was tried, most likely newer changes of the same thing. "
            "Nothing is lost: try again in a minute. The log has the details."
        )


@contextlib.contextmanager
def asking_stripe(mode: str, retries: int | None = None) -> Iterator[Stripe]:
    """Yield a mode's Stripe for a block in which the session has no open transaction (rule 9).

    Commit what the session has changed. Rows are read before the block or after it, and `retries` is as in Stripe.
    Raise NotAllowed without keys.
    """
    stripe = Connection.of(mode).stripe(retries)
    db.session.commit()
    yield stripe


def with_retries(mode: str, fetched: FetchedStates, work: Callable[[Transaction], T]) -> T:
    """Do `work` in a write transaction. Return what it returns.

    What only Stripe can tell (`work` raises NeedsFetch or NoCustomer) it is asked outside of the transaction; the answer
    is put into `fetched`, by its id, and then `work` is done anew, as it is when another transaction was in its way.
    Raise StripeError, and RetriesExhausted after MAX_ATTEMPTS.
    """
    return with_retries_from(mode, fetched, lambda: None, lambda tx, _: work(tx))


def with_retries_from(
    mode: str, fetched: FetchedStates, prepare: Callable[[], S], work: Callable[[Transaction, S], T]
) -> T:
    """As `with_retries`; each attempt calls `prepare` before its transaction, and hands the result to `work`."""
    attempts = 0
    reason: Exception | None = None
    while attempts < MAX_ATTEMPTS:
        prepared = prepare()
        try:
            with write() as tx:
                return work(tx, prepared)
        except NeedsFetch as needed:
            reason = needed
            attempts += needed.stripe_id in fetched  # another object is progress, however many there are
            fetched[needed.stripe_id] = fetch(mode, needed)
        except NoCustomer as guest:
            reason = guest
            attempts += guest.key in fetched
            fetched[guest.key] = _create_customer(mode, guest)
        except (IntegrityError, OperationalError) as error:
            reason = error
            attempts += 1
    structlog.get_logger().error("a transaction failed in every attempt", exc_info=reason)
    raise RetriesExhausted from reason


def fetch(mode: str, needed: NeedsFetch) -> Snapshot:
    """Fetch the object that two deliveries disagree about. Raise StripeError, and the delivery fails."""
    with asking_stripe(mode) as stripe:
        answer = stripe.fetch(needed.kind, needed.stripe_id)
    return Snapshot(mode, answer.object, answer.as_of, needed.revision, needed.covers)


def _create_customer(mode: str, guest: NoCustomer) -> Snapshot:
    """Create a customer for somebody who paid as a guest. Repeated within a day, the same one is returned."""
    with asking_stripe(mode) as stripe:
        customer = stripe.create_customer(guest.params, f"umstripe-guest-{guest.session_id}")
    return Snapshot(mode, customer, customer["created"])
