"""https://docs.stripe.com/api/customer_portal.

Configurations are whole; the pages that a session leads to are not there, so none is made yet.
"""

from __future__ import annotations

from typing import Any

from umstripe.simulator.calls import Call, answers
from umstripe.simulator.document import empty
from umstripe.simulator.errors import bad_request, missing
from umstripe.simulator.fields import given, merged_metadata, taken
from umstripe.simulator.lists import page
from umstripe.simulator.objects import new_object, now

Json = dict[str, Any]
KIND = "billing_portal.configuration"
FIXED_QUANTITY = {"enabled": False, "maximum": None, "minimum": 1}
PLAIN = ("active", "default_return_url", "name")


@answers("POST /v1/billing_portal/sessions")
def create_session(call: Call) -> Json:
    """Say what is wrong with the parameters. Raises StripeError (400) always."""
    if "customer" not in call.params:
        raise missing("customer")
    call.mode.find("customer", call.params["customer"], "customer", 400)
    if "configuration" in call.params:
        call.mode.find(KIND, call.params["configuration"], "configuration", 400)
        raise bad_request("The simulator does not make portal sessions yet.", "configuration")
    raise bad_request(
        f"No configuration provided and your {call.mode.name} mode default configuration has not been created. "
        "Provide a configuration or create your default by saving your customer portal settings in "
        f"{call.mode.name} mode at https://dashboard.stripe.com/{call.mode.name}/settings/billing/portal."
    )


def _fields(params: Json, before: Json) -> Json:
    fields = taken(params, *PLAIN)
    for name in ("business_profile", "features", "login_page"):
        if name in params:
            fields[name] = _merged(before[name], params[name])
    if products := fields.get("features", {}).get("subscription_update", {}).get("products"):
        whole = [{"adjustable_quantity": dict(FIXED_QUANTITY), **each} for each in products]
        fields["features"]["subscription_update"]["products"] = whole
    if "metadata" in params:
        fields["metadata"] = merged_metadata(before["metadata"], params)
    return fields


def _merged(before: Any, given: Any) -> Any:
    if given == "":
        return [] if isinstance(before, list) else None
    if not isinstance(given, dict):
        return given
    known = before if isinstance(before, dict) else {}
    given = {name: value for name, value in given.items() if value != "" or name in known}
    return known | {name: _merged(known.get(name), value) for name, value in given.items()}


@answers("POST /v1/billing_portal/configurations")
def create(call: Call) -> Json:
    """Make a configuration."""
    shape = empty(KIND) | {"metadata": {}}
    shape["features"]["customer_update"]["enabled"] = False
    fields = {"active": True, "metadata": {}} | _fields(call.params, shape)
    made = new_object(KIND, **fields)
    return call.mode.add(made | {"updated": made["created"]}, "billing_portal.configuration.created")


@answers("GET /v1/billing_portal/configurations/{configuration}")
def retrieve(call: Call) -> Json:
    """A configuration."""
    return call.mode.find(KIND, call.id, "configuration")


@answers("POST /v1/billing_portal/configurations/{configuration}")
def update(call: Call) -> Json:
    """Change a configuration."""
    before = call.mode.find(KIND, call.id, "configuration")
    fields = _fields(call.params, before)
    return call.mode.change(before, "billing_portal.configuration.updated", updated=now(), **fields)


@answers("GET /v1/billing_portal/configurations")
def every(call: Call) -> Json:
    """Configurations, newest first."""
    where = given(call.params, "active", "is_default")
    return page(call.mode, KIND, call.path, call.params, where)
