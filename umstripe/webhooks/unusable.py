"""Events that no retry can mend: they are kept with the reason, answered 200, and the administrators get a mail."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import DataError, DBAPIError, StatementError

from umstripe.database import Transaction, now
from umstripe.formatting import mode_words
from umstripe.models import Connection, Customer, Delivery, Mail
from umstripe.stripe_api.types import Event

DeliveryValues = dict[str, Any]
"""The columns of a Delivery, by name."""
PERMANENT_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    DataError,
)
"""Errors that the same event causes again: a fault in umstripe, or a value that the database does not take."""


def is_permanent(error: Exception) -> bool:
    """Return whether an error comes from the event itself. What comes from Stripe, the network or the database may pass."""
    return isinstance(error, PERMANENT_ERRORS) or (
        isinstance(error, StatementError) and not isinstance(error, DBAPIError)
    )


def is_of_another_account(tx: Transaction, mode: str, event: Event) -> bool:
    """Return whether an event is of an account that is connected to ours: its ids mean nothing here.

    An event of our own account has no `account`: https://docs.stripe.com/connect/webhooks.
    """
    account = event.get("account")
    if account is None:
        return False
    own = tx.execute(select(Connection.stripe_account_id).where(Connection.mode == mode)).scalar_one()
    return not own or account != own


def set_aside(tx: Transaction, row: DeliveryValues, event: Event, reason: str, by_mail: bool) -> str:
    """Keep an event that cannot be applied. Return the result: `foreign` for one that is not about this site."""
    mode = row["mode"]
    if _is_foreign(tx, row, event):
        Delivery.set_aside(tx, row, "foreign", reason)
        return "foreign"
    Delivery.set_aside(tx, row, "unusable", reason)
    if by_mail:
        mail_administrators(tx, mode)
    return "unusable"


def mail_administrators(tx: Transaction, mode: str) -> None:
    """Write one mail a day, however many events there are."""
    subject = f"Stripe sent something that this site cannot use ({mode_words(mode)})"
    text = "It is kept, but it was not applied: a membership may not be what it is at Stripe."
    Mail.to_administrators(tx, "health", f"unusable:{mode}:{now().date()}", what=subject, says=text)


def _is_foreign(tx: Transaction, row: DeliveryValues, event: Event) -> bool:
    if is_of_another_account(tx, row["mode"], event):
        return True
    customer = row["stripe_customer_id"]
    return bool(customer) and Customer.get_or_reserve(tx, row["mode"], customer) is None
