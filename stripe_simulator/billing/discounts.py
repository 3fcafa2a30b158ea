"""Discounts: what a coupon takes off. https://docs.stripe.com/billing/subscriptions/coupons

Amounts are in the currency's smallest unit.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.billing import pricing
from stripe_simulator.core.calendar import after
from stripe_simulator.core.errors import StripeError, bad_request, no_such
from stripe_simulator.core.objects import new_object, now

Json = dict[str, Any]


def off(coupon: Json | None, lines: list[tuple[str, int]]) -> list[int]:
    """Return what a coupon takes off each of some lines. A line is a product and an amount."""
    if coupon is None:
        return [0] * len(lines)
    products = coupon.get("applies_to", {}).get("products")
    fitting = [max(amount, 0) if not products or product in products else 0 for product, amount in lines]
    if coupon["percent_off"] is not None:
        share = Decimal(str(coupon["percent_off"])) / 100
        return [int((amount * share).to_integral_value(ROUND_HALF_UP)) for amount in fitting]
    left, amounts = int(coupon["amount_off"]), []
    for amount in fitting:
        amounts.append(min(left, amount))
        left -= amounts[-1]
    return amounts


def is_valid(coupon: Json) -> bool:
    """Return whether a coupon can still be redeemed."""
    in_time = coupon["redeem_by"] is None or coupon["redeem_by"] > now()
    return in_time and (
        coupon["max_redemptions"] is None or coupon["times_redeemed"] < coupon["max_redemptions"]
    )


def check(coupon: Json, currency: str, param: str) -> None:
    """Raise StripeError (400) where a coupon cannot be redeemed, or not in this currency."""
    if not is_valid(coupon):
        raise StripeError(400, f"Coupon expired: {coupon['id']}", code="coupon_expired", param=param)
    if coupon["amount_off"] is not None and coupon["currency"] != currency:
        raise bad_request(
            f"The coupon is in {coupon['currency']}, but the prices are in {currency}.",
            param,
            "currency_mismatch",
        )


def chosen(
    mode: Mode, discounts_params: list[Json], currency: str, customer: str | None, amount: int
) -> Json | None:
    """Return the coupon and the promotion code that `discounts` names. Raise StripeError (400)."""
    if not discounts_params:
        return None
    if len(discounts_params) > 1:
        raise bad_request("You may only specify one discount.", "discounts")
    discount_params = discounts_params[0]
    if ("coupon" in discount_params) == ("promotion_code" in discount_params):
        raise bad_request("A discount is either a coupon or a promotion_code.", "discounts[0]")
    if "coupon" in discount_params:
        coupon = mode.find("coupon", discount_params["coupon"], "discounts[0][coupon]", 400)
        check(coupon, currency, "discounts[0][coupon]")
        return {"coupon": coupon["id"], "promotion_code": None}
    param = "discounts[0][promotion_code]"
    code = mode.find("promotion_code", discount_params["promotion_code"], param, 400)
    return by_code(mode, code, currency, customer, amount, param)


def by_code(
    mode: Mode, code: Json, currency: str, customer: str | None, amount: int, param: str = "promotion_code"
) -> Json:
    """Return the coupon behind a promotion code. Raise StripeError (400) where it may not be used."""
    coupon = mode.find("coupon", code["promotion"]["coupon"], param, 400)
    used_up = code["max_redemptions"] is not None and code["times_redeemed"] >= code["max_redemptions"]
    late = code["expires_at"] is not None and code["expires_at"] <= now()
    if used_up or late or not code["active"] or not is_valid(coupon):
        raise bad_request("This promotion code is not active.", param, "promotion_code_inactive")
    check(coupon, currency, param)
    if code["customer"] and code["customer"] != customer:
        raise bad_request("This promotion code cannot be used by this customer.", param)
    limits = code["restrictions"]
    if limits["first_time_transaction"] and customer and _has_paid(mode, customer):
        raise bad_request("This promotion code is for a first purchase only.", param)
    if amount < (limits["minimum_amount"] or 0):
        raise bad_request("The order is too small for this promotion code.", param)
    return {"coupon": coupon["id"], "promotion_code": code["id"]}


def _has_paid(mode: Mode, customer: str) -> bool:
    return any(each["status"] == "succeeded" for each in mode.every("charge", customer=customer))


def code_named(mode: Mode, text: str) -> Json | None:
    """Return the active promotion code that a person typed. Capitals make no difference."""
    code_text = text.strip().upper()
    return next(
        (each for each in mode.every("promotion_code", active=True) if each["code"].upper() == code_text),
        None,
    )


def coupon_of(mode: Mode, chosen_discount: Json | None) -> Json | None:
    """Return the coupon of a choice."""
    return mode.get("coupon", chosen_discount["coupon"]) if chosen_discount else None


def start(mode: Mode, chosen_discount: Json, **belongs: Any) -> Json:
    """Start a discount and redeem its coupon. `belongs` are customer, subscription, session."""
    coupon = mode.find("coupon", chosen_discount["coupon"])
    months = coupon["duration_in_months"] if coupon["duration"] == "repeating" else None
    redeem(mode, chosen_discount)
    discount = new_object(
        "discount",
        start=now(),
        end=after(now(), "month", months) if months else None,
        promotion_code=chosen_discount["promotion_code"],
        source={"coupon": coupon["id"], "type": "coupon"},
        **belongs,
    )
    return mode.add(discount, "customer.discount.created")


def replaced(mode: Mode, subscription: Json, discounts_params: list[Json]) -> list[str]:
    """Return the ids of a subscription's discounts after `discounts` was given: those kept, and a new one.

    Raise StripeError (400).
    """
    kept = [each["discount"] for each in discounts_params if "discount" in each]
    for each in kept:
        if each not in subscription["discounts"]:
            raise no_such("discount", each, "discounts", 400)
    for each in set(subscription["discounts"]) - set(kept):
        mode.record("customer.discount.deleted", mode.find("discount", each))
    amount = sum(
        pricing.total(item["price"], item.get("quantity", 1)) for item in subscription["items"]["data"]
    )
    fresh = [each for each in discounts_params if "discount" not in each]
    coupon_ids = chosen(mode, fresh, subscription["currency"], subscription["customer"], amount)
    belongs = {"customer": subscription["customer"], "subscription": subscription["id"]}
    return [*kept, start(mode, coupon_ids, **belongs)["id"]] if coupon_ids else kept


def redeem(mode: Mode, chosen_discount: Json) -> None:
    """Count a redemption of the coupon, and of the code that led to it."""
    coupon = mode.find("coupon", chosen_discount["coupon"])
    counted = coupon | {"times_redeemed": coupon["times_redeemed"] + 1}
    mode.keep(counted | {"valid": is_valid(counted)})
    if chosen_discount["promotion_code"]:
        code = mode.find("promotion_code", chosen_discount["promotion_code"])
        times = code["times_redeemed"] + 1
        active = code["active"] and (code["max_redemptions"] is None or times < code["max_redemptions"])
        mode.keep(code | {"times_redeemed": times, "active": active})


def on_lines(mode: Mode, subscription: Json, lines: list[Json]) -> list[Json]:
    """Return invoice lines with the amounts of the subscription's discounts."""
    for discount in _running(mode, subscription):
        coupon = mode.get("coupon", discount["source"]["coupon"])
        plain = [
            (each["pricing"]["price_details"]["product"], _left(each) if each["discountable"] else 0)
            for each in lines
        ]
        amounts = off(coupon, plain)
        lines = [_less(line, discount["id"], amount) for line, amount in zip(lines, amounts, strict=True)]
    return lines


