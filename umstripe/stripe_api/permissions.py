"""What a key may do: whether it is good, and the rights of a restricted one.

These are methods of `Stripe` (see client).
"""

from __future__ import annotations

from umstripe.errors import StripeRefused, StripeUnavailable
from umstripe.stripe_api.calls import Calls, JSONObject, Params

PROBES: dict[str, tuple[str, str, Params]] = {
    "customers": ("POST", "/v1/customers/cus_umstripe_probe", {"description": "probe"}),
    "checkout_sessions": ("POST", "/v1/checkout/sessions/cs_umstripe_probe/expire", {}),
    "customer_portal": ("POST", "/v1/billing_portal/sessions", {"customer": "cus_umstripe_probe"}),
    "prices": ("GET", "/v1/prices", {"limit": 1}),
    "products": ("GET", "/v1/products", {"limit": 1}),
    "subscriptions": ("POST", "/v1/subscriptions/sub_umstripe_probe", {"description": "probe"}),
    "invoices": ("POST", "/v1/invoices/create_preview", {"customer": "cus_umstripe_probe"}),
    "payment_intents": ("POST", "/v1/payment_intents/pi_umstripe_probe/cancel", {}),
    "charges": ("GET", "/v1/charges", {"limit": 1}),
    "events": ("GET", "/v1/events", {"limit": 1}),
    "webhook_endpoints": ("POST", "/v1/webhook_endpoints/we_umstripe_probe", {"description": "probe"}),
}
"""A read right is probed by a list of one, a write right by a call that fails after the check of the right."""


class PermissionCalls(Calls):
    """The calls of `Stripe` that tell what a key may do."""

    def check_publishable_key(self) -> None:
        """Raise StripeRefused with status 401 for a bad key. Create nothing: without parameters a good key gets 400."""
        try:
            self._call("POST", "/v1/tokens")
        except StripeRefused as refusal:
            if refusal.status in (401, 403):
                raise

    def check_secret_key(self) -> None:
        """Raise StripeRefused with status 401 for a bad key. A restricted key that lacks the right is a good key."""
        try:
            self._call("GET", "/v1/prices", {"limit": 1})
        except StripeRefused as refusal:
            if refusal.status == 401 or refusal.code == "secret_key_required":
                raise

    def account(self) -> JSONObject | None:
        """Return the key's account, or None: a restricted key may not see it."""
        try:
            return self._object("GET", "/v1/account")
        except StripeRefused:
            return None

    def has_right(self, right: str) -> bool | None:
        """Return whether the key has one of the rights in PROBES; None when Stripe's answer does not tell."""
        try:
            self._call(*PROBES[right])
        except StripeRefused as refusal:
            return {403: False, 404: True, 400: _is_about_the_probe(refusal) or None}.get(refusal.status)
        except StripeUnavailable:
            return None
        return True


def _is_about_the_probe(refusal: StripeRefused) -> bool:
    return refusal.code in ("resource_missing", "parameter_missing") or "probe" in str(refusal)
