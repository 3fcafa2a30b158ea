"""https://docs.stripe.com/api/webhook_endpoints."""

from __future__ import annotations

from typing import Any

from stripe_simulator.api.calls import Call, answers
from stripe_simulator.api.lists import page
from stripe_simulator.core.errors import bad_request
from stripe_simulator.core.fields import merged_metadata, updates
from stripe_simulator.core.objects import deleted, new_object, random_text
from stripe_simulator.delivery import endpoint_urls

Json = dict[str, Any]
MOST = 16


@answers("POST /v1/webhook_endpoints")
def create(call: Call) -> Json:
    """Make an endpoint. Its signing secret is in this answer only."""
    params = call.params
    _check_url(call)
    _check_events(params)
    if len(call.mode.every("webhook_endpoint")) >= MOST:
        raise bad_request(f"You have reached the maximum of {MOST} {call.mode.name} webhook endpoints.")
    endpoint = new_object(
        "webhook_endpoint",
        enabled_events=params["enabled_events"],
        metadata=merged_metadata({}, params),
        secret="whsec_" + random_text(32),
        status="enabled",
        url=params["url"],
        **updates(params, "api_version", "description"),
    )
    return call.mode.add(endpoint)


def _check_url(call: Call) -> None:
    if "url" in call.params:
        account = call.mode.account
        known = set(account.deliveries.resolve)
        endpoint_urls.check(call.params["url"], call.mode.livemode, known, account.allow_local_endpoints)


def _check_events(params: Json) -> None:
    enabled_events = params.get("enabled_events")
    if enabled_events is None:
        return
    if not enabled_events:
        raise bad_request("You must specify at least one event.", "enabled_events")
    if "*" in enabled_events and len(enabled_events) > 1:
        raise bad_request("The `*` event cannot be combined with others.", "enabled_events")
    if len(set(enabled_events)) < len(enabled_events):
        raise bad_request("An event is named twice.", "enabled_events")


@answers("GET /v1/webhook_endpoints/{webhook_endpoint}")
def retrieve(call: Call) -> Json:
    """Return an endpoint, without its secret."""
    return call.mode.find("webhook_endpoint", call.id)


@answers("POST /v1/webhook_endpoints/{webhook_endpoint}")
def update(call: Call) -> Json:
    """Change an endpoint."""
    endpoint, params = call.mode.find("webhook_endpoint", call.id), call.params
    _check_url(call)
    _check_events(params)
    fields = updates(params, "description", "enabled_events", "url")
    if "disabled" in params:
        fields["status"] = "disabled" if params["disabled"] else "enabled"
    if "metadata" in params:
        fields["metadata"] = merged_metadata(endpoint["metadata"], params)
    return call.mode.change(endpoint, **fields)


@answers("DELETE /v1/webhook_endpoints/{webhook_endpoint}")
def delete(call: Call) -> Json:
    """Delete an endpoint. It gets nothing more."""
    call.mode.drop(call.mode.find("webhook_endpoint", call.id))
    return deleted("webhook_endpoint", call.id)


@answers("GET /v1/webhook_endpoints")
def every(call: Call) -> Json:
    """Return endpoints, newest first."""
    return page(call.mode, "webhook_endpoint", call.path, call.params, {})