def use_up(mode: Mode, invoice: Json) -> None:
    """A coupon that is good for one invoice ends with the first that it made cheaper."""
    for each in invoice["total_discount_amounts"]:
        discount = mode.find("discount", each["discount"])
        coupon = mode.get("coupon", discount["source"]["coupon"]) or {}
        if coupon.get("duration") == "once" and each["amount"]:
            mode.keep(discount | {"end": now()})


def _running(mode: Mode, subscription: Json) -> list[Json]:
    at = max(now(), min(item["current_period_start"] for item in subscription["items"]["data"]))
    discounts = [mode.get("discount", each) for each in subscription["discounts"]]
    return [each for each in discounts if each and (each["end"] is None or each["end"] > at)]


def _left(line: Json) -> int:
    return int(line["amount"] - sum(each["amount"] for each in line["discount_amounts"]))


def _less(line: Json, discount: str, amount: int) -> Json:
    amounts = [*line["discount_amounts"], {"amount": amount, "discount": discount}]
    return line | {"discount_amounts": amounts, "discounts": [*line["discounts"], discount]}


def totals(lines: list[Json]) -> list[Json]:
    """Return what each discount takes off an invoice of these lines, as `total_discount_amounts`."""
    sums: dict[str, int] = {}
    for line in lines:
        for each in line["discount_amounts"]:
            sums[each["discount"]] = sums.get(each["discount"], 0) + each["amount"]
    return [{"amount": amount, "discount": discount} for discount, amount in sums.items()]
