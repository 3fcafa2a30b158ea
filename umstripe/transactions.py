"""A transaction that may need Stripe's word, and may meet others on its way (rules 3 and 9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection as Transaction
from sqlalchemy.exc import IntegrityError, OperationalError

from umstripe.database import db, write
from umstripe.errors import UmstripeError
from umstripe.models import Connection
from umstripe.models.payment_link_session import NoCustomer
from umstripe.models.snapshot import State, Unclear

Told = dict[str, State]
T = TypeVar("T")
ROUNDS = 5


class Meanwhile(UmstripeError):
    """Something was in the way in every round, and nothing was changed."""

    def __init__(self) -> None:
        super().__init__(
            "Something was in the way each time this was tried, most likely newer changes of the same thing. "
            "Nothing is lost: try again in a minute. The log has the details."
        )


def in_rounds(mode: str, told: Told, work: Callable[[Transaction], T]) -> T:
    """Do `work` in a write transaction. Gives what it gives.

    What only Stripe can tell (`work` raises Unclear or NoCustomer) it is asked outside of the transaction; the answer
    is put into `told`, by its id, and then `work` is done anew, as it is when another transaction was in its way.
    Raises StripeError, and Meanwhile after ROUNDS in vain.
    """
    return in_rounds_from(mode, told, lambda: None, lambda tx, _: work(tx))


def in_rounds_from(
    mode: str, told: Told, begin: Callable[[], Any], work: Callable[[Transaction, Any], T]
) -> T:
    """As `in_rounds`; each round asks `begin` for what it starts from, before its transaction."""
    spent = 0
    reason: Exception | None = None
    while spent < ROUNDS:
        start = begin()
        try:
            with write() as tx:
                return work(tx, start)
        except Unclear as unclear:
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
    raise Meanwhile from reason


def fetch(mode: str, unclear: Unclear) -> State:
    """Ask Stripe for the object that two deliveries disagree about. Raises StripeError, and the delivery fails."""
    stripe = Connection.of(mode).stripe()
    db.session.rollback()
    answer = stripe.fetch(unclear.kind, unclear.stripe_id)
    return State(mode, answer.object, answer.as_of, unclear.revision, unclear.covers)


def _customer_for(mode: str, guest: NoCustomer) -> State:
    """Make a customer for somebody who paid as a guest. Tried again within a day, it is the same one."""
    stripe = Connection.of(mode).stripe()
    db.session.rollback()
    made = stripe.create_customer(guest.params, f"umstripe-guest-{guest.session_id}")
    return State(mode, made, made["created"])
