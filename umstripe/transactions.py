"""A transaction that may need Stripe's word, and may meet others on its way (rules 3 and 9)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import structlog
from sqlalchemy.exc import IntegrityError, OperationalError

from umstripe.database import Transaction, db, write
from umstripe.errors import UmstripeError
from umstripe.models import Connection
from umstripe.models.payment_link_session import NoCustomer
from umstripe.models.snapshot import NeedsFetch, Snapshot
from umstripe.stripe_api.client import Stripe

FetchedStates = dict[str, Snapshot]
T = TypeVar("T")
ROUNDS = 5


class RetriesExhausted(UmstripeError):
    """Something was in the way in every round, and nothing was changed."""

    def __init__(self) -> None:
        super().__init__(
            "Something was in the way each time this was tried, most likely newer changes of the same thing. "
            "Nothing is lost: try again in a minute. The log has the details."
        )


@contextlib.contextmanager
def asking_stripe(mode: str, retries: int | None = None) -> Iterator[Stripe]:
    """Give a mode's Stripe for a block in which the session has no open transaction (rule 9).

    Commit what the session has changed. Rows are read before the block or after it, and `retries` is as in Stripe.
    Raise NotAllowed without keys.
    """
    stripe = Connection.of(mode).stripe(retries)
    db.session.commit()
    yield stripe


def with_retries(mode: str, told: FetchedStates, work: Callable[[Transaction], T]) -> T:
    """Do `work` in a write transaction. Gives what it gives.

    What only Stripe can tell (`work` raises NeedsFetch or NoCustomer) it is asked outside of the transaction; the answer
    is put into `told`, by its id, and then `work` is done anew, as it is when another transaction was in its way.
    Raises StripeError, and RetriesExhausted after ROUNDS in vain.
    """
    return with_retries_from(mode, told, lambda: None, lambda tx, _: work(tx))


def with_retries_from(
    mode: str, told: FetchedStates, begin: Callable[[], Any], work: Callable[[Transaction, Any], T]
) -> T:
    """As `with_retries`; each round asks `begin` for what it starts from, before its transaction."""
    spent = 0
    reason: Exception | None = None
    while spent < ROUNDS:
        start = begin()
        try:
            with write() as tx:
                return work(tx, start)
        except NeedsFetch as unclear:
            reason = unclear
            spent += unclear.stripe_id in told  # another object is a step ahead, however many there are
            told[unclear.stripe_id] = fetch(mode, unclear)
        except NoCustomer as guest:
            reason = guest
            spent += guest.key in told
            told[guest.key] = _customer_for(mode, guest)
        except (IntegrityError, OperationalError) as error:
            reason = error
            spent += 1
    structlog.get_logger().error("a transaction failed in every round", exc_info=reason)
    raise RetriesExhausted from reason


def fetch(mode: str, unclear: NeedsFetch) -> Snapshot:
    """Ask Stripe for the object that two deliveries disagree about. Raises StripeError, and the delivery fails."""
    stripe = Connection.of(mode).stripe()
    db.session.rollback()
    answer = stripe.fetch(unclear.kind, unclear.stripe_id)
    return Snapshot(mode, answer.object, answer.as_of, unclear.revision, unclear.covers)


def _customer_for(mode: str, guest: NoCustomer) -> Snapshot:
    """Make a customer for somebody who paid as a guest. Tried again within a day, it is the same one."""
    stripe = Connection.of(mode).stripe()
    db.session.rollback()
    made = stripe.create_customer(guest.params, f"umstripe-guest-{guest.session_id}")
    return Snapshot(mode, made, made["created"])
