"""A card as a person types it: Stripe's test numbers. https://docs.stripe.com/testing#cards"""

from __future__ import annotations

import re
from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.billing import cards
from stripe_simulator.core.errors import StripeError
from stripe_simulator.core.objects import now

Json = dict[str, Any]

# number: the token of the same card
NUMBERS = {
    "4242424242424242": "pm_card_visa",
    "5555555555554444": "pm_card_mastercard",
    "378282246310005": "pm_card_amex",
    "4000000000000341": "pm_card_chargeCustomerFail",
    "4000000000000002": "pm_card_chargeDeclined",
    "4000002760003184": "pm_card_authenticationRequired",
    "4000000000009995": "pm_card_visa_chargeDeclinedInsufficientFunds",
}
# cards that cannot even be saved: code and words
REFUSED = {
    "4000000000000002": ("card_declined", "Your card was declined."),
    "4000000000009995": ("card_declined", "Your card has insufficient funds."),
    "4000000000000069": ("expired_card", "Your card has expired."),
    "4000000000000127": ("incorrect_cvc", "Your card’s security code is incorrect."),
    "4000000000000119": ("processing_error", "An error occurred while processing your card. Try again."),
}


def token(form: Any) -> str:
    """Return the token of the card in a form: `number`, `expiry` as MM/YY, `cvc`. Raise StripeError (400, 402)."""
    number = re.sub(r"\s", "", form.get("number", ""))
    if not re.fullmatch(r"\d{13,19}", number) or not _adds_up(number):
        raise _wrong("Your card number is invalid.", "number")
    expiry = re.fullmatch(r"\s*(\d\d)\s*/\s*(\d\d)\s*", form.get("expiry", ""))
    if not expiry or not 1 <= int(expiry[1]) <= 12:
        raise _wrong("Your card’s expiration date is incomplete.", "expiry")
    if not _in_future(int(expiry[1]), 2000 + int(expiry[2])):
        raise _wrong("Your card’s expiration year is in the past.", "expiry")
    if not re.fullmatch(r"\d{3,4}", form.get("cvc", "").strip()):
        raise _wrong("Your card’s security code is incomplete.", "cvc")
    if number in NUMBERS:
        return NUMBERS[number]
    code, words = REFUSED.get(number, ("test_mode_live_card", "Use one of Stripe’s test cards here."))
    raise StripeError(402, words, type="card_error", code=code, param="number")


def attach(mode: Mode, customer: Json, form: Any) -> Json:
    """Save the card in a form for later payments. Raise StripeError (400, 402)."""
    chosen = token(form)
    number = re.sub(r"\s", "", form["number"])
    if number in REFUSED:
        code, words = REFUSED[number]
        raise StripeError(402, words, type="card_error", code=code, param="number")
    return cards.attach(mode, customer, chosen)


def make_default(mode: Mode, customer: Json, method: Json) -> Json:
    """Make a card the default for invoices, those of running subscriptions too. Return the customer."""
    settings = customer["invoice_settings"] | {"default_payment_method": method["id"]}
    for each in mode.every("subscription", customer=customer["id"]):
        if each["default_payment_method"] not in (None, method["id"]):
            mode.change(each, "customer.subscription.updated", default_payment_method=method["id"])
    return mode.change(customer, "customer.updated", invoice_settings=settings)


def _in_future(month: int, year: int) -> bool:
    this = now() / (365.2425 * 86_400) + 1970
    return year + month / 12 > this


def _adds_up(number: str) -> bool:
    """Return whether a card number passes Luhn's check."""
    digits = [int(each) for each in reversed(number)]
    doubled = [each * 2 - 9 * (each > 4) for each in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _wrong(words: str, param: str) -> StripeError:
    return StripeError(400, words, type="card_error", code=f"invalid_{param}", param=param)
