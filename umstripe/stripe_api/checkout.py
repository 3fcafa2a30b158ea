"""What selling asks of Stripe: Checkout, the customer portal, invoices, changes of a subscription, captures.

These are verbs of `Stripe` (see stripe_gateway), which makes the calls. All amounts are in the currency's minor
unit, all times in seconds, UTC. Every verb raises StripeRefused and StripeUnavailable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from umstripe.stripe_api import types
from umstripe.stripe_api.paths import object_path, quoted_id

T = TypeVar("T")
SESSIONS_LOOKED_AT = 20
EXPANDED = {
    "checkout.session": ["line_items", "subscription", "payment_intent.latest_charge"],
    "payment_intent": ["latest_charge"],
}
LESS = {"checkout.session": ["line_items", "subscription"]}
"""What comes as a whole with a fetched object; less with a restricted key, which may read no payment intents."""


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What Stripe answered, and when: `as_of` is the answer's `Date`, in seconds of Stripe's clock.

    It is 0 for an answer that was given before and is only repeated: nobody can tell as of when that is true.
    """

    object: T
    as_of: int


@dataclass(frozen=True)
class Page(Generic[T]):
    """A page of a list: its objects, whether more follow, and as of when it is true (as in Answer).

    `after` is the id to ask for the next page with. Objects that cannot be read are left out.
    """

    items: list[T]
    more: bool
    as_of: int
    after: str | None = None


class Selling:
    """The verbs; `_call` and `_page` are the gateway's."""

    def _call(
        self,
        verb: str,
        path: str,
        params: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Answer[Any]:
        raise NotImplementedError

    def create_session(self, params: Mapping[str, Any], idempotency_key: str) -> dict[str, Any]:
        """Make a Checkout session: https://docs.stripe.com/api/checkout/sessions/create."""
        return self._call("POST", "/v1/checkout/sessions", params, idempotency_key).object

    def sessions_of(self, stripe_customer_id: str) -> list[dict[str, Any]]:
        """The newest Checkout sessions of a customer, newest first, in any status."""
        params = {"customer": stripe_customer_id, "limit": SESSIONS_LOOKED_AT}
        return self._call("GET", "/v1/checkout/sessions", params).object["data"]

    def expire_session(self, session_id: str) -> dict[str, Any]:
        """End an open Checkout session, so that nobody can pay it any more."""
        key = f"umstripe-expire-{quoted_id(session_id)}"
        path = object_path("/v1/checkout/sessions", session_id, "expire")
        return self._call("POST", path, None, key).object

    def create_portal_configuration(self, params: Mapping[str, Any], idempotency_key: str) -> dict[str, Any]:
        """https://docs.stripe.com/api/customer_portal/configurations/create."""
        return self._call("POST", "/v1/billing_portal/configurations", params, idempotency_key).object

    def create_portal_session(self, params: Mapping[str, Any], idempotency_key: str) -> dict[str, Any]:
        """A link into the portal, good for a few minutes: https://docs.stripe.com/api/customer_portal/sessions."""
        return self._call("POST", "/v1/billing_portal/sessions", params, idempotency_key).object

    def invoices_of(self, stripe_customer_id: str, at_most: int = 12) -> list[dict[str, Any]]:
        """A customer's newest invoices, newest first."""
        params = {"customer": stripe_customer_id, "limit": at_most}
        return self._call("GET", "/v1/invoices", params).object["data"]

    def preview_invoice(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """What an invoice would say; makes nothing: https://docs.stripe.com/api/invoices/create_preview."""
        return self._call("POST", "/v1/invoices/create_preview", params).object

    def update_subscription(
        self, subscription_id: str, params: Mapping[str, Any], idempotency_key: str
    ) -> Answer[types.Subscription]:
        """Change a subscription. Gives it as it is afterwards."""
        path = object_path("/v1/subscriptions", subscription_id)
        return self._call("POST", path, params, idempotency_key)

    def subscription_with_card(self, subscription_id: str) -> Answer[Any]:
        """Return a subscription with its default payment method as a whole."""
        params = {"expand": ["default_payment_method"]}
        return self._call("GET", object_path("/v1/subscriptions", subscription_id), params)

    def cancel_subscription(
        self, subscription_id: str, comment: str, idempotency_key: str
    ) -> Answer[types.Subscription]:
        """End a subscription at once, without an invoice. `comment` is kept with it at Stripe."""
        params = {"cancellation_details": {"comment": comment}}
        return self._call(
            "DELETE", object_path("/v1/subscriptions", subscription_id), params, idempotency_key
        )

    def resume_subscription(self, subscription_id: str, idempotency_key: str) -> Answer[types.Subscription]:
        """Let a subscription in status `paused` go on: its new period is paid now, or it stays paused.

        Left to Stripe's default nobody would try to pay: https://docs.stripe.com/api/subscriptions/resume.
        """
        params = {"payment_behavior": "resume_on_payment_success"}
        path = object_path("/v1/subscriptions", subscription_id, "resume")
        return self._call("POST", path, params, idempotency_key)

    def update_customer(
        self, customer_id: str, params: Mapping[str, Any], idempotency_key: str
    ) -> Answer[types.Customer]:
        """Change a customer. Gives it as it is afterwards."""
        return self._call("POST", object_path("/v1/customers", customer_id), params, idempotency_key)

    def capture_payment(self, payment_intent_id: str) -> Answer[types.PaymentIntent]:
        """Take an amount that was reserved. Gives the payment intent with its `latest_charge` as a whole."""
        path = object_path("/v1/payment_intents", payment_intent_id, "capture")
        params = {"expand": ["latest_charge"]}
        return self._call("POST", path, params, f"umstripe-capture-{quoted_id(payment_intent_id)}")

    def cancel_payment(self, payment_intent_id: str) -> Answer[types.PaymentIntent]:
        """Give a reserved amount back. Gives the payment intent with its `latest_charge` as a whole."""
        path = object_path("/v1/payment_intents", payment_intent_id, "cancel")
        params = {"expand": ["latest_charge"]}
        return self._call("POST", path, params, f"umstripe-cancel-{quoted_id(payment_intent_id)}")
