"""Our webhook endpoint at Stripe: created once, found again, kept right."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from umstripe.errors import StripeError, StripeRefused
from umstripe.normalization import digest
from umstripe.stripe_api.calls import JSONObject
from umstripe.stripe_api.client import API_VERSION, Stripe

PATH = "/webhooks/stripe/"
UNDELIVERED_SECONDS = 3 * 24 * 3600
DELIVERY_SECONDS = 300
DESCRIPTION = "umstripe: keeps memberships and roles up to date"


@dataclass(frozen=True)
class Endpoint:
    """An endpoint at Stripe. `secret` is set when it was created just now: Stripe never shows it again."""

    stripe_endpoint_id: str
    url: str
    secret: str | None = None


def ensure(
    stripe: Stripe, url: str, events: Iterable[str], instance_id: str, known_id: str | None, generation: int
) -> Endpoint:
    """Have exactly one endpoint of ours at Stripe, for this address and these events.

    `known_id` is the endpoint whose secret we have; only that one can be kept. `generation` counts those created
    before, so that an attempt which is repeated after a crash gives the same endpoint and not a second one.
    """
    ours = {
        endpoint["id"]: endpoint
        for endpoint in stripe.webhook_endpoints()
        if _is_ours(endpoint, url, instance_id, known_id)
    }
    kept = ours.get(known_id or "")
    if kept is None or kept["api_version"] != API_VERSION:
        endpoint = create(stripe, url, events, instance_id, generation)
    else:
        endpoint = Endpoint(kept["id"], url)
        _update(stripe, kept, _params(url, events, instance_id))
    for endpoint_id in ours.keys() - {endpoint.stripe_endpoint_id}:
        stripe.delete_webhook_endpoint(endpoint_id)
    return endpoint


def create(stripe: Stripe, url: str, events: Iterable[str], instance_id: str, generation: int) -> Endpoint:
    """Create an endpoint, beside those there are. The same `generation` gives the same endpoint again."""
    params = _params(url, events, instance_id)
    endpoint = stripe.create_webhook_endpoint(params, _key("make", params, generation))
    return Endpoint(endpoint["id"], url, endpoint["secret"])


def problems(endpoint: JSONObject, url: str, events: Iterable[str]) -> list[str]:
    """Return what is wrong with our endpoint at Stripe, in sentences."""
    if endpoint.get("deleted"):
        return ["The webhook endpoint does not exist at Stripe any more: no news of payments comes."]
    missing = (
        set(events) - set(endpoint["enabled_events"]) if "*" not in endpoint["enabled_events"] else set()
    )
    wrong = {
        "The webhook endpoint is disabled at Stripe: no news of payments comes.": endpoint["status"]
        != "enabled",
        elsewhere(endpoint["url"], url): endpoint["url"] != url,
        f"The webhook endpoint does not send {', '.join(sorted(missing))}.": bool(missing),
        f"The webhook endpoint speaks Stripe’s version {endpoint['api_version']}, not {API_VERSION}.": endpoint[
            "api_version"
        ]
        != API_VERSION,
    }
    return [sentence for sentence, is_so in wrong.items() if is_so]


def elsewhere(sends_to: str, url: str) -> str:
    """Return the sentence for an endpoint that sends to another address."""
    return f"The webhook endpoint sends to {sends_to}, but this site is at {url}."


def check(stripe: Stripe, endpoint_id: str, url: str, events: set[str]) -> JSONObject:
    """Return the state of our endpoint: `problems` in sentences, `clock` (seconds that ours is ahead of Stripe's)
    and how many deliveries of the last three days are still `undelivered`. Raise StripeError."""
    answer = stripe.fetch("webhook_endpoint", endpoint_id)
    clock = int(time.time()) - answer.as_of
    try:
        undelivered = stripe.undelivered(answer.as_of - UNDELIVERED_SECONDS).items
    except StripeRefused:
        undelivered = []
    before = answer.as_of - DELIVERY_SECONDS
    late = [event for event in undelivered if event["type"] in events and event["created"] < before]
    return {"problems": problems(answer.object, url, events), "clock": clock, "undelivered": len(late)}


def creation_problem(error: StripeError, url: str, override_secret: str) -> str:
    """Return the sentence for an administrator whose endpoint Stripe refuses to create; "" if the Stripe CLI forwards."""
    if isinstance(error, StripeRefused) and error.code == "url_invalid":
        if override_secret:
            return ""
        return (
            f"Stripe cannot reach this site at {url}, so it sends no news of payments here. Prices can be imported. "
            "For the rest, give the site a public address (Settings > General, or UMSTRIPE_SITE_URL), or forward deliveries with the Stripe "
            "CLI and set UMSTRIPE_WEBHOOK_SECRET_TEST; then connect again."
        )
    if isinstance(error, StripeRefused) and error.status == 403:
        return (
            "The key may not create the webhook endpoint. Give it the right “Webhook Endpoints: Write” in Stripe’s "
            "dashboard, then connect again."
        )
    return f"The webhook endpoint could not be created: {error} Then connect again."


def address(site_url: str, mode: str) -> str:
    """Return the address at which a site takes a mode's deliveries."""
    return f"{site_url}{PATH}{mode}"


def _params(url: str, events: Iterable[str], instance_id: str) -> JSONObject:
    metadata = {"umstripe_instance": instance_id}
    return {"url": url, "enabled_events": sorted(events), "description": DESCRIPTION, "metadata": metadata}


def _is_ours(endpoint: JSONObject, url: str, instance_id: str, known_id: str | None) -> bool:
    made_by = (endpoint.get("metadata") or {}).get("umstripe_instance")
    return endpoint["id"] == known_id or endpoint["url"] == url or made_by == instance_id


def _update(stripe: Stripe, endpoint: JSONObject, params: JSONObject) -> None:
    events = set(endpoint["enabled_events"])
    is_right = endpoint["url"] == params["url"] and events == set(params["enabled_events"])
    if not is_right or endpoint["status"] != "enabled":
        key = f"umstripe-mend-{uuid.uuid4().hex}"
        stripe.update_webhook_endpoint(endpoint["id"], {**params, "disabled": False}, key)


def _key(verb: str, params: JSONObject, generation: int) -> str:
    return f"umstripe-endpoint-{verb}-{generation}-{digest(params, 32)}"
