"""https://docs.stripe.com/api/invoices."""

from __future__ import annotations

from typing import Any

from stripe_simulator.api.calls import Call, answers
from stripe_simulator.api.lists import page
from stripe_simulator.billing import cards, open_invoices, previews
from stripe_simulator.core.errors import bad_request, missing
from stripe_simulator.core.fields import pick

Json = dict[str, Any]


@answers("GET /v1/invoices/{invoice}")
def retrieve(call: Call) -> Json:
    """Return an invoice."""
    return call.mode.find("invoice", call.id)


@answers("POST /v1/invoices/{invoice}/pay")
def pay(call: Call) -> Json:
    """Pay an open invoice, or note that it was paid elsewhere."""
    mode, params = call.mode, call.params
    invoice = mode.find("invoice", call.id)
    if params.get("paid_out_of_band"):
        return open_invoices.pay_elsewhere(mode, invoice)
    customer = mode.find("customer", invoice["customer"])
    method_id = params.get("payment_method")
    method = cards.of_customer(mode, customer, method_id, "payment_method") if method_id else None
    return open_invoices.pay(mode, invoice, method)


@answers("POST /v1/invoices/create_preview")
def preview(call: Call) -> Json:
    """Return the invoice that a subscription, a change of it or a new one leads to. Nothing happens."""
    mode, params = call.mode, call.params
    details = params.get("subscription_details", {})
    if "subscription" in params:
        subscription = mode.find("subscription", params["subscription"], "subscription", 400)
        if params.get("customer", subscription["customer"]) != subscription["customer"]:
            raise bad_request("The subscription belongs to another customer.", "customer")
        return previews.of_subscription(
            mode, subscription, details, params.get("preview_mode") == "recurring"
        )
    if "customer" not in params:
        raise missing("customer")
    return previews.of_new(mode, mode.find("customer", params["customer"], "customer", 400), details)


@answers("GET /v1/invoices")
def every(call: Call) -> Json:
    """Return invoices, newest first."""
    params = call.params
    where = pick(params, "customer", "status", "collection_method")
    subscription_id = params.get("subscription")

    def keep(invoice: Json) -> bool:
        return (
            not subscription_id
            or invoice["parent"]["subscription_details"]["subscription"] == subscription_id
        )

    return page(call.mode, "invoice", call.path, params, where, keep)
