"""https://docs.stripe.com/api/customer_portal."""

from __future__ import annotations

from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.api.calls import Call, answers
from stripe_simulator.api.lists import page
from stripe_simulator.core.document import empty
from stripe_simulator.core.fields import merged_metadata, pick, updates
from stripe_simulator.core.objects import new_object, now
from stripe_simulator.portal import sessions

Json = dict[str, Any]
KIND = "billing_portal.configuration"
FIXED_QUANTITY = {"enabled": False, "maximum": None, "minimum": 1}
USUAL: Json = {
    "customer_update": {"enabled": True, "allowed_updates": ["email", "name"]},
    "invoice_history": {"enabled": True},
    "payment_method_update": {"enabled": True},
    "subscription_cancel": {"enabled": True},
}
"""What the dashboard has enabled when nobody chose otherwise."""
PLAIN = ("active", "default_return_url", "name")


def _fields(params: Json, before: Json) -> Json:
    fields = updates(params, *PLAIN)
    for name in ("business_profile", "features", "login_page"):
        if name in params:
            fields[name] = _merged(before[name], params[name])
    if products := fields.get("features", {}).get("subscription_update", {}).get("products"):
        whole = [{"adjustable_quantity": dict(FIXED_QUANTITY), **each} for each in products]
        fields["features"]["subscription_update"]["products"] = whole
    if "metadata" in params:
        fields["metadata"] = merged_metadata(before["metadata"], params)
    return fields


def _merged(before: Any, changes: Any) -> Any:
    if changes == "":
        return [] if isinstance(before, list) else None
    if not isinstance(changes, dict):
        return changes
    known = before if isinstance(before, dict) else {}
    changes = {name: value for name, value in changes.items() if value != "" or name in known}
    return known | {name: _merged(known.get(name), value) for name, value in changes.items()}


@answers("POST /v1/billing_portal/sessions")
def create_session(call: Call) -> Json:
    """Return a link to the portal for a customer."""
    return sessions.make(call.mode, call.params)


@answers("POST /v1/billing_portal/configurations")
def create(call: Call) -> Json:
    """Make a configuration."""
    return make(call.mode, call.params)


def make(mode: Mode, params: Json, is_default: bool = False) -> Json:
    """Return a new configuration. The default one is what is saved in the dashboard, never by the API."""
    shape = empty(KIND) | {"metadata": {}}
    for each in ("subscription_cancel", "subscription_update"):
        shape["features"][each]["proration_behavior"] = "none"
    shape["features"]["subscription_update"]["trial_update_behavior"] = "end_trial"
    fields = {"active": True, "metadata": {}} | _fields(params, shape)
    configuration = new_object(KIND, **fields, is_default=is_default)
    return mode.add(
        configuration | {"updated": configuration["created"]}, "billing_portal.configuration.created"
    )


@answers("GET /v1/billing_portal/configurations/{configuration}")
def retrieve(call: Call) -> Json:
    """Return a configuration."""
    return call.mode.find(KIND, call.id, "configuration")


@answers("POST /v1/billing_portal/configurations/{configuration}")
def update(call: Call) -> Json:
    """Change a configuration."""
    before = call.mode.find(KIND, call.id, "configuration")
    fields = _fields(call.params, before)
    return call.mode.change(before, "billing_portal.configuration.updated", updated=now(), **fields)


@answers("GET /v1/billing_portal/configurations")
def every(call: Call) -> Json:
    """Return configurations, newest first."""
    where = pick(call.params, "active", "is_default")
    return page(call.mode, KIND, call.path, call.params, where)
