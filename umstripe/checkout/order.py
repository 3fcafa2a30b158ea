"""Somebody wants a plan: whether they may have it, and what Stripe's Checkout is told of it."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any

from umstripe.errors import NotAllowed
from umstripe.memberships import holdings
from umstripe.models.plan import Plan
from umstripe.models.purchase import PRICE_METADATA
from umstripe.models.settings import Settings
from umstripe.models.trial_card import NOTICE, TOLD_METADATA
from umstripe.models.user import User

ORDER_METADATA = "umstripe_order"
"""The key under which a session carries the digest of all that it says, so that an equal order finds it again."""
OPEN_FOR = 2 * 3600
STEP = 1800


class AlreadyHeld(NotAllowed):
    """The user has what they want to buy, or its payment is under way. `held.kind` says which."""

    def __init__(self) -> None:
        super().__init__("You have this already, or its payment is under way.")


@dataclass(frozen=True)
class Order:
    """A plan for a user. `success` and `canceled` are the addresses that Checkout sends its visitors back to."""

    user: User
    plan: Plan
    success: str
    canceled: str

    @property
    def mode(self) -> str:
        return self.plan.mode

    @property
    def is_subscription(self) -> bool:
        return self.plan.price.type == "recurring"

    def ensure_not_already_held(self) -> None:
        """One subscription per user, and a one-time plan again only when it has run out. Raises AlreadyHeld."""
        if self.is_subscription and holdings.subscription(self.user, self.mode):
            raise AlreadyHeld
        if not self.is_subscription and holdings.purchase(self.user, self.plan, int(time.time())):
            raise AlreadyHeld

    @property
    def trial_days(self) -> int:
        """The days of the trial, 0 for none. With the setting nobody gets a second one."""
        again = Settings.get().one_trial and holdings.had_trial(self.user, self.mode)
        return 0 if again else (self.plan.trial_days or 0) * self.is_subscription

    @property
    def metadata(self) -> dict[str, str]:
        """What the session and what comes of it carry. A one-time payment needs its price (see Purchase)."""
        return {
            "umstripe_user": self.user.public_id,
            "umstripe_instance": Settings.get().instance_id,
            "umstripe_plan": self.plan.key,
            PRICE_METADATA: self.plan.price.stripe_price_id,
        }

    def params(self, stripe_customer_id: str, at: int) -> dict[str, Any]:
        """What a session for this order says: https://docs.stripe.com/api/checkout/sessions/create.

        `at` is now, in seconds. The end is rounded, so that two clicks within half an hour say the same.
        """
        params = {
            "mode": "subscription" if self.is_subscription else "payment",
            "customer": stripe_customer_id,
            "client_reference_id": self.user.public_id,
            "line_items": [{"price": self.plan.price.stripe_price_id, "quantity": 1}],
            **self._places(),
            **self._settings(),
            **(self._subscription() if self.is_subscription else self._payment()),
        }
        said = {**self.metadata, ORDER_METADATA: digest(params)}
        return {**params, "metadata": said, "expires_at": at // STEP * STEP + OPEN_FOR}

    def _places(self) -> dict[str, Any]:
        if Settings.get().embedded_checkout:
            return {"ui_mode": "embedded_page", "return_url": self.success}
        return {"ui_mode": "hosted_page", "success_url": self.success, "cancel_url": self.canceled}

    def _settings(self) -> dict[str, Any]:
        """Tax needs an address on the customer, so Checkout must be let write it there:
        https://docs.stripe.com/tax/checkout. No code goes with approval: one for everything leaves no payment that
        could wait for it."""
        settings = Settings.get()
        codes = self.plan.promotion_codes and not self.plan.approval
        said: dict[str, Any] = {"allow_promotion_codes": True} if codes else {}
        said |= {"automatic_tax": {"enabled": True}} if settings.automatic_tax else {}
        said |= {"billing_address_collection": "required"} if settings.billing_address else {}
        if settings.automatic_tax or settings.billing_address:
            said["customer_update"] = {"address": "auto", "name": "auto"}
        return said

    def _subscription(self) -> dict[str, Any]:
        """A trial asks for a card as well, so that it can go on when it ends."""
        trial = {"trial_period_days": self.trial_days} if self.trial_days else {}
        params: dict[str, Any] = {"payment_method_collection": "always"}
        told: dict[str, str] = {}
        if trial and Settings.get().one_trial_per_card:
            params["custom_text"] = {"submit": {"message": NOTICE}}
            told = {TOLD_METADATA: "yes"}
        return {**params, "subscription_data": {"metadata": {**self.metadata, **told}, **trial}}

    def _payment(self) -> dict[str, Any]:
        """With approval the amount is only reserved: https://docs.stripe.com/payments/place-a-hold-on-a-payment-method."""
        later = {"capture_method": "manual"} if self.plan.approval else {}
        return {"payment_intent_data": {"metadata": self.metadata, **later}}


def digest(*said: Any) -> str:
    """The same 32 characters for the same things said."""
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]
