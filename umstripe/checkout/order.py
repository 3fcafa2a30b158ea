"""Somebody wants a plan: whether they may have it, and the parameters of its Checkout session."""

from __future__ import annotations

import time
from dataclasses import dataclass

from umstripe.errors import NotAllowed
from umstripe.memberships import holdings
from umstripe.models.plan import Plan
from umstripe.models.purchase import PRICE_METADATA
from umstripe.models.settings import Settings
from umstripe.models.trial_card import NOTICE, TOLD_METADATA
from umstripe.models.user import User
from umstripe.normalization import digest
from umstripe.stripe_api.calls import JSONObject

ORDER_METADATA = "umstripe_order"
"""The metadata key of the digest of all other parameters, so that an equal order finds its session again."""
OPEN_SECONDS = 2 * 3600
ROUNDING_SECONDS = 1800


class AlreadyHeld(NotAllowed):
    """The user has what they want to buy, or its payment is under way. `holdings.current` says which."""

    def __init__(self) -> None:
        super().__init__("You have this already, or its payment is under way.")


@dataclass(frozen=True)
class Order:
    """A plan for a user, and the addresses that Checkout sends its visitors back to."""

    user: User
    plan: Plan
    success_url: str
    cancel_url: str

    @property
    def mode(self) -> str:
        return self.plan.mode

    @property
    def is_subscription(self) -> bool:
        return self.plan.price.type == "recurring"

    def ensure_not_already_held(self) -> None:
        """Raise AlreadyHeld for a second subscription, and for a one-time plan that has not run out."""
        if self.is_subscription and holdings.subscription(self.user, self.mode):
            raise AlreadyHeld
        if not self.is_subscription and holdings.purchase(self.user, self.plan, int(time.time())):
            raise AlreadyHeld

    @property
    def trial_days(self) -> int:
        """The days of the trial, 0 for none. With the setting nobody gets a second one."""
        is_second = Settings.get().one_trial and holdings.had_trial(self.user, self.mode)
        return 0 if is_second else (self.plan.trial_days or 0) * self.is_subscription

    @property
    def metadata(self) -> dict[str, str]:
        """The metadata of the session and of what comes of it. A one-time payment needs its price (see Purchase)."""
        return {
            "umstripe_user": self.user.public_id,
            "umstripe_instance": Settings.get().instance_id,
            "umstripe_plan": self.plan.key,
            PRICE_METADATA: self.plan.price.stripe_price_id,
        }

    def params(self, stripe_customer_id: str, at: int) -> JSONObject:
        """Return a session's parameters: https://docs.stripe.com/api/checkout/sessions/create.

        `at` is now (seconds, UTC). The end is rounded, so that two clicks within half an hour have the same.
        """
        params = {
            "mode": "subscription" if self.is_subscription else "payment",
            "customer": stripe_customer_id,
            "client_reference_id": self.user.public_id,
            "line_items": [{"price": self.plan.price.stripe_price_id, "quantity": 1}],
            **self._return_urls(),
            **self._settings(),
            **(self._subscription() if self.is_subscription else self._payment()),
        }
        metadata = {**self.metadata, ORDER_METADATA: digest([params], 32)}
        expires_at = at // ROUNDING_SECONDS * ROUNDING_SECONDS + OPEN_SECONDS
        return {**params, "metadata": metadata, "expires_at": expires_at}

    def _return_urls(self) -> dict[str, object]:
        if Settings.get().embedded_checkout:
            return {"ui_mode": "embedded_page", "return_url": self.success_url}
        return {"ui_mode": "hosted_page", "success_url": self.success_url, "cancel_url": self.cancel_url}

    def _settings(self) -> dict[str, object]:
        """Tax needs an address on the customer, so Checkout must be let write it there:
        https://docs.stripe.com/tax/checkout. With approval there are no promotion codes: one for the whole amount
        leaves no payment that could wait for it."""
        settings = Settings.get()
        codes = self.plan.promotion_codes and not self.plan.approval
        params: dict[str, object] = {"allow_promotion_codes": True} if codes else {}
        params |= {"automatic_tax": {"enabled": True}} if settings.automatic_tax else {}
        params |= {"billing_address_collection": "required"} if settings.billing_address else {}
        if settings.automatic_tax or settings.billing_address:
            params["customer_update"] = {"address": "auto", "name": "auto"}
        return params

    def _subscription(self) -> dict[str, object]:
        """A trial asks for a card as well, so that it can go on when it ends."""
        trial = {"trial_period_days": self.trial_days} if self.trial_days else {}
        params: dict[str, object] = {"payment_method_collection": "always"}
        metadata = self.metadata
        if trial and Settings.get().one_trial_per_card:
            params["custom_text"] = {"submit": {"message": NOTICE}}
            metadata[TOLD_METADATA] = "yes"
        return {**params, "subscription_data": {"metadata": metadata, **trial}}

    def _payment(self) -> dict[str, object]:
        """With approval the amount is only reserved: https://docs.stripe.com/payments/place-a-hold-on-a-payment-method."""
        capture = {"capture_method": "manual"} if self.plan.approval else {}
        return {"payment_intent_data": {"metadata": self.metadata, **capture}}
