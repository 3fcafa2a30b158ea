"""https://docs.stripe.com/api/checkout/sessions.

Permission, validation and lists are here; the pages that a session leads to are not, so none is made yet.
"""

from __future__ import annotations

from typing import Any

from umstripe.simulator.calls import Call, answers
from umstripe.simulator.errors import bad_request, missing
from umstripe.simulator.fields import given
from umstripe.simulator.lists import page

Json = dict[str, Any]
KIND = "checkout.session"


@answers("POST /v1/checkout/sessions")
def create(call: Call) -> Json:
    """Say what is wrong with the parameters. Raises StripeError (400) always."""
    params = call.params
    if not params.get("mode"):
        raise missing("mode")
    if params["mode"] in ("payment", "subscription") and not params.get("line_items"):
        raise missing("line_items")
    if params.get("ui_mode", "hosted_page") == "hosted_page" and "success_url" not in params:
        raise missing("success_url")
    if "customer" in params and "customer_email" in params:
        raise bad_request(
            "You may only specify one of these parameters: customer, customer_email.", "customer_email"
        )
    if "customer" in params:
        call.mode.find("customer", params["customer"], "customer", 400)
    for i, each in enumerate(params.get("line_items", [])):
        if "price" in each:
            call.mode.find("price", each["price"], f"line_items[{i}][price]", 400)
    raise bad_request("The simulator does not make Checkout sessions yet.", "mode")


@answers("GET /v1/checkout/sessions/{session}")
def retrieve(call: Call) -> Json:
    """A session."""
    return call.mode.find(KIND, call.id, "session")


@answers("POST /v1/checkout/sessions/{session}/expire")
def expire(call: Call) -> Json:
    """End a session that is open. Raises StripeError (404): there are none."""
    return call.mode.find(KIND, call.id, "session")


@answers("GET /v1/checkout/sessions")
def every(call: Call) -> Json:
    """Sessions, newest first."""
    names = ("customer", "payment_intent", "status", "subscription")
    where = given(call.params, *names)
    return page(call.mode, KIND, call.path, call.params, where)
