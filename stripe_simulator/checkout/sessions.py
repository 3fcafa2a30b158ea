"""A session's life: it opens, may be changed on its page, and expires. Paying is in `payment`."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from typing import Any

from stripe_simulator.account import due
from stripe_simulator.account.account import Account, Mode
from stripe_simulator.billing import discounts
from stripe_simulator.checkout import line_items, validation
from stripe_simulator.core import page_urls
from stripe_simulator.core.calendar import DAY
from stripe_simulator.core.errors import StripeError, bad_request
from stripe_simulator.core.fields import merged_metadata, pick
from stripe_simulator.core.objects import new_object, random_text, real_now

Json = dict[str, Any]
KIND = "checkout.session"
DEBITS = {"usd": "us_bank_account", "eur": "sepa_debit"}
NO_TEXT = dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance"))
PLAIN = ("allow_promotion_codes", "billing_address_collection", "cancel_url", "client_reference_id", "customer",
         "customer_email", "locale", "success_url", "submit_type", "origin_context")  # fmt: skip
NO_INVOICE: Json = {
    "account_tax_ids": None,
    "custom_fields": None,
    "description": None,
    "footer": None,
    "issuer": None,
    "metadata": {},
    "rendering_options": None,
}


def make(mode: Mode, params: Json, **more: Any) -> Json:
    """Return a new session. `more` are fields that no parameter sets. Raise StripeError (400)."""
    validation.check(mode, params)
    items = line_items.from_params(mode, params["line_items"], params["mode"])
    currency = line_items.currency_of(mode, items)
    if params.get("currency", currency).lower() != currency:
        raise bad_request("The price specified only supports `" + currency + "`.", "currency")
    request_params = pick(params, "customer_update", "payment_intent_data", "subscription_data")
    session = new_object(
        KIND,
        id=f"cs_{mode.name}_a1{random_text(56)}",
        created=real_now(),
        currency=currency,
        expires_at=params.get("expires_at", real_now() + DAY),
        metadata=merged_metadata({}, params),
        mode=params["mode"],
        payment_method_options={},
        payment_method_types=_types(params, currency),
        payment_status="unpaid",
        phone_number_collection={"enabled": params.get("phone_number_collection", {}).get("enabled", False)},
        status="open",
        **pick(params, *PLAIN),
        **_by_ui(params),
        **_by_mode(params),
        **_by_tax(params),
        **_by_text(params),
    )
    session |= _address(session) | {"customer_details": _details(mode, session)} | more
    session["asked"] = request_params | {"items": items, "discount": None, "typed": {}, "pending": None}
    session |= amounts(mode, session)
    discount_params = params.get("discounts", [])
    chosen = discounts.chosen(
        mode, discount_params, currency, session["customer"], session["amount_subtotal"]
    )
    return mode.add(_checked(with_discount(mode, session, chosen)))


def _types(params: Json, currency: str) -> list[str]:
    """Return the payment method types: cards, and a bank debit where the currency has one and nothing is captured later."""
    manual = params.get("payment_intent_data", {}).get("capture_method") == "manual"
    known = ["card"] if manual or currency not in DEBITS else ["card", DEBITS[currency]]
    payment_types = params.get("allowed_payment_method_types") or known
    away = params.get("excluded_payment_method_types", [])
    return [each for each in known if each in payment_types and each not in away] or ["card"]


def _by_ui(params: Json) -> Json:
    ui = params.get("ui_mode", "hosted_page")
    if ui == "hosted_page":
        return {"ui_mode": ui}
    fields = {"ui_mode": ui, "redirect_on_completion": params.get("redirect_on_completion", "always")}
    return fields | pick(params, "return_url")


def _by_mode(params: Json) -> Json:
    if params["mode"] == "subscription":
        creation = None if "customer" in params else "always"
        collection = params.get("payment_method_collection", "always")
        return {"customer_creation": creation, "payment_method_collection": collection}
    creation = None if "customer" in params else params.get("customer_creation", "if_required")
    invoiced = params.get("invoice_creation", {}).get("enabled", False)
    return {
        "customer_creation": creation,
        "payment_method_collection": "if_required",
        "invoice_creation": {"enabled": invoiced, "invoice_data": dict(NO_INVOICE)},
    }


def _by_tax(params: Json) -> Json:
    fields: Json = {}
    if params.get("automatic_tax", {}).get("enabled"):
        liability = {"type": "self"}
        tax = {"enabled": True, "liability": liability, "provider": "stripe"}
        fields["automatic_tax"] = tax | {"status": "requires_location_inputs"}
    if collection := params.get("tax_id_collection"):
        fields["tax_id_collection"] = {"required": "never"} | collection
    return fields


def _by_text(params: Json) -> Json:
    """Return what the seller has added to the page: https://docs.stripe.com/api/checkout/sessions/create, `custom_text`."""
    added = {name: text or None for name, text in params.get("custom_text", {}).items()}
    return {"custom_text": NO_TEXT | added} if added else {}


