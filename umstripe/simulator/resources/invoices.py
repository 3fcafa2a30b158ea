"""https://docs.stripe.com/api/invoices."""

from __future__ import annotations

from typing import Any

from umstripe.simulator.calls import Call, answers
from umstripe.simulator.fields import given
from umstripe.simulator.lists import page

Json = dict[str, Any]


@answers("GET /v1/invoices/{invoice}")
def retrieve(call: Call) -> Json:
    """An invoice."""
    return call.mode.find("invoice", call.id)


@answers("GET /v1/invoices")
def every(call: Call) -> Json:
    """Invoices, newest first."""
    params = call.params
    where = given(params, "customer", "status", "collection_method")
    wanted = params.get("subscription")

    def keep(invoice: Json) -> bool:
        return not wanted or invoice["parent"]["subscription_details"]["subscription"] == wanted

    return page(call.mode, "invoice", call.path, params, where, keep)
