"""https://docs.stripe.com/api/events."""

from __future__ import annotations

from typing import Any

from stripe_simulator.api.calls import Call, answers
from stripe_simulator.api.lists import page
from stripe_simulator.core.calendar import DAY
from stripe_simulator.core.errors import bad_request, no_such
from stripe_simulator.core.objects import now
from stripe_simulator.core.versions import rendered

Json = dict[str, Any]
KEPT_FOR = 30 * DAY


@answers("GET /v1/events/{id}")
def retrieve(call: Call) -> Json:
    """Return an event of the last 30 days."""
    event = call.mode.find("event", call.id)
    if event["created"] < now() - KEPT_FOR:
        raise no_such("event", call.id)
    return rendered(event, event["api_version"])


@answers("GET /v1/events")
def every(call: Call) -> Json:
    """Return events of the last 30 days, newest first."""
    params, oldest = call.params, now() - KEPT_FOR
    if "type" in params and "types" in params:
        raise bad_request("You may only specify one of these parameters: type, types.", "types")
    types = _wanted(params)
    where = types if isinstance(types, dict) else {}
    delivered = params.get("delivery_success")

    def keep(event: Json) -> bool:
        if event["created"] < oldest or (
            delivered is not None and delivered != (event["pending_webhooks"] == 0)
        ):
            return False
        return isinstance(types, dict) or any(_fits(event["type"], each) for each in types)

    listed = page(call.mode, "event", call.path, params, where, keep)
    return listed | {"data": [rendered(event, event["api_version"]) for event in listed["data"]]}


def _wanted(params: Json) -> Json | list[str]:
    """Return one exact type as a condition for the index, anything else as a list of patterns."""
    event_type = params.get("type")
    if event_type and "*" not in event_type:
        return {"type": event_type}
    return [event_type] if event_type else params.get("types") or {}


def _fits(event_type: str, pattern: str) -> bool:
    if pattern.endswith("*"):
        return event_type.startswith(pattern[:-1])
    return event_type == pattern
