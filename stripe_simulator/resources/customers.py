"""https://docs.stripe.com/api/customers."""

from __future__ import annotations

import re
from typing import Any

from stripe_simulator.account import test_clocks
from stripe_simulator.account.account import Mode
from stripe_simulator.api.calls import Call, answers
from stripe_simulator.api.lists import page
from stripe_simulator.billing import cards, lifecycle
from stripe_simulator.core.errors import bad_request
from stripe_simulator.core.fields import address, given, merged_metadata, taken
from stripe_simulator.core.objects import deleted, new_object, random_text

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
    """A new customer."""
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
    customer |= _fields(mode, customer, params)
    mode.add(customer, "customer.created")
    if token := params.get("payment_method"):
        cards.attach(mode, customer, token)
    return _with_default(mode, customer, params)


def _fields(mode: Mode, customer: Json, params: Json) -> Json:
    fields = taken(params, *PLAIN, "preferred_locales")
    fields |= {name: params[name] for name in NEVER_NULL if params.get(name)}
    if fields.get("email") and not re.fullmatch(r"[^@\s]+@[^@\s]+", fields["email"]):
        raise bad_request(f"Invalid email address: {fields['email']}", "email", "email_invalid")
    if "address" in params:
        fields["address"] = address(params["address"])
    if "shipping" in params:
        fields["shipping"] = _shipping(params["shipping"])
    return fields


def _shipping(given: Any) -> Json | None:
    if not given:
        return None
    return {"name": given["name"], "phone": given.get("phone"), "address": address(given.get("address"))}


def _with_default(mode: Mode, customer: Json, params: Json) -> Json:
    """Set the payment method that invoices are paid with."""
    given = params.get("invoice_settings") or {}
    if "default_payment_method" not in given:
        return customer
    wanted = given["default_payment_method"]
    method = cards.of_customer(mode, customer, wanted) if wanted else None
    settings = customer["invoice_settings"] | {"default_payment_method": method and method["id"]}
    after = customer | {"invoice_settings": settings}
    mode.keep(after)
    return after


@answers("POST /v1/customers")
def create(call: Call) -> Json:
    """Make a customer."""
    return make(call.mode, call.params)


@answers("GET /v1/customers/{customer}")
def retrieve(call: Call) -> Json:
    """A customer, or what is left of one."""
    gone = call.mode.get("customer", call.id)
    return gone if gone and gone.get("deleted") else call.mode.find("customer", call.id)


@answers("POST /v1/customers/{customer}")
def update(call: Call) -> Json:
    """Change a customer."""
    customer = call.mode.find("customer", call.id)
    fields = _fields(call.mode, customer, call.params)
    if "metadata" in call.params:
        fields["metadata"] = merged_metadata(customer["metadata"], call.params)
    customer = call.mode.change(customer, "customer.updated", **fields)
    return _with_default(call.mode, customer, call.params)


@answers("DELETE /v1/customers/{customer}")
def delete(call: Call) -> Json:
    """Delete a customer; its subscriptions end at once."""
    remove(call.mode, call.mode.find("customer", call.id))
    return deleted("customer", call.id)


def remove(mode: Mode, customer: Json) -> None:
    """Delete a customer; its subscriptions end at once."""
    for subscription in mode.every("subscription", customer=customer["id"]):
        if subscription["status"] not in lifecycle.FINAL:
            lifecycle.cancel(mode, subscription)
    mode.drop(customer)
    mode.record("customer.deleted", customer)


@answers("GET /v1/customers")
def every(call: Call) -> Json:
    """Customers, newest first."""
    where = given(call.params, "email", "test_clock")
    return page(call.mode, "customer", call.path, call.params, where)
