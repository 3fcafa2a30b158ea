"""The payment of a Checkout session, by its page or without a browser.

https://docs.stripe.com/payments/checkout/fulfill-orders
"""

from __future__ import annotations

import dataclasses
from typing import Any

from stripe_simulator.account import test_clocks
from stripe_simulator.account.account import Mode
from stripe_simulator.billing import cards, customers, debits, discounts, payments, sign_up
from stripe_simulator.checkout import payment_links, sessions
from stripe_simulator.core.errors import StripeError, bad_request
from stripe_simulator.core.fields import pick, updates

Json = dict[str, Any]
FIRST_CONFIRM = ("pm_card_authenticationRequiredOnSetup", "pm_card_authenticationRequired")
# cards that cannot even be saved for later
UNSAVABLE = ("0002", "9995")


@dataclasses.dataclass(frozen=True)
class Payer:
    """Who pays, and with what: the token of a card, or the kind of a bank debit, or nothing."""

    email: str | None
    name: str | None = None
    address: Json | None = None
    token: str | None = None
    debit: str | None = None

    def billing(self) -> Json:
        """Return billing details of the payment method."""
        return cards.details({"email": self.email, "name": self.name, "address": self.address})


def needs_method(session: Json) -> bool:
    """Return whether the page asks for a card or a bank account."""
    return session["amount_total"] > 0 or session["payment_method_collection"] == "always"


def attempt(mode: Mode, session: Json, payer: Payer) -> Json:
    """Pay. Return the session: complete, or open still with `asked.refusal`. Raise StripeError (400)."""
    if session["status"] != "open":
        raise bad_request(f"This session is {session['status']}.", "session")
    with test_clocks.time_of(mode, session["customer"] or ""):
        return _attempt(mode, session, payer)


def _attempt(mode: Mode, session: Json, payer: Payer) -> Json:
    if needs_method(session) and not (payer.token or payer.debit):
        raise bad_request("Choose how to pay.", "method")
    method = _method(mode, payer) if needs_method(session) else None
    code = _refusal(session, method)
    if method and code:
        return _refused(mode, session, method, code)
    return _complete(mode, session, payer, method)


def _method(mode: Mode, payer: Payer) -> Json:
    if payer.debit:
        return debits.method(payer.debit, None, payer.billing())
    return cards.method(mode, None, str(payer.token), payer.billing())


def _discounts(session: Json) -> list[Json]:
    """Return the session's discounts, as the API takes them."""
    return [{name: value for name, value in each.items() if value} for each in session["discounts"]]


def lost_discount(mode: Mode, session: Json) -> str | None:
    """Return why the discount of an open session cannot be had any more, or None."""
    try:
        discounts.chosen(
            mode, _discounts(session), session["currency"], session["customer"], session["amount_subtotal"]
        )
    except StripeError as error:
        return error.message
    return None


def _refusal(session: Json, method: Json | None) -> str | None:
    code = cards.decline_code(method)
    if method and code and not session["amount_total"] and method["card"]["last4"] not in UNSAVABLE:
        return None
    return code


def _refused(mode: Mode, session: Json, method: Json, code: str) -> Json:
    asked = session["asked"] | {"refusal": payments.WORDS.get(code, "Your card was declined.")}
    if session["mode"] == "payment":
        mode.keep(method | {"livemode": mode.livemode})
        paid_for = _intent(mode, session, None, method)
        payments.decline(mode, paid_for, method, code)
        asked["payment_intent"] = paid_for["id"]
    after = session | {"asked": asked}
    mode.keep(after)
    return after


def _complete(mode: Mode, session: Json, payer: Payer, method: Json | None) -> Json:
    customer = _customer(mode, session, payer)
    act = _subscribe if session["mode"] == "subscription" else _pay_once
    fields = act(mode, session, customer, method)
    typed = {"email": payer.email, "name": payer.name, "address": payer.address}
    fields["customer_details"] = sessions.details(customer or {}, typed)
    if session["automatic_tax"]["enabled"]:
        fields["automatic_tax"] = session["automatic_tax"] | {"status": "complete"}
    asked = session["asked"] | {"typed": {}, "pending": None, "refusal": None}
    payment_links.count(mode, session)
    mode.keep(session | {"asked": asked})
    return mode.change(
        session | {"asked": asked},
        "checkout.session.completed",
        status="complete",
        url=None,
        customer=customer and customer["id"],
        **fields,
    )


