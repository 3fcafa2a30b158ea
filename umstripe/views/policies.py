"""What the pages around paying may do beyond the site's own policy: exactly what Stripe's documentation asks for.

https://docs.stripe.com/security/guide#content-security-policy. A browser follows a form's answer only to where the
page's `form-action` allows, so the forms that lead to Checkout allow its address.
"""

from __future__ import annotations

from flask import Flask

from umstripe.config import STRIPE_API
from umstripe.security.headers import CSP, allow
from umstripe.views.offers import CHECKOUT

JS = "https://js.stripe.com https://*.js.stripe.com"
LEADING_TO_CHECKOUT = ("register.register", "subscribe.show", "subscribe.password", "subscribe.pay")
EMBEDDING = {
    "script-src": f"'self' {JS} {CHECKOUT}",
    "frame-src": f"{JS} https://hooks.stripe.com {CHECKOUT}",
    "connect-src": f"'self' https://api.stripe.com {CHECKOUT}",
    "img-src": "'self' data: https://*.stripe.com",
}


def init_app(app: Flask) -> None:
    base = app.config["STRIPE_API_BASE"]
    leading = {**CSP, "form-action": f"'self' {CHECKOUT if base == STRIPE_API else base}"}
    embedding = {**CSP, **(EMBEDDING if base == STRIPE_API else _of_simulator(base))}
    allow(app, "checkout.pay", embedding)
    for endpoint in LEADING_TO_CHECKOUT:
        allow(app, endpoint, leading)


def _of_simulator(base: str) -> dict[str, str]:
    return dict.fromkeys(("script-src", "frame-src", "connect-src"), f"'self' {base}")
