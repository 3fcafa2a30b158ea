"""Actions for a Checkout session without a browser."""

from __future__ import annotations

import re
from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.billing import cards, discounts
from stripe_simulator.checkout import delayed_payments, payment, payment_form, sessions
from stripe_simulator.core.errors import bad_request

Json = dict[str, Any]
ACTIONS = ("pay", "settle", "fail", "expire")


def act(mode: Mode, session: Json, action: str, values: Json) -> Json:
    """Take an action for a session. Return it. Raise StripeError (400).

    `pay` takes `email`, `name`, `card` (a token or a number), `method` (`card`, `bank_debit`) and
    `promotion_code`; a card that is declined leaves the session open, with the reason as `refusal`.
    """
    if action == "pay":
        return pay(mode, session, values)
    if action == "expire":
        return sessions.expire(mode, session)
    if action in ("settle", "fail"):
        return delayed_payments.end_of_session(mode, session, well=action == "settle")
    raise bad_request(f"Invalid action: must be one of {', '.join(ACTIONS)}", "action")


def pay(mode: Mode, session: Json, values: Json) -> Json:
    """Complete a session as the page would; payments that want confirming are confirmed."""
    customer = mode.get("customer", session["customer"]) if session["customer"] else None
    if text := values.get("promotion_code"):
        session = _with_code(mode, session, str(text))
    known = (customer or {}).get("email") or session["customer_email"]
    debit = payment_form.debit_of(session) if values.get("method") == "bank_debit" else None
    if values.get("method") == "bank_debit" and debit is None:
        raise bad_request("This session takes no bank debit.", "method")
    payer = payment.Payer(
        email=known or values.get("email", "jane@example.com"),
        name=values.get("name") or (customer or {}).get("name"),
        address=values.get("address"),
        token=None if debit else _token(str(values.get("card", "pm_card_visa"))),
        debit=debit,
    )
    after = payment.attempt(mode, session, payer)
    return after | {"refusal": after["asked"].get("refusal")}


def _token(card: str) -> str:
    token = payment_form.NUMBERS.get(re.sub(r"\D", "", card), card)
    if token not in cards.TOKENS:
        raise bad_request("card must be one of Stripe's test tokens or numbers.", "card")
    return token


def _with_code(mode: Mode, session: Json, text: str) -> Json:
    code = discounts.code_named(mode, text)
    if code is None or not session["allow_promotion_codes"]:
        raise bad_request("This code is invalid.", "promotion_code")
    chosen = discounts.by_code(
        mode, code, session["currency"], session["customer"], session["amount_subtotal"]
    )
    return sessions.with_discount(mode, session, chosen)
