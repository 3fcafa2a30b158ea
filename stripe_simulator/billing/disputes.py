"""A cardholder disputes a charge: https://docs.stripe.com/disputes/how-disputes-work."""

from __future__ import annotations

from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.core.calendar import DAY
from stripe_simulator.core.errors import bad_request
from stripe_simulator.core.objects import new_object, now

Json = dict[str, Any]
ANSWER_SECONDS = 7 * DAY


def begin(mode: Mode, charge: Json, reason: str = "fraudulent") -> Json:
    """Open a dispute: the bank takes the money back until it is decided. Return the dispute. Raise StripeError (400)."""
    if charge["disputed"] or charge["status"] != "succeeded" or not charge["captured"] or charge["refunded"]:
        raise bad_request(f"Charge {charge['id']} cannot be disputed.", "charge")
    mode.change(charge, disputed=True)
    dispute = new_object(
        "dispute",
        amount=charge["amount"] - charge["amount_refunded"],
        balance_transactions=[],
        charge=charge["id"],
        currency=charge["currency"],
        enhanced_eligibility_types=[],
        evidence_details={
            "due_by": now() + ANSWER_SECONDS,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        is_charge_refundable=False,
        metadata={},
        payment_intent=charge["payment_intent"],
        payment_method_details=_card(charge),
        reason=reason,
        status="needs_response",
    )
    dispute["evidence"]["enhanced_evidence"] = {}
    return mode.add(dispute, "charge.dispute.created", "charge.dispute.funds_withdrawn")


def _card(charge: Json) -> Json:
    brand = charge["payment_method_details"].get("card", {}).get("brand", "visa")
    card = {"brand": brand, "case_type": "chargeback", "network": brand, "network_reason_code": "10.4"}
    return {"type": "card", "card": card}


def end(mode: Mode, charge: Json, won: bool) -> Json:
    """Close a dispute as won or lost. Return it. Raise StripeError (400) where none is open."""
    dispute = mode.newest("dispute", charge=charge["id"], status="needs_response")
    if dispute is None:
        raise bad_request(f"Charge {charge['id']} has no open dispute.", "charge")
    closed = mode.change(dispute, "charge.dispute.closed", status="won" if won else "lost")
    if won:
        mode.change(charge, disputed=False)
        mode.record("charge.dispute.funds_reinstated", closed)
    return closed
