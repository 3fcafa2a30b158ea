"""Payment links: https://docs.stripe.com/payment-links."""

from __future__ import annotations

import re
from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.checkout import line_items, sessions, validation
from stripe_simulator.core import page_urls
from stripe_simulator.core.errors import bad_request, missing
from stripe_simulator.core.fields import merged_metadata, pick, updates
from stripe_simulator.core.objects import new_object

Json = dict[str, Any]
KIND = "payment_link"
REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,200}")
PLAIN = ("allow_promotion_codes", "billing_address_collection", "payment_method_collection", "submit_type")
INTENT = ("capture_method", "description", "setup_future_usage", "statement_descriptor",
          "statement_descriptor_suffix", "transfer_group")  # fmt: skip
NO_SETTINGS: Json = {
    "account_tax_ids": None,
    "custom_fields": None,
    "description": None,
    "footer": None,
    "issuer": {"type": "self"},
}
FOR_SESSION = ("payment_intent_data", "subscription_data", "automatic_tax", "tax_id_collection")


def make(mode: Mode, params: Json) -> Json:
    """Return a new link. Raise StripeError (400)."""
    prices = [mode.find("price", each.get("price", ""), "line_items", 400) for each in params["line_items"]]
    kind = "subscription" if any(each["recurring"] for each in prices) else "payment"
    items = line_items.from_params(mode, params["line_items"], kind)
    _check(params, kind)
    link = new_object(
        KIND,
        active=True,
        currency=line_items.currency_of(mode, items),
        customer_creation=params.get(
            "customer_creation", "always" if kind == "subscription" else "if_required"
        ),
        metadata=merged_metadata({}, params),
        payment_method_collection="always" if kind == "subscription" else "if_required",
    )
    link["url"] = page_urls.address(f"/l/{link['id']}")
    link |= pick(params, *PLAIN) | updates(params, "inactive_message") | _nested(params, {})
    link["after_completion"] = _after(params.get("after_completion", {"type": "hosted_confirmation"}))
    link["asked"] = {"items": items, "mode": kind} | pick(params, *FOR_SESSION)
    url = f"/v1/payment_links/{link['id']}"
    link["line_items"] = line_items.whole(mode, items, url, None, False)["line_items"]
    return mode.add(link, "payment_link.created")


def _check(params: Json, kind: str) -> None:
    for name, session_mode in validation.ONLY_IN.items():
        if name in params and kind != session_mode:
            raise bad_request(f"You can not pass `{name}` for prices of this kind.", name)


def _after(after_completion: Json) -> Json:
    """Return what happens when a session of the link is completed. Raise StripeError (400)."""
    kind = after_completion["type"]
    if kind == "redirect":
        url = after_completion.get("redirect", {}).get("url")
        if not url:
            raise missing("after_completion[redirect][url]")
        validation.check_url(url, "after_completion[redirect][url]")
        return {"type": kind, "redirect": {"url": url}}
    message = after_completion.get("hosted_confirmation", {}).get("custom_message")
    return {"type": kind, "hosted_confirmation": {"custom_message": message}}


def _nested(params: Json, before: Json) -> Json:
    """Return the hashes of a link, whole."""
    fields: Json = {}
    if "payment_intent_data" in params:
        known = before.get("payment_intent_data") or dict.fromkeys(INTENT) | {"metadata": {}}
        fields["payment_intent_data"] = known | updates(params["payment_intent_data"], *INTENT, "metadata")
    if data := params.get("subscription_data"):
        known = before.get("subscription_data") or _no_subscription()
        names = ("description", "metadata", "trial_period_days", "trial_settings")
        fields["subscription_data"] = known | updates(data, *names)
    if "automatic_tax" in params:
        liability = {"type": "self"} if params["automatic_tax"]["enabled"] else None
        fields["automatic_tax"] = {"enabled": params["automatic_tax"]["enabled"], "liability": liability}
    if "tax_id_collection" in params:
        fields["tax_id_collection"] = {"required": "never"} | params["tax_id_collection"]
    if "restrictions" in params:
        limit = params["restrictions"] and params["restrictions"]["completed_sessions"]["limit"]
        fields["restrictions"] = {"completed_sessions": {"count": 0, "limit": limit}} if limit else None
    return fields


def _no_subscription() -> Json:
    nothing: Json = {"description": None, "metadata": {}, "trial_period_days": None, "trial_settings": None}
    return nothing | {"invoice_settings": dict(NO_SETTINGS)}


def change(mode: Mode, link: Json, params: Json) -> Json:
    """Change a link: turn it off or on, or what its sessions are like from now on. Raise StripeError (400)."""
    fields = pick(params, "active", *PLAIN, "customer_creation") | updates(params, "inactive_message")
    if "metadata" in params:
        fields["metadata"] = merged_metadata(link["metadata"], params)
    if "after_completion" in params:
        fields["after_completion"] = _after(params["after_completion"])
    fields |= _nested(params, link)
    merged = {
        name: (link["asked"].get(name) or {}) | params[name] for name in FOR_SESSION if params.get(name)
    }
    fields["asked"] = link["asked"] | merged
    return mode.change(link, "payment_link.updated", **fields)


def is_open(link: Json) -> bool:
    """Return whether somebody may still buy through a link."""
    limit = (link["restrictions"] or {}).get("completed_sessions")
    return bool(link["active"]) and (limit is None or limit["count"] < limit["limit"])


def visit(mode: Mode, link: Json, query: Json) -> Json:
    """Return a new session for a visitor of a link. `query` is that of the address."""
    after, request_params = link["after_completion"], link["asked"]
    session_params: Json = pick(request_params, *FOR_SESSION) | pick(link, *PLAIN)
    session_params |= {
        "mode": request_params["mode"],
        "success_url": "https://stripe.com",
        "metadata": link["metadata"],
    }
    session_params["line_items"] = [
        {name: each[name] for name in ("price", "quantity") if each[name]} for each in request_params["items"]
    ]
    if request_params["mode"] == "payment":
        session_params["customer_creation"] = link["customer_creation"]
        session_params.pop("payment_method_collection", None)
    if REFERENCE.fullmatch(query.get("client_reference_id", "")):
        session_params["client_reference_id"] = query["client_reference_id"]
    if "@" in query.get("locked_prefilled_email", ""):
        session_params["customer_email"] = query["locked_prefilled_email"]
    session = sessions.make(mode, session_params, payment_link=link["id"])
    typed = {
        "email": query.get("prefilled_email", ""),
        "promotion_code": query.get("prefilled_promo_code", ""),
    }
    message = after.get("hosted_confirmation", {}).get("custom_message")
    own = session["asked"] | {"typed": typed, "confirmation": message}
    session |= {
        "asked": own,
        "success_url": after["redirect"]["url"] if after["type"] == "redirect" else None,
    }
    mode.keep(session)
    return session


def count(mode: Mode, session: Json) -> None:
    """A session of a link was completed."""
    link = mode.get(KIND, session["payment_link"] or "")
    if link and link["restrictions"]:
        done = link["restrictions"]["completed_sessions"]
        mode.keep(link | {"restrictions": {"completed_sessions": done | {"count": done["count"] + 1}}})
