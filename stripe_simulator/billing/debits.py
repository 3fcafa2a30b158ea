"""Bank debits: payments whose end is days away. https://docs.stripe.com/payments/bank-debits"""

from __future__ import annotations

from typing import Any

from stripe_simulator.core.objects import new_object, random_text

Json = dict[str, Any]
LAST4 = "6789"
US: Json = {
    "account_holder_type": "individual",
    "account_type": "checking",
    "bank_name": "STRIPE TEST BANK",
    "last4": LAST4,
    "routing_number": "110000000",
}
SEPA: Json = {"bank_code": "37040044", "branch_code": "", "country": "DE", "last4": "3000"}


def method(kind: str, customer: str | None, billing: Json) -> Json:
    """Return a bank account to debit: `us_bank_account` or `sepa_debit`."""
    payment_method = new_object(
        "payment_method", type=kind, customer=customer, metadata={}, billing_details=billing
    )
    payment_method["allow_redisplay"] = "limited"
    return payment_method | {kind: _account(kind)}


def _account(kind: str) -> Json:
    mark = {"fingerprint": random_text(16)}
    if kind == "sepa_debit":
        return SEPA | mark | {"generated_from": {"charge": None, "setup_attempt": None}}
    more: Json = {"financial_connections_account": None, "status_details": {}}
    return US | mark | more | {"networks": {"preferred": "ach", "supported": ["ach"]}}


def on_charge(method: Json) -> Json:
    """Return the bank account as a charge shows it."""
    kind = method["type"]
    mark = {"fingerprint": method[kind]["fingerprint"]}
    if kind == "sepa_debit":
        return {"type": kind, kind: SEPA | mark | {"mandate": f"mandate_1{random_text(23)}"}}
    mandate = {"mandate": f"mandate_1{random_text(23)}", "payment_reference": None}
    return {"type": kind, kind: US | mark | mandate}