def _customer(mode: Mode, session: Json, payer: Payer) -> Json | None:
    """Return the buyer: the session's customer, a new one, or None for a guest."""
    typed = {"email": payer.email, "name": payer.name, "address": payer.address}
    if session["customer"] is None:
        if session["customer_creation"] != "always" and not _for_later(session):
            return None
        return customers.make(mode, {name: value for name, value in typed.items() if value})
    customer = mode.find("customer", session["customer"])
    update = session["asked"].get("customer_update", {})
    changes = {
        name: typed[name] for name in ("address", "name") if update.get(name) == "auto" and typed[name]
    }
    if not customer["email"] and payer.email:
        changes["email"] = payer.email
    return mode.change(customer, "customer.updated", **changes)


def _for_later(session: Json) -> bool:
    return "setup_future_usage" in session["asked"].get("payment_intent_data", {})


def _subscribe(mode: Mode, session: Json, customer: Json | None, method: Json | None) -> Json:
    assert customer is not None  # subscription mode always has one
    request_params = session["asked"]
    data = request_params.get("subscription_data", {})
    if method:
        method = mode.add(method | {"customer": customer["id"]}, "payment_method.attached")
    subscription = sign_up.begin(
        mode,
        customer,
        _items(request_params["items"]),
        trial_end=sign_up.trial_end_from(data),
        outcome="slow" if method and method["type"] != "card" else "pay",
        discount=_discounts(session),
        default_payment_method=method and method["id"],
        metadata=data.get("metadata", {}),
        **updates(data, "description"),
        **pick(data, "trial_settings"),
    )
    slow = bool(method and method["type"] != "card")
    fields = {"subscription": subscription["id"], "invoice": subscription["latest_invoice"]}
    return fields | {"payment_status": _payment_status(session, slow)}


def _items(item_params: list[Json]) -> list[Json]:
    # A price that was archived since the session opened is still sold, as with Stripe.
    return [
        {name: each[name] for name in each if each[name] and name != "id"} | {"archived": True}
        for each in item_params
    ]


def _payment_status(session: Json, waits: bool) -> str:
    if session["amount_total"] == 0:
        return "no_payment_required"
    return "unpaid" if waits else "paid"


def _pay_once(mode: Mode, session: Json, customer: Json | None, method: Json | None) -> Json:
    if session["asked"]["discount"]:
        discounts.redeem(mode, session["asked"]["discount"])
    if session["amount_total"] == 0 or method is None:
        return {"payment_status": "no_payment_required"}
    if customer and _for_later(session):
        method = mode.add(method | {"customer": customer["id"]}, "payment_method.attached")
    else:
        mode.keep(method | {"livemode": mode.livemode})
    paid_for = _intent(mode, session, customer, method)
    slow = method["type"] != "card"
    if slow:
        payments.begin_slow(mode, paid_for, method)
    else:
        payments.succeed(mode, paid_for, method)
    waits = slow or paid_for["capture_method"] == "manual"
    return {"payment_intent": paid_for["id"], "payment_status": _payment_status(session, waits)}


def _intent(mode: Mode, session: Json, customer: Json | None, method: Json) -> Json:
    """Return the session's payment intent: a refused attempt leaves it to the next one."""
    known = mode.get("payment_intent", session["asked"].get("payment_intent", ""))
    if known and known["amount"] == session["amount_total"]:
        after = known | {"customer": customer and customer["id"]}
        mode.keep(after)
        return after
    data = session["asked"].get("payment_intent_data", {})
    names = ("capture_method", "description", "metadata", "receipt_email", "setup_future_usage")
    fields = pick(data, *names) | {"payment_method_types": session["payment_method_types"]}
    return payments.intent(mode, customer, session["amount_total"], session["currency"], method, **fields)
