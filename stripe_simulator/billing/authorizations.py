"""Money that was set aside and nobody took: https://docs.stripe.com/payments/place-a-hold-on-a-payment-method."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stripe_simulator.account import due
from stripe_simulator.account.account import Mode
from stripe_simulator.account.due import Due
from stripe_simulator.billing import payments

Json = dict[str, Any]


@due.source
def of_payments(mode: Mode, customer: Json | None) -> Iterator[Due]:
    """Yield the expiry of payments that wait for their capture: after seven days."""
    if customer is None:
        return
    for intent in mode.every("payment_intent", customer=customer["id"], status="requires_capture"):
        charge = mode.find("charge", intent["latest_charge"])
        yield _expiry(mode, charge)


def _expiry(mode: Mode, charge: Json) -> Due:
    until = charge["created"] + payments.HOLD_SECONDS
    return Due(until, lambda: payments.expire(mode, charge))
