"""Money that comes and goes: payment intents, charges, refunds. Amounts are in the currency's smallest unit.

https://docs.stripe.com/payments/paymentintents/lifecycle
"""

from __future__ import annotations

from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.billing import cards
from stripe_simulator.core.calendar import DAY
from stripe_simulator.core.errors import StripeError, bad_request
from stripe_simulator.core.objects import new_object, now, random_text

Json = dict[str, Any]
HOLD_SECONDS = 7 * DAY
GOOD = {"network_status": "approved_by_network", "reason": None, "type": "authorized"}
BAD = {"network_status": "declined_by_network", "type": "issuer_declined"}

# decline code: what the buyer is told
WORDS = {"insufficient_funds": "Your card has insufficient funds."}


def intent(
    mode: Mode, customer: Json | None, amount: int, currency: str, method: Json | None, **fields: Any
) -> Json:
    """Return a new payment intent that waits for its payment; of nobody in particular without a customer."""
    if amount < 1:
        raise bad_request("Invalid positive integer", "amount", "parameter_invalid_integer")
    payment_intent = new_object(
        "payment_intent",
        amount=amount,
        amount_capturable=0,
        amount_details={"tip": {}},
        amount_received=0,
        capture_method="automatic",
        confirmation_method="automatic",
        currency=currency,
        customer=customer and customer["id"],
        payment_method=method and method["id"],
        payment_method_types=["card"],
        payment_method_options={},
        status="requires_payment_method",
    )
    payment_intent["client_secret"] = f"{payment_intent['id']}_secret_{random_text(25)}"
    return mode.add(payment_intent | fields, "payment_intent.created")


def _charge(paid_for: Json, method: Json, **fields: Any) -> Json:
    return new_object(
        "charge",
        amount=paid_for["amount"],
        billing_details=method["billing_details"],
        calculated_statement_descriptor="UMSTRIPE SIMULATOR",
        currency=paid_for["currency"],
        customer=paid_for["customer"],
        description=paid_for["description"],
        fraud_details={},
        metadata=paid_for["metadata"],
        payment_intent=paid_for["id"],
        payment_method=method["id"],
        payment_method_details=cards.on_charge(method),
        **fields,
    )


def succeed(mode: Mode, paid_for: Json, method: Json) -> Json:
    """Let the payment succeed. Return the charge."""
    manual = paid_for["capture_method"] == "manual"
    charge = _charge(paid_for, method, status="succeeded", paid=True, outcome=_outcome())
    charge |= _captured(charge, 0 if manual else charge["amount"])
    if manual:
        charge["payment_method_details"]["card"]["capture_before"] = now() + HOLD_SECONDS
    mode.add(charge, "charge.succeeded")
    if manual:
        event, fields = "amount_capturable_updated", {"amount_capturable": charge["amount"]}
        status = "requires_capture"
    else:
        event, fields, status = "succeeded", {"amount_received": charge["amount"]}, "succeeded"
    fields |= {"status": status, "latest_charge": charge["id"], "last_payment_error": None}
    fields["next_action"] = None
    mode.change(paid_for, f"payment_intent.{event}", **fields, payment_method=method["id"])
    return charge


def ask(mode: Mode, paid_for: Json, method: Json) -> Json:
    """Ask the owner of the card to confirm the payment. Return the intent."""
    action = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    fields = {"status": "requires_action", "next_action": action, "payment_method": method["id"]}
    return mode.change(paid_for, "payment_intent.requires_action", **fields)


def _captured(charge: Json, amount: int) -> Json:
    receipt = f"https://pay.stripe.com/receipts/{charge['id']}"
    balance = f"txn_3{random_text(23)}" if amount else None
    return {
        "amount_captured": amount,
        "captured": amount > 0,
        "balance_transaction": balance,
        "receipt_url": receipt,
    }


def _outcome(**failed: Any) -> Json:
    base = {"advice_code": None, "network_advice_code": None, "network_decline_code": None}
    risk = {"risk_level": "normal", "risk_score": 20, "seller_message": "Payment complete."}
    return base | risk | (failed or GOOD)


def decline(mode: Mode, paid_for: Json, method: Json, code: str = "generic_decline") -> Json:
    """Let the payment fail. Return the charge."""
    message = WORDS.get(code, "Your card was declined.")
    outcome = _outcome(**BAD, reason=code, seller_message="The bank declined the payment.")
    failure = {"failure_code": "card_declined", "failure_message": message}
    charge = _charge(paid_for, method, status="failed", outcome=outcome, **failure)
    mode.add(charge, "charge.failed")
    _fail_intent(mode, paid_for, charge, method, code)
    return charge


