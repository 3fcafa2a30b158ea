"""https://docs.stripe.com/api/tokens: only good for telling whether a publishable key is valid."""

from __future__ import annotations

from typing import Any

from stripe_simulator.api.calls import Call, answers
from stripe_simulator.core.errors import bad_request


@answers("POST /v1/tokens")
def create(_call: Call) -> dict[str, Any]:
    """Make nothing: the simulator takes no card data. Raise StripeError (400)."""
    raise bad_request(
        "You must supply either a card, customer, PII data, bank account, account, person, or CVC update data to "
        "create a token."
    )
