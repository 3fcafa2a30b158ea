"""Signing of deliveries: https://docs.stripe.com/webhooks#verify-manually."""

from __future__ import annotations

import hashlib
import hmac


def header(body: bytes, secrets: list[str], at: int) -> str:
    """Return the value of `Stripe-Signature` for a raw body, sent at `at` (seconds, UTC). One v1 for each secret."""
    signed = f"{at}.".encode() + body
    macs = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={at}", *(f"v1={mac}" for mac in macs)])
