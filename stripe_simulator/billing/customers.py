"""Customers: made, changed and deleted, by the API and by the simulator's own pages."""

from __future__ import annotations

import re
from typing import Any

from stripe_simulator.account import test_clocks
from stripe_simulator.account.account import Mode
from stripe_simulator.billing import cards, lifecycle
from stripe_simulator.core.errors import bad_request
from stripe_simulator.core.fields import address, merged_metadata, updates
from stripe_simulator.core.objects import new_object, random_text

Json = dict[str, Any]
PLAIN = ("balance", "description", "email", "name", "phone", "tax_exempt")
NEVER_NULL = ("business_name", "individual_name")
NO_SETTINGS = {
    "custom_fields": None,
    "default_payment_method": None,
    "footer": None,
    "rendering_options": None,
}


def make(mode: Mode, params: Json) -> Json:
    """Return a new customer."""
    if clock := params.get("test_clock"):
        test_clocks.join(mode, clock)
    customer = new_object(
        "customer",
        balance=0,
        delinquent=False,
        invoice_prefix=random_text(8).upper(),
        invoice_settings=dict(NO_SETTINGS),
        metadata=merged_metadata({}, params),
        next_invoice_sequence=1,
        preferred_locales=[],
        tax_exempt="none",
        test_clock=params.get("test_clock"),
    )
    customer |= fields_from(params)
    mode.add(customer, "customer.created")
    if token := params.get("payment_method"):
        cards.attach(mode, customer, token)
    return with_default_method(mode, customer, params)


def fields_from(params: Json) -> Json:
    """Return the fields of a customer that the parameters set. Raise StripeError (400)."""
    fields = updates(params, *PLAIN, "preferred_locales")
    fields |= {name: params[name] for name in NEVER_NULL if params.get(name)}
    if fields.get("email") and not re.fullmatch(r"[^@\s]+@[^@\s]+", fields["email"]):
        raise bad_request(f"Invalid email address: {fields['email']}", "email", "email_invalid")
    if "address" in params:
        fields["address"] = address(params["address"])
    if "shipping" in params:
        fields["shipping"] = _shipping(params["shipping"])
    return fields


def _shipping(shipping: Any) -> Json | None:
    if not shipping:
        return None
    return {
        "name": shipping["name"],
        "phone": shipping.get("phone"),
        "address": address(shipping.get("address")),
    }


def with_default_method(mode: Mode, customer: Json, params: Json) -> Json:
    """Set the payment method that invoices are paid with."""
    settings_params = params.get("invoice_settings") or {}
    if "default_payment_method" not in settings_params:
        return customer
    method_id = settings_params["default_payment_method"]
    method = cards.of_customer(mode, customer, method_id) if method_id else None
    settings = customer["invoice_settings"] | {"default_payment_method": method and method["id"]}
    after = customer | {"invoice_settings": settings}
    mode.keep(after)
    return after


def remove(mode: Mode, customer: Json) -> None:
    """Delete a customer; its subscriptions end at once."""
    for subscription in mode.every("subscription", customer=customer["id"]):
        if subscription["status"] not in lifecycle.FINAL:
            lifecycle.cancel(mode, subscription)
    mode.drop(customer)
    mode.record("customer.deleted", customer)
