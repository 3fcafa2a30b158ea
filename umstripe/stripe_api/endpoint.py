"""Our webhook endpoint at Stripe: found again, mended, made, never made twice."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from umstripe.errors import StripeError, StripeRefused
from umstripe.stripe_api.client import API_VERSION, Stripe

PATH = "/webhooks/stripe/"
UNDELIVERED_SECONDS = 3 * 24 * 3600
ON_ITS_WAY_SECONDS = 300
DESCRIPTION = "umstripe: keeps memberships and roles up to date"


@dataclass(frozen=True)
class Endpoint:
    """An endpoint at Stripe. `secret` is set when it was made just now: Stripe never says it again."""

    stripe_endpoint_id: str
    url: str
    secret: str | None = None


def ensure(
    stripe: Stripe, url: str, events: Iterable[str], instance_id: str, known_id: str | None, generation: int
) -> Endpoint:
    """Have exactly one endpoint of ours at Stripe, for this address and these events.

    `known_id` is the endpoint whose secret we hold; only that one can be kept. `generation` counts those
    made before, so that a try which is repeated after a crash gives the same endpoint and not a second one.
    """
    wanted = _wanted(url, events, instance_id)
    ours = [one for one in stripe.webhook_endpoints() if _is_ours(one, url, instance_id, known_id)]
    kept = next((one for one in ours if one["id"] == known_id and one["api_version"] == API_VERSION), None)
    if kept is None:
        endpoint = make(stripe, url, events, instance_id, generation)
    else:
        endpoint = Endpoint(kept["id"], url)
        _mend(stripe, kept, wanted)
    for one in ours:
        if one["id"] != endpoint.stripe_endpoint_id:
            stripe.delete_webhook_endpoint(one["id"])
    return endpoint


def make(stripe: Stripe, url: str, events: Iterable[str], instance_id: str, generation: int) -> Endpoint:
    """Make an endpoint, beside those there are. The same `generation` gives the same endpoint again."""
    wanted = _wanted(url, events, instance_id)
    made = stripe.create_webhook_endpoint(wanted, _key("make", wanted, generation))
    return Endpoint(made["id"], url, made["secret"])


def problems(found: Mapping[str, Any], url: str, events: Iterable[str]) -> list[str]:
    """What is wrong with our endpoint as Stripe has it, in sentences."""
    if found.get("deleted"):
        return ["The webhook endpoint does not exist at Stripe any more: no news of payments comes."]
    missing = set(events) - set(found["enabled_events"]) if "*" not in found["enabled_events"] else set()
    wrong = {
        "The webhook endpoint is disabled at Stripe: no news of payments comes.": found["status"]
        != "enabled",
        elsewhere(found["url"], url): found["url"] != url,
        f"The webhook endpoint does not send {', '.join(sorted(missing))}.": bool(missing),
        f"The webhook endpoint speaks Stripe’s version {found['api_version']}, not {API_VERSION}.": found[
            "api_version"
        ]
        != API_VERSION,
    }
    return [sentence for sentence, is_so in wrong.items() if is_so]


def elsewhere(sends_to: str, url: str) -> str:
    """Return the sentence for an endpoint that sends to another address."""
    return f"The webhook endpoint sends to {sends_to}, but this site is at {url}."


def asked(stripe: Stripe, endpoint_id: str, url: str, events: set[str]) -> dict[str, Any]:
    """What Stripe says of our endpoint: `problems` in sentences, `clock` (seconds that ours is ahead of Stripe's)
    and how many deliveries of the last three days are still `undelivered`. Raises StripeError."""
    found = stripe.fetch("webhook_endpoint", endpoint_id)
    clock = int(time.time()) - found.as_of
    try:
        waiting = stripe.undelivered(found.as_of - UNDELIVERED_SECONDS).items
    except StripeRefused:
        waiting = []
    late = [
        one for one in waiting if one["type"] in events and one["created"] < found.as_of - ON_ITS_WAY_SECONDS
    ]
    return {"problems": problems(found.object, url, events), "clock": clock, "undelivered": len(late)}


def why_none(error: StripeError, url: str, override_secret: str) -> str:
    """The sentence for an administrator whose endpoint Stripe would not make; "" if the Stripe CLI forwards."""
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
    """Where a site takes a mode's deliveries."""
    return f"{site_url}{PATH}{mode}"


def _wanted(url: str, events: Iterable[str], instance_id: str) -> dict[str, Any]:
    metadata = {"umstripe_instance": instance_id}
    return {"url": url, "enabled_events": sorted(events), "description": DESCRIPTION, "metadata": metadata}


def _is_ours(endpoint: Mapping[str, Any], url: str, instance_id: str, known_id: str | None) -> bool:
    made_by = (endpoint.get("metadata") or {}).get("umstripe_instance")
    return endpoint["id"] == known_id or endpoint["url"] == url or made_by == instance_id


def _mend(stripe: Stripe, endpoint: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    right = endpoint["url"] == wanted["url"] and set(endpoint["enabled_events"]) == set(
        wanted["enabled_events"]
    )
    if not right or endpoint["status"] != "enabled":
        mended = {**wanted, "disabled": False}
        stripe.update_webhook_endpoint(endpoint["id"], mended, f"umstripe-mend-{uuid.uuid4().hex}")


def _key(verb: str, params: Mapping[str, Any], generation: int) -> str:
    digest = hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()[:32]
    return f"umstripe-endpoint-{verb}-{generation}-{digest}"
