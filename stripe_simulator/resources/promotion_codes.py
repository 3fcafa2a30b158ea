"""https://docs.stripe.com/api/promotion_codes."""

from __future__ import annotations

from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.api.calls import Call, answers
from stripe_simulator.api.lists import page
from stripe_simulator.billing import discounts
from stripe_simulator.core.errors import bad_request, missing
from stripe_simulator.core.fields import merged_metadata, pick, updates
from stripe_simulator.core.objects import new_object, now, random_text

Json = dict[str, Any]


@answers("POST /v1/promotion_codes")
def create(call: Call) -> Json:
    """Make a code that people type."""
    return make(call.mode, call.params)


def make(mode: Mode, params: Json) -> Json:
    """Return a new code for a coupon. Raise StripeError (400)."""
    promotion = params["promotion"]
    if "coupon" not in promotion:
        raise missing("promotion[coupon]")
    coupon = mode.find("coupon", promotion["coupon"], "promotion[coupon]", 400)
    if "customer" in params:
        mode.find("customer", params["customer"], "customer", 400)
    code = params.get("code") or random_text(8).upper()
    _check(mode, code, params)
    promotion_code = new_object(
        "promotion_code",
        active=params.get("active", True),
        code=code,
        metadata=merged_metadata({}, params),
        promotion={"coupon": coupon["id"], "type": "coupon"},
        restrictions=_restrictions(params.get("restrictions", {})),
        **updates(params, "customer", "expires_at", "max_redemptions"),
    )
    return mode.add(promotion_code, "promotion_code.created")


def _check(mode: Mode, code: str, params: Json) -> None:
    if not all(each.isascii() and (each.isalnum() or each == "-") for each in code):
        raise bad_request("The code may hold letters, digits and dashes only.", "code")
    if params.get("active", True) and discounts.code_named(mode, code):
        raise bad_request(f"An active promotion code with `code: {code}` already exists.", "code")
    if "expires_at" in params and params["expires_at"] <= now():
        raise bad_request("Invalid timestamp: must be in the future.", "expires_at")
    if params.get("max_redemptions", 1) < 1:
        raise bad_request("Invalid positive integer", "max_redemptions", "parameter_invalid_integer")


def _restrictions(params: Json) -> Json:
    if ("minimum_amount" in params) != ("minimum_amount_currency" in params):
        raise bad_request(
            "`minimum_amount` and `minimum_amount_currency` go together.", "restrictions[minimum_amount]"
        )
    return {
        "first_time_transaction": params.get("first_time_transaction", False),
        "minimum_amount": params.get("minimum_amount"),
        "minimum_amount_currency": params.get("minimum_amount_currency"),
    }


@answers("GET /v1/promotion_codes/{promotion_code}")
def retrieve(call: Call) -> Json:
    """Return a code."""
    return call.mode.find("promotion_code", call.id, "promotion_code")


@answers("POST /v1/promotion_codes/{promotion_code}")
def update(call: Call) -> Json:
    """Turn a code on or off, or change its metadata."""
    code = call.mode.find("promotion_code", call.id, "promotion_code")
    fields = pick(call.params, "active")
    if fields.get("active") and not code["active"] and discounts.code_named(call.mode, code["code"]):
        raise bad_request(f"An active promotion code with `code: {code['code']}` already exists.", "active")
    if "metadata" in call.params:
        fields["metadata"] = merged_metadata(code["metadata"], call.params)
    return call.mode.change(code, "promotion_code.updated", **fields)


@answers("GET /v1/promotion_codes")
def every(call: Call) -> Json:
    """Return codes, newest first."""
    where = pick(call.params, "active", "customer")
    code, coupon = call.params.get("code"), call.params.get("coupon")

    def keep(thing: Json) -> bool:
        fits = code is None or thing["code"].upper() == code.upper()
        return fits and (coupon is None or thing["promotion"]["coupon"] == coupon)

    return page(call.mode, "promotion_code", call.path, call.params, where, keep)
