"""What the pages of Checkout show."""

from __future__ import annotations

from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.billing import discounts, pricing
from stripe_simulator.checkout import payment, payment_form, sessions
from stripe_simulator.core.formatting import cost, day, money

Json = dict[str, Any]
COUNTRIES = (
    ("AT", "Austria"), ("AU", "Australia"), ("CA", "Canada"), ("CH", "Switzerland"), ("DE", "Germany"),
    ("ES", "Spain"), ("FR", "France"), ("GB", "United Kingdom"), ("IE", "Ireland"), ("IT", "Italy"),
    ("JP", "Japan"), ("NL", "Netherlands"), ("US", "United States"),
)  # fmt: skip
DEBIT_NAMES = {"us_bank_account": "US bank account", "sepa_debit": "SEPA Direct Debit"}


def offer(mode: Mode, session: Json) -> Json:
    """Return everything on the page of an open session."""
    customer = mode.get("customer", session["customer"]) if session["customer"] else None
    debit = payment_form.debit_of(session)
    return {
        "items": [_item(mode, each, session) for each in session["line_items"]["data"]],
        "subtotal": money(session["amount_subtotal"], session["currency"]),
        "total": money(session["amount_total"], session["currency"]),
        "discount": _discount(mode, session),
        "trial": _trial(mode, session),
        "known_email": (customer or {}).get("email"),
        "fixed_email": session["customer_email"],
        "needs_method": payment.needs_method(session),
        "takes_card": "card" in session["payment_method_types"],
        "debit": debit and DEBIT_NAMES[debit],
        "asks_address": payment_form.asks_address(session),
        "countries": COUNTRIES,
        "button": _button(session),
        "message": ((session["custom_text"] or {}).get("submit") or {}).get("message"),
        "live": mode.livemode,
    }


def _item(mode: Mode, item: Json, session: Json) -> Json:
    price = mode.find("price", item["price"]["id"])
    product = mode.get("product", price["product"]) or {}
    return {
        "name": item["description"],
        "about": product.get("description"),
        "quantity": item["quantity"],
        "price": cost(price),
        "amount": money(item["amount_subtotal"], session["currency"]),
    }


def _discount(mode: Mode, session: Json) -> Json | None:
    chosen = session["asked"]["discount"]
    coupon = discounts.coupon_of(mode, chosen)
    if not chosen or not coupon:
        return None
    code = mode.get("promotion_code", chosen["promotion_code"] or "")
    share = f"{coupon['percent_off']:g} %" if coupon["percent_off"] is not None else ""
    return {
        "code": code["code"] if code else coupon["name"] or coupon["id"],
        "removable": bool(session["allow_promotion_codes"]),
        "off": share or money(coupon["amount_off"], coupon["currency"]),
        "amount": money(session["total_details"]["amount_discount"], session["currency"]),
    }


def _trial(mode: Mode, session: Json) -> str | None:
    if not sessions.on_trial(session):
        return None
    data = session["asked"]["subscription_data"]
    prices = [mode.find("price", each["price"]["id"]) for each in session["line_items"]["data"]]
    amounts = sum(
        pricing.total(price, each["quantity"] or 1)
        for price, each in zip(prices, session["line_items"]["data"], strict=True)
        if price["recurring"]
    )
    cycle = prices[0]["recurring"]
    every = (
        cycle["interval"]
        if cycle["interval_count"] == 1
        else f"{cycle['interval_count']} {cycle['interval']}s"
    )
    days = data.get("trial_period_days")
    free = (
        f"{days} days free"
        if days and days > 1
        else "1 day free"
        if days
        else f"Free until {day(data['trial_end'])}"
    )
    return f"{free}, then {money(amounts, session['currency'])} every {every}"


def _button(session: Json) -> str:
    if session["mode"] == "payment":
        return "Pay" if session["amount_total"] else "Complete order"
    return "Start trial" if sessions.on_trial(session) else "Subscribe"


def with_id(url: str, session: Json) -> str:
    """Return a return address with the session's id in the place that Stripe names."""
    return url.replace("{CHECKOUT_SESSION_ID}", session["id"])


def end(session: Json) -> Json:
    """Return what a session that is over shows, and where it leads."""
    back = session["success_url"] if session["status"] == "complete" else session["cancel_url"]
    link = session.get("return_url")
    stays = session.get("redirect_on_completion", "always") != "always"
    return {
        "back": back and with_id(back, session),
        "return_url": link and with_id(link, session),
        "stays": stays,
        "message": session["asked"].get("confirmation"),
    }
