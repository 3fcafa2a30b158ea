"""Cards: Stripe's test tokens and what becomes of them. https://docs.stripe.com/testing"""

from __future__ import annotations

import hashlib
from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.billing import debits
from stripe_simulator.core.errors import bad_request, no_such
from stripe_simulator.core.objects import new_object

Json = dict[str, Any]

# token: (brand, last four digits, the decline code of a payment with it)
TOKENS: dict[str, tuple[str, str, str | None]] = {
    "pm_card_visa": ("visa", "4242", None),
    "pm_card_mastercard": ("mastercard", "4444", None),
    "pm_card_amex": ("amex", "8431", None),
    "pm_card_chargeCustomerFail": ("visa", "0341", "generic_decline"),
    "pm_card_chargeDeclined": ("visa", "0002", "generic_decline"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": ("visa", "9995", "insufficient_funds"),
    "pm_card_authenticationRequiredOnSetup": ("visa", "3155", None),
    "pm_card_authenticationRequired": ("visa", "3184", None),
}
AUTHENTICATED = {"3184"}
"""Cards that every payment must be confirmed with by their owner: https://docs.stripe.com/testing#authentication-and-setup"""
DECLINES = {last4: code for _, last4, code in TOKENS.values() if code}


def attach(mode: Mode, customer: Json, token: str) -> Json:
    """Give a customer the card behind a token. Raise StripeError (400)."""
    return mode.add(method(mode, customer["id"], token, details(customer)), "payment_method.attached")


def method(mode: Mode, customer: str | None, token: str, billing: Json) -> Json:
    """Return the card behind a token as a payment method. Raise StripeError (400)."""
    if token not in TOKENS:
        raise no_such("PaymentMethod", token, "payment_method", 400)
    if mode.livemode and token != "pm_card_visa":
        raise bad_request("Test cards that decline exist in test mode only.", "payment_method")
    payment_method = new_object(
        "payment_method", type="card", customer=customer, metadata={}, card=_card(token)
    )
    return payment_method | {"billing_details": billing, "allow_redisplay": "always"}


def details(customer: Json | None) -> Json:
    """Return billing details as the customer has them."""
    known = customer or {}
    names = ("address", "email", "name", "phone")
    return {**{name: known.get(name) for name in names}, "tax_id": None}


def _card(token: str) -> Json:
    brand, last4, _ = TOKENS[token]
    return {
        "brand": brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": brand,
        "exp_month": 12,
        "exp_year": 2034,
        "fingerprint": hashlib.sha256(token.encode()).hexdigest()[:16],
        "funding": "credit",
        "generated_from": None,
        "last4": last4,
        "networks": {"available": [brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def of_customer(mode: Mode, customer: Json, method_id: str, param: str = "default_payment_method") -> Json:
    """Return a customer's card by its id; a token is attached first. Raise StripeError (400)."""
    if method_id in TOKENS:
        return attach(mode, customer, method_id)
    method = mode.find("payment_method", method_id, param, 400)
    if method["customer"] != customer["id"]:
        raise bad_request(f"The customer does not have a payment method with the ID {method_id}.", param)
    return method


def for_subscription(mode: Mode, subscription: Json) -> Json | None:
    """Return the card that a subscription's invoices are paid with, if there is one."""
    customer = mode.find("customer", subscription["customer"])
    chosen = subscription["default_payment_method"] or customer["invoice_settings"]["default_payment_method"]
    return mode.get("payment_method", chosen) if chosen else None


def usual(mode: Mode, customer: Json) -> Json:
    """Return the customer's card; one that works is attached if there is none, as a paid Checkout would."""
    default = customer["invoice_settings"]["default_payment_method"]
    method = (
        mode.get("payment_method", default)
        if default
        else mode.newest("payment_method", customer=customer["id"])
    )
    return method or attach(mode, customer, "pm_card_visa")


def must_confirm(method: Json) -> bool:
    """Return whether the owner of this card must confirm each payment."""
    return method["type"] == "card" and method["card"]["last4"] in AUTHENTICATED


def decline_code(method: Json | None) -> str | None:
    """Return why a payment with this card fails; None when it works."""
    return DECLINES.get(method["card"]["last4"]) if method and method["type"] == "card" else None


def on_charge(method: Json) -> Json:
    """Return the card, or the bank account, as a charge shows it."""
    if method["type"] != "card":
        return debits.on_charge(method)
    card = method["card"]
    kept = (
        "brand",
        "checks",
        "country",
        "exp_month",
        "exp_year",
        "fingerprint",
        "funding",
        "last4",
        "wallet",
    )
    return {
        "type": "card",
        "card": {
            **{name: card[name] for name in kept},
            "amount_authorized": None,
            "authorization_code": None,
            "installments": None,
            "mandate": None,
            "network": card["brand"],
            "network_transaction_id": None,
            "regulated_status": "unregulated",
            "three_d_secure": None,
            "transaction_link_id": None,
        },
    }