def _fail_intent(mode: Mode, paid_for: Json, charge: Json, method: Json | None, code: str) -> None:
    error = {
        "type": "card_error",
        "code": "card_declined",
        "decline_code": code,
        "charge": charge["id"],
        "doc_url": "https://stripe.com/docs/error-codes/card-declined",
        "message": WORDS.get(code, "Your card was declined."),
    }
    error |= {"payment_method": method} if method else {}
    fields = {"status": "requires_payment_method", "last_payment_error": error, "payment_method": None}
    mode.change(paid_for, "payment_intent.payment_failed", latest_charge=charge["id"], **fields)


def begin_slow(mode: Mode, paid_for: Json, method: Json) -> Json:
    """Begin a payment whose end is days away, like a bank debit. Return the pending charge."""
    charge = _charge(paid_for, method, status="pending", outcome=_outcome())
    mode.add(charge, "charge.pending")
    fields = {"status": "processing", "latest_charge": charge["id"], "payment_method": method["id"]}
    mode.change(paid_for, "payment_intent.processing", **fields)
    return charge


def _intent_of(mode: Mode, charge: Json) -> Json:
    return mode.find("payment_intent", charge["payment_intent"])


def end_slow(mode: Mode, charge: Json, well: bool) -> Json:
    """Let a pending charge succeed or fail. Raise StripeError (400) for one that is not pending."""
    _only(charge["status"] == "pending", charge, "is not pending")
    paid_for = _intent_of(mode, charge)
    if not well:
        failure = {"failure_code": "card_declined", "failure_message": "Your bank declined the payment."}
        charge = mode.change(charge, "charge.failed", status="failed", **failure)
        _fail_intent(mode, paid_for, charge, None, "generic_decline")
        return charge
    fields = _captured(charge, charge["amount"])
    charge = mode.change(charge, "charge.succeeded", status="succeeded", paid=True, **fields)
    mode.change(paid_for, "payment_intent.succeeded", status="succeeded", amount_received=charge["amount"])
    return charge


def capture(mode: Mode, charge: Json, amount: int | None = None) -> Json:
    """Take the money that was set aside, or a part; the rest goes back. Raise StripeError (400)."""
    _only(_set_aside(charge), charge, "has nothing to capture")
    captured = charge["amount"] if amount is None else amount
    fields = _captured(charge, captured) | {"amount_refunded": charge["amount"] - captured}
    charge = mode.change(charge, "charge.captured", **fields)
    changes = {"status": "succeeded", "amount_capturable": 0, "amount_received": captured}
    mode.change(_intent_of(mode, charge), "payment_intent.succeeded", **changes)
    return charge


def expire(mode: Mode, charge: Json) -> Json:
    """Give back the money that was set aside: seven days are over. Raise StripeError (400)."""
    _only(_set_aside(charge), charge, "has nothing that could expire")
    cancel(mode, _intent_of(mode, charge), "automatic", "charge.expired")
    return mode.find("charge", charge["id"])


def cancel(mode: Mode, paid_for: Json, reason: str | None, event: str = "charge.refunded") -> Json:
    """End a payment intent without a payment; what was set aside is given back. Return the intent."""
    charge = mode.get("charge", paid_for["latest_charge"] or "")
    if charge and _set_aside(charge):
        mode.change(charge, event, refunded=True, amount_refunded=charge["amount"])
    fields = {
        "status": "canceled",
        "canceled_at": now(),
        "cancellation_reason": reason,
        "amount_capturable": 0,
    }
    return mode.change(paid_for, "payment_intent.canceled", **fields)


def _set_aside(charge: Json) -> bool:
    return charge["status"] == "succeeded" and not charge["captured"] and not charge["refunded"]


def _only(good: bool, charge: Json, why: str) -> None:
    if not good:
        raise bad_request(f"Charge {charge['id']} {why}.", "charge")


def refund(mode: Mode, charge: Json, amount: int | None = None, **fields: Any) -> Json:
    """Give money back, all that is left by default. Return the refund. Raise StripeError (400)."""
    left = charge["amount"] - charge["amount_refunded"]
    if charge["refunded"]:
        raise StripeError(
            400, f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    _only(charge["status"] == "succeeded" and charge["captured"], charge, "has no payment to refund")
    amount = left if amount is None else amount
    if not 0 < amount <= left:
        raise bad_request(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
            if amount > 0
            else "Invalid positive integer",
            "amount",
        )
    refunded = (
        new_object("refund", amount=amount, status="succeeded", metadata={}, **_of_charge(charge)) | fields
    )
    after = charge["amount_refunded"] + amount
    changes = {"amount_refunded": after, "refunded": after == charge["amount"]}
    mode.change(charge, "charge.refunded", **changes)
    return mode.add(refunded, "refund.created")


def _of_charge(charge: Json) -> Json:
    return {
        "balance_transaction": f"txn_3{random_text(23)}",
        "charge": charge["id"],
        "currency": charge["currency"],
        "destination_details": {"type": "card", "card": {"type": "refund"}},
        "payment_intent": charge["payment_intent"],
    }
