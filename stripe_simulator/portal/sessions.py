"""Sessions of the customer portal: https://docs.stripe.com/api/customer_portal/sessions.

A session that nobody opens ends after 5 minutes, an opened one an hour after it was last used.
"""

from __future__ import annotations

from typing import Any

from stripe_simulator.account.account import Account, Mode
from stripe_simulator.core import page_urls
from stripe_simulator.core.errors import StripeError, bad_request, missing
from stripe_simulator.core.objects import new_object, now, random_text

Json = dict[str, Any]
KIND = "billing_portal.session"
CONFIGURATION = "billing_portal.configuration"
UNUSED_SECONDS, USED_SECONDS = 300, 3600

# flow: the feature that it needs
FLOWS = {
    "customer_update": "customer_update",
    "payment_method_update": "payment_method_update",
    "subscription_cancel": "subscription_cancel",
    "subscription_pause": "subscription_pause",
    "subscription_update": "subscription_update",
    "subscription_update_confirm": "subscription_update",
}


def make(mode: Mode, params: Json) -> Json:
    """Return a session for a customer. Raise StripeError (400)."""
    if "customer" not in params:
        raise missing("customer")
    customer = mode.find("customer", params["customer"], "customer", 400)
    configuration = _configuration(mode, params.get("configuration"))
    flow = _flow(mode, customer, configuration, params["flow_data"]) if "flow_data" in params else None
    secret = f"{mode.name}_{random_text(64)}"
    session = new_object(
        KIND,
        configuration=configuration["id"],
        customer=customer["id"],
        flow=flow,
        locale=params.get("locale"),
        return_url=params.get("return_url") or configuration["default_return_url"],
        url=page_urls.address(f"/p/session/{secret}"),
    )
    return mode.add(
        session | {"secret": secret, "used_at": None, "done": False}, "billing_portal.session.created"
    )


def _configuration(mode: Mode, configuration_id: str | None) -> Json:
    if configuration_id:
        configuration = mode.find(CONFIGURATION, configuration_id, "configuration", 400)
        if not configuration["active"]:
            raise bad_request("The portal configuration is inactive.", "configuration")
        return configuration
    if default := mode.newest(CONFIGURATION, is_default=True):
        return default
    raise bad_request(
        f"No configuration provided and your {mode.name} mode default configuration has not been created. "
        "Provide a configuration or create your default by saving your customer portal settings in "
        f"{mode.name} mode at https://dashboard.stripe.com/{mode.name}/settings/billing/portal."
    )


def _flow(mode: Mode, customer: Json, configuration: Json, flow_params: Json) -> Json:
    kind = flow_params["type"]
    if not configuration["features"].get(FLOWS[kind], {}).get("enabled"):
        raise bad_request(
            f"The {kind} flow cannot be used: the feature is disabled in the portal configuration.",
            "flow_data[type]",
        )
    about = flow_params.get(kind)
    if kind.startswith("subscription") and about is None:
        raise missing(f"flow_data[{kind}]")
    if about:
        param = f"flow_data[{kind}][subscription]"
        subscription = mode.find("subscription", about["subscription"], param, 400)
        if subscription["customer"] != customer["id"]:
            raise bad_request("The subscription belongs to another customer.", param)
    details: Json = dict.fromkeys(FLOWS) | {"payment_method_update": None}
    flow = {name: details[name] for name in FLOWS if name != "payment_method_update"}
    return flow | {"type": kind, kind: _about(kind, about), "after_completion": _after(flow_params)}


def _about(kind: str, about: Json | None) -> Json | None:
    if about is None:
        return None
    if kind == "subscription_cancel":
        return {"retention": None} | about
    if kind == "subscription_update_confirm":
        items = [{"price": None, "quantity": 1} | each for each in about["items"]]
        return {"discounts": None} | about | {"items": items}
    return about


def _after(after_params: Json) -> Json:
    after = {"hosted_confirmation": None, "redirect": None, "type": "portal_homepage"}
    return after | after_params.get("after_completion", {})


def find(account: Account, secret: str) -> tuple[Mode, Json]:
    """Return a session by the secret in its address. Raise StripeError: 404 for none, 410 for one that has ended."""
    for mode in account.modes.values():
        if session := mode.newest(KIND, secret=secret):
            if now() > _ends(session) or not mode.newest("customer", id=session["customer"]):
                raise StripeError(410, "This link has expired.")
            return mode, session
    raise StripeError(404, "This link is not valid.")


def _ends(session: Json) -> int:
    used = session["used_at"]
    return used + USED_SECONDS if used else session["created"] + UNUSED_SECONDS


def used(mode: Mode, session: Json) -> Json:
    """Return a session that is in use: it expires an hour from now."""
    after = session | {"used_at": now()}
    mode.keep(after)
    return after
