"""The content security policy of the payment pages: the site's own, and what Stripe's documentation asks for.

https://docs.stripe.com/security/guide#content-security-policy. A browser follows a form's answer only to where the
page's `form-action` allows, so the forms that lead to Checkout allow its address.
"""

from __future__ import annotations

from flask import Flask

from umstripe.config import STRIPE_API
from umstripe.security.headers import CSP, allow
from umstripe.views.offers import CHECKOUT, checkout_origin

JS = "https://js.stripe.com https://*.js.stripe.com"
CHECKOUT_FORMS = ("register.register", "subscribe.show", "subscribe.password", "subscribe.pay")
EMBEDDED = {
    "script-src": f"'self' {JS} {CHECKOUT}",
    "frame-src": f"{JS} https://hooks.stripe.com {CHECKOUT}",
    "connect-src": f"'self' https://api.stripe.com {CHECKOUT}",
    "img-src": "'self' data: https://*.stripe.com",
}


def init_app(app: Flask) -> None:
    base = app.config["STRIPE_API_BASE"]
    with_checkout = {**CSP, "form-action": f"'self' {checkout_origin(app)}"}
    embedded = {**CSP, **(EMBEDDED if base == STRIPE_API else _simulator_sources(base))}
    allow(app, "checkout.pay", embedded)
    for endpoint in CHECKOUT_FORMS:
        allow(app, endpoint, with_checkout)


def _simulator_sources(base: str) -> dict[str, str]:
    return dict.fromkeys(("script-src", "frame-src", "connect-src"), f"'self' {base}")
