"""A pair of keys at Stripe: whether they are good, whose they are, and what they may do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from flask import current_app

from umstripe.errors import NotAllowed, StripeRefused
from umstripe.stripe_api.calls import JSONObject
from umstripe.stripe_api.client import Stripe

RIGHTS = {
    "customers": ("Customers", "Write", "New members get no customer at Stripe, so they cannot pay."),
    "checkout_sessions": ("Checkout Sessions", "Write", "Nobody can pay: the payment page cannot be opened."),
    "customer_portal": ("Customer portal", "Write", "Members cannot manage their billing."),
    "prices": ("Prices", "Read", "Prices cannot be imported."),
    "products": ("Products", "Read", "Plans have no names until you give them titles."),
    "subscriptions": (
        "Subscriptions",
        "Write",
        "Members cannot cancel or switch here, and some deliveries cannot be settled, so a role may be late.",
    ),
    "invoices": ("Invoices", "Write", "Members see neither their invoices nor what a switch costs."),
    "payment_intents": (
        "Payment Intents",
        "Write",
        "One-time payments cannot be settled on the success page, nor approved or refused.",
    ),
    "charges": ("Charges", "Read", "One-time payments are settled only when their delivery comes."),
    "events": ("Events", "Read", "What no delivery brought is found by the nightly audit only."),
    "webhook_endpoints": (
        "Webhook Endpoints",
        "Write",
        "The site gets no news from Stripe: nobody’s role changes.",
    ),
}
"""The rights of a restricted key: Stripe's name, what is needed, what breaks without it.

What a call expands needs its right too (a session's charge): https://docs.stripe.com/stripe-apps/reference/permissions.
A preview of an invoice is a POST, so it is taken to need Write."""


class KeyRefused(NotAllowed):
    """Stripe does not take a key. `field` is `publishable_key` or `secret_key`."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


def check_keys(publishable: str, secret: str) -> Stripe:
    """Return a client with the secret key. Raise KeyRefused for a key that Stripe does not take, and StripeUnavailable."""
    base = current_app.config["STRIPE_API_BASE"]
    stripe = Stripe(secret, base, retries=0)
    for field, check in (
        ("publishable_key", Stripe(publishable, base, retries=0).check_publishable_key),
        ("secret_key", stripe.check_secret_key),
    ):
        try:
            check()
        except StripeRefused as refusal:
            raise KeyRefused(field, _refusal_sentence(refusal)) from None
    return stripe


def display_name(account: JSONObject | None) -> str:
    """Return what the account calls itself; its id if it has no name, and "" if the key may not see it."""
    profile = (account or {}).get("business_profile") or {}
    dashboard = ((account or {}).get("settings") or {}).get("dashboard") or {}
    return dashboard.get("display_name") or profile.get("name") or (account or {}).get("id") or ""


def probe_rights(stripe: Stripe) -> dict[str, bool | None]:
    """Return whether a restricted key has each of RIGHTS; None when Stripe's answer does not tell."""
    with ThreadPoolExecutor(len(RIGHTS)) as threads:
        return dict(zip(RIGHTS, threads.map(stripe.has_right, RIGHTS), strict=True))


def rights_table(rights: dict[str, bool | None]) -> list[dict[str, str]]:
    """Return the rights as probed, for people: label, needed, state (`yes`, `no`, `unknown`), what breaks without it."""
    words = {True: "yes", False: "no", None: "unknown"}
    return [
        {"label": label, "needed": needed, "state": words[rights.get(right)], "breaks": breaks}
        for right, (label, needed, breaks) in RIGHTS.items()
        if rights
    ]


def _refusal_sentence(refusal: StripeRefused) -> str:
    if refusal.code == "api_key_expired":
        return (
            "This key has expired at Stripe. Copy the new one from Stripe’s dashboard, Developers > API keys."
        )
    if refusal.status == 401:
        return "Stripe does not know this key. Copy it again from Stripe’s dashboard, Developers > API keys."
    return f"Stripe does not let this key in: {refusal}"
