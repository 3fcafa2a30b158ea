"""The form on a session's page: what a person typed, and what is wrong with it.

Stripe's test numbers: https://docs.stripe.com/testing#cards
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from stripe_simulator.billing import card_forms
from stripe_simulator.checkout import payment
from stripe_simulator.checkout.sessions import DEBITS
from stripe_simulator.core.objects import now

Json = dict[str, Any]
NUMBERS = card_forms.NUMBERS | {
    "4000002500003155": "pm_card_authenticationRequiredOnSetup",
    "4000002760003184": "pm_card_authenticationRequired",
}
KEPT = (
    "email", "name", "line1", "city", "postal_code", "country", "promotion_code", "method", "number", "expiry",
)  # fmt: skip
ADDRESS = ("line1", "city", "postal_code", "country")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


def typed(form: Mapping[str, str]) -> Json:
    """Return what is shown again. The security code never is."""
    return {name: form.get(name, "").strip()[:300] for name in KEPT}


def asks_address(session: Json) -> bool:
    """Return whether the page asks for a billing address."""
    return session["billing_address_collection"] == "required" or session["automatic_tax"]["enabled"]


def errors(session: Json, customer: Json | None, form: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong, as field to sentence."""
    form_values, messages = typed(form), {}
    if not (customer and customer["email"]) and not EMAIL.fullmatch(form_values["email"]):
        messages["email"] = "Enter your e-mail address, like jane@example.com."
    if asks_address(session):
        messages |= {name: "Fill this in." for name in ADDRESS if not form_values[name]}
    if payment.needs_method(session):
        messages |= _card_errors(form_values, form.get("cvc", "")) if _by_card(session, form_values) else {}
    return messages


def _by_card(session: Json, form_values: Json) -> bool:
    return form_values["method"] != "bank_debit" or debit_of(session) is None


def debit_of(session: Json) -> str | None:
    """Return the kind of bank debit that a session takes."""
    kind = DEBITS.get(session["currency"])
    return kind if kind in session["payment_method_types"] else None


def _card_errors(form_values: Json, cvc: str) -> dict[str, str]:
    messages = {}
    number = re.sub(r"\D", "", form_values["number"])
    if not number:
        messages["number"] = "Enter the card number."
    elif number not in NUMBERS:
        messages["number"] = "This is none of Stripe’s test cards. 4242 4242 4242 4242 always works."
    if problem := _expiry_error(form_values["expiry"]):
        messages["expiry"] = problem
    if not re.fullmatch(r"\d{3,4}", cvc.strip()):
        messages["cvc"] = "Enter the three or four digits of the security code."
    return messages


def _expiry_error(text: str) -> str | None:
    match = re.fullmatch(r"(\d{1,2})\s*/?\s*(?:20)?(\d{2})", text)
    if not match or not 1 <= int(match[1]) <= 12:
        return "Enter the month and the year, like 12 / 34."
    present = now() / (365.2425 * 24 * 3600) + 1970
    if 2000 + int(match[2]) + int(match[1]) / 12 < present:
        return "This card has expired."
    return None


def payer(session: Json, customer: Json | None, form: Mapping[str, str]) -> payment.Payer:
    """Return who pays and how. Only for a form without errors."""
    form_values, known = typed(form), customer or {}
    address = {"line2": None, "state": None} | {name: form_values[name] or None for name in ADDRESS}
    by_card = _by_card(session, form_values)
    token = NUMBERS.get(re.sub(r"\D", "", form_values["number"])) if by_card else None
    return payment.Payer(
        email=known.get("email") or form_values["email"],
        name=form_values["name"] or known.get("name"),
        address=address if asks_address(session) else None,
        token=token if payment.needs_method(session) else None,
        debit=None if by_card else debit_of(session),
    )
