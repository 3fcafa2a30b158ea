"""What selling asks of Stripe: Checkout, the customer portal, invoices, changes of a subscription, captures.

These are methods of `Stripe` (see client). All amounts are in the currency's minor unit, all times in seconds, UTC.
Every call raises StripeRefused and StripeUnavailable.
"""

from __future__ import annotations

from typing import Any

from umstripe.stripe_api import page_types, types
from umstripe.stripe_api.calls import Answer, Calls, JSONObject, Params
from umstripe.stripe_api.paths import object_path, quoted_id

MAX_SESSIONS = 20
EXPANDED = {
    "checkout.session": ["line_items", "subscription", "payment_intent.latest_charge"],
    "payment_intent": ["latest_charge"],
}
EXPANDED_WITHOUT_PAYMENTS = {"checkout.session": ["line_items", "subscription"]}
"""What is expanded in a fetched object; less for a restricted key, which may read no payment intents."""


class CheckoutCalls(Calls):
    """The calls of `Stripe` for selling."""

    def create_session(self, params: Params, idempotency_key: str) -> JSONObject:
        """Create a Checkout session: https://docs.stripe.com/api/checkout/sessions/create."""
        return self._object("POST", "/v1/checkout/sessions", params, idempotency_key)

    def sessions_of(self, stripe_customer_id: str) -> list[JSONObject]:
        """Return the newest Checkout sessions of a customer, newest first, in any status."""
        params = {"customer": stripe_customer_id, "limit": MAX_SESSIONS}
        return self._newest("/v1/checkout/sessions", params)

    def expire_session(self, session_id: str) -> JSONObject:
        """End an open Checkout session, so that nobody can pay it any more."""
        key = f"umstripe-expire-{quoted_id(session_id)}"
        path = object_path("/v1/checkout/sessions", session_id, "expire")
        return self._object("POST", path, None, key)

    def create_portal_configuration(self, params: Params, idempotency_key: str) -> JSONObject:
        """Create a configuration: https://docs.stripe.com/api/customer_portal/configurations/create."""
        return self._object("POST", "/v1/billing_portal/configurations", params, idempotency_key)

    def create_portal_session(self, params: Params, idempotency_key: str) -> JSONObject:
        """Create a link into the portal, good for a few minutes: https://docs.stripe.com/api/customer_portal/sessions."""
        return self._object("POST", "/v1/billing_portal/sessions", params, idempotency_key)

    def invoices_of(self, stripe_customer_id: str, limit: int = 12) -> list[page_types.ListedInvoice]:
        """Return a customer's newest invoices, newest first."""
        params = {"customer": stripe_customer_id, "limit": limit}
        invoices: list[page_types.ListedInvoice] = self._call("GET", "/v1/invoices", params).object["data"]
        return invoices

    def preview_invoice(self, params: Params) -> page_types.InvoicePreview:
        """Return what an invoice would say, and create nothing: https://docs.stripe.com/api/invoices/create_preview."""
        preview: page_types.InvoicePreview = self._call("POST", "/v1/invoices/create_preview", params).object
        return preview

    def update_subscription(
        self, subscription_id: str, params: Params, idempotency_key: str
    ) -> Answer[types.Subscription]:
        """Change a subscription. Return it as it is afterwards."""
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
        self, customer_id: str, params: Params, idempotency_key: str
    ) -> Answer[types.Customer]:
        """Change a customer. Return it as it is afterwards."""
        return self._call("POST", object_path("/v1/customers", customer_id), params, idempotency_key)

    def capture_payment(self, payment_intent_id: str) -> Answer[types.PaymentIntent]:
        """Capture an amount that was reserved. Return the payment intent with its `latest_charge` as a whole."""
        path = object_path("/v1/payment_intents", payment_intent_id, "capture")
        params = {"expand": ["latest_charge"]}
        return self._call("POST", path, params, f"umstripe-capture-{quoted_id(payment_intent_id)}")

    def cancel_payment(self, payment_intent_id: str) -> Answer[types.PaymentIntent]:
        """Release a reserved amount. Return the payment intent with its `latest_charge` as a whole."""
        path = object_path("/v1/payment_intents", payment_intent_id, "cancel")
        params = {"expand": ["latest_charge"]}
        return self._call("POST", path, params, f"umstripe-cancel-{quoted_id(payment_intent_id)}")