def _address(session: Json) -> Json:
    if session["ui_mode"] == "hosted_page":
        return {"url": page_urls.address(f"/c/pay/{session['id']}")}
    return {"client_secret": f"{session['id']}_secret_{random_text(40)}"}


def _details(mode: Mode, session: Json) -> Json | None:
    """Return what is known of the buyer before the page is filled in."""
    known = mode.get("customer", session["customer"]) if session["customer"] else None
    if known is None and not session["customer_email"]:
        return None
    who = known or {"email": session["customer_email"]}
    return details(who, {})


def details(customer: Json, typed: Json) -> Json:
    """Return `customer_details`; what was typed counts before what was known."""
    shown = {name: typed.get(name) or customer.get(name) for name in ("address", "email", "name", "phone")}
    return shown | {
        "business_name": None,
        "individual_name": None,
        "tax_exempt": customer.get("tax_exempt", "none"),
        "tax_ids": [] if typed else None,
    }


def amounts(mode: Mode, session: Json) -> Json:
    """Return the amounts and line items of a session, as they are now."""
    request_params = session["asked"]
    url = f"/v1/checkout/sessions/{session['id']}"
    return line_items.whole(
        mode,
        request_params["items"],
        url,
        discounts.coupon_of(mode, request_params["discount"]),
        on_trial(session),
    )


def on_trial(session: Json) -> bool:
    """Return whether the subscription will begin with a trial."""
    data = session["asked"].get("subscription_data", {})
    return bool(data.get("trial_period_days") or data.get("trial_end"))


def with_discount(mode: Mode, session: Json, chosen: Json | None) -> Json:
    """Return the session with another discount, or none."""
    code = chosen and chosen["promotion_code"]
    shown = [{"coupon": None if code else chosen["coupon"], "promotion_code": code}] if chosen else []
    after = session | {"asked": session["asked"] | {"discount": chosen}, "discounts": shown}
    return after | amounts(mode, after)


def _checked(session: Json) -> Json:
    least, total = line_items.LEAST.get(session["currency"], 1), session["amount_total"]
    if session["mode"] == "payment" and 0 < total < least:
        raise StripeError(
            400,
            f"The Checkout Session's total amount due must add up to at least {least} {session['currency']}, in the "
            "smallest unit of the currency.",
            code="amount_too_small",
            param="line_items",
        )
    return session


def expire(mode: Mode, session: Json) -> Json:
    """Expire a session. Raise StripeError (400) for a session that is not open."""
    if session["status"] != "open":
        raise bad_request(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of '
            f"`{session['status']}`.",
            "session",
        )
    return mode.change(session, "checkout.session.expired", status="expired", url=None)


def expire_due(mode: Mode) -> None:
    """Expire what is open beyond its time."""
    for session in mode.every(KIND, status="open"):
        if session["expires_at"] <= real_now():
            with mode.transaction():
                expire(mode, session)


@due.source
def expiring(mode: Mode, customer: Json | None) -> Iterator[due.Due]:
    """Return sessions that are open still. They live in real time, whoever buys."""
    for session in mode.every(KIND, status="open") if customer is None else ():
        yield due.Due(session["expires_at"], functools.partial(expire, mode, session))


def watch(account: Account, seconds: float = 1.0) -> threading.Event:
    """Expire sessions when they are due, in a thread. Return an event that ends the thread when it is set."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(seconds):
            for mode in account.modes.values():
                with account.store.lock:
                    expire_due(mode)

    threading.Thread(target=look, name="checkout-expiry", daemon=True).start()
    return over
