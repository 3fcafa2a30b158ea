"""What the portal's pages show: a customer's subscriptions, cards and invoices, for people."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from stripe_simulator.account.account import Mode
from stripe_simulator.billing import lifecycle, plan_changes, previews, pricing, sign_up
from stripe_simulator.core.errors import StripeError
from stripe_simulator.core.formatting import day, money

Json = dict[str, Any]
SHOWN_INVOICES = 24
WORDS = {
    "active": "Active",
    "trialing": "Trial",
    "past_due": "Past due",
    "unpaid": "Unpaid",
    "paused": "Paused",
    "incomplete": "Incomplete",
    "canceled": "Canceled",
    "incomplete_expired": "Expired",
}


def home(mode: Mode, session: Json, features: Json) -> Json:
    """Return everything of a customer that the portal's first page shows."""
    customer = mode.find("customer", session["customer"])
    running = [each for each in mode.every("subscription", customer=customer["id"]) if not _over(each)]
    return {
        "customer": customer,
        "subscriptions": [subscription(mode, each, features) for each in running],
        "cards": [card(mode, each) for each in mode.every("payment_method", customer=customer["id"])],
        "invoices": [invoice(each) for each in _invoices(mode, customer)],
        "back": back(session["return_url"]),
    }


def _over(subscription: Json) -> bool:
    return subscription["status"] in lifecycle.FINAL


def _invoices(mode: Mode, customer: Json) -> list[Json]:
    invoices = mode.every("invoice", customer=customer["id"])
    return [each for each in invoices if each["status"] != "draft"][:SHOWN_INVOICES]


def subscription(mode: Mode, subscription: Json, features: Json) -> Json:
    """Return a subscription: what it is, until when, and what may be done with it."""
    item = subscription["items"]["data"][0]
    return {
        "id": subscription["id"],
        "name": product_name(mode, item["price"]),
        "price": pricing.labelled(mode, item["price"])["text"],
        "status": subscription["status"],
        "status_text": WORDS[subscription["status"]],
        "when": _when(subscription, item),
        "actions": allowed_actions(mode, subscription, features),
    }


def product_name(mode: Mode, price: Json) -> str:
    """Return the name of the product that a price is for."""
    return (mode.get("product", price["product"]) or {}).get("name", "?")


def _when(subscription: Json, item: Json) -> str:
    until = day(item["current_period_end"])
    if lifecycle.is_ending(subscription):
        return f"Cancels on {day(subscription['cancel_at'] or item['current_period_end'])}"
    if subscription["status"] == "paused":
        return "Paused: nothing is billed until you resume"
    if subscription["status"] == "trialing":
        return f"Your trial ends on {until}"
    return f"Your next billing date is {until}"


def allowed_actions(mode: Mode, subscription: Json, features: Json) -> list[tuple[str, str]]:
    """Return what the configuration and the state of a subscription allow, as action and label."""
    enabled = {name for name, each in features.items() if each.get("enabled")}
    live = subscription["status"] in ("active", "trialing", "past_due")
    possible = [
        (
            "renew",
            "Don’t cancel subscription",
            "subscription_cancel" in enabled and lifecycle.is_ending(subscription),
        ),
        (
            "update",
            "Update subscription",
            live and not lifecycle.is_ending(subscription) and bool(offers(mode, subscription, features)),
        ),
        (
            "cancel",
            "Cancel subscription",
            "subscription_cancel" in enabled and not lifecycle.is_ending(subscription),
        ),
        (
            "pause",
            "Pause subscription",
            "subscription_pause" in enabled and _can_pause(subscription),
        ),
        (
            "resume",
            "Resume subscription",
            "subscription_pause" in enabled and subscription["status"] == "paused",
        ),
    ]
    return [(action, label) for action, label, allowed in possible if allowed]


def _can_pause(subscription: Json) -> bool:
    automatic = subscription["collection_method"] == "charge_automatically"
    return subscription["status"] == "active" and automatic and not lifecycle.is_ending(subscription)


def offers(mode: Mode, subscription: Json, features: Json) -> list[Json]:
    """Return the prices that a subscription may be switched to, its own left out."""
    update = features["subscription_update"]
    if not update["enabled"] or "price" not in update["default_allowed_updates"]:
        return []
    current_price = subscription["items"]["data"][0]["price"]
    ids = [each for product in update["products"] or [] for each in product["prices"]]
    known = [price for price in (mode.get("price", each) for each in ids) if price]
    return [
        pricing.labelled(mode, price)
        for price in known
        if price["active"]
        and price["id"] != current_price["id"]
        and price["currency"] == current_price["currency"]
    ]


def cost(mode: Mode, subscription: Json, price_id: str, features: Json) -> Json:
    """Return what a switch costs now, and what comes next: amounts for people, and the lines."""
    options = switch_options(features)
    item = subscription["items"]["data"][0]
    details = {
        "items": [{"id": item["id"], "price": price_id}],
        "proration_behavior": options.behavior,
    }
    preview = previews.of_subscription(mode, subscription, details)
    at_once = preview["billing_reason"] == "subscription_update"
    after = previews.of_subscription(mode, subscription, details, recurring=True)
    return {
        "now": money(preview["amount_due"] if at_once else 0, preview["currency"]),
        "lines": [(each["description"], money(each["amount"], each["currency"])) for each in _lines(preview)],
        "next": money(after["total"] if at_once else preview["amount_due"], preview["currency"]),
        "next_day": day(after["created"]),
    }


def _lines(invoice: Json) -> list[Json]:
    return invoice["lines"]["data"]


def switch_options(features: Json) -> plan_changes.ChangeOptions:
    """Return how the configuration wants a switch charged. A payment that fails changes nothing."""
    update = features["subscription_update"]
    anchor = update.get("billing_cycle_anchor") or "unchanged"
    return plan_changes.ChangeOptions(update["proration_behavior"], None, "error_if_incomplete", anchor)


def card(mode: Mode, method: Json) -> Json:
    """Return a card or a bank account: its last digits, and whether it is the default."""
    customer = mode.find("customer", method["customer"])
    default = customer["invoice_settings"]["default_payment_method"]
    details = method[method["type"]]
    name = details.get("brand") or method["type"].replace("_", " ")
    return {
        "id": method["id"],
        "text": f"{name.capitalize()} •••• {details['last4']}",
        "expires": f"{details['exp_month']:02d}/{details['exp_year']}" if "exp_month" in details else None,
        "default": method["id"] == default,
    }


def invoice(invoice: Json) -> Json:
    """Return an invoice: its day, amount, state and page."""
    return {
        "number": invoice["number"],
        "day": day(invoice["created"]),
        "total": money(invoice["total"], invoice["currency"]),
        "status": invoice["status"],
        "url": f"/i/{invoice['id']}",
    }


def back(url: str | None) -> Json | None:
    """Return the link back: where to, and its host for people."""
    return {"url": url, "host": urlsplit(url).hostname} if url else None


def usable(mode: Mode, price_id: str) -> Json:
    """Return a price that can be subscribed to. Raise StripeError (400)."""
    if not price_id:
        raise StripeError(400, "Choose a plan.", param="price")
    return sign_up.usable_price(mode, price_id, "price")
