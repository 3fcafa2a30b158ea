"""https://docs.stripe.com/api/coupons."""

from __future__ import annotations

from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.api.calls import Call, answers
from stripe_simulator.api.lists import page
from stripe_simulator.billing import discounts
from stripe_simulator.core.errors import StripeError, bad_request, missing
from stripe_simulator.core.fields import merged_metadata, pick, updates
from stripe_simulator.core.objects import deleted, new_object, now, random_text

Json = dict[str, Any]


@answers("POST /v1/coupons")
def create(call: Call) -> Json:
    """Make a coupon."""
    return make(call.mode, call.params)


def make(mode: Mode, params: Json) -> Json:
    """Return a new coupon. Raise StripeError (400)."""
    _check(params)
    coupon_id = params.get("id") or random_text(8).upper()
    if mode.get("coupon", coupon_id) and not mode.get("coupon", coupon_id).get("deleted"):  # type: ignore[union-attr]
        raise StripeError(400, "Coupon already exists.", code="resource_already_exists", param="id")
    coupon = new_object(
        "coupon",
        id=coupon_id,
        duration=params.get("duration", "once"),
        metadata=merged_metadata({}, params),
        valid=True,
        **updates(
            params, "amount_off", "duration_in_months", "max_redemptions", "name", "percent_off", "redeem_by"
        ),
    )
    coupon["currency"] = params["currency"].lower() if "amount_off" in params else None
    coupon |= pick(params, "applies_to")
    return mode.add(coupon, "coupon.created")


def _check(params: Json) -> None:
    amount, percent = params.get("amount_off"), params.get("percent_off")
    if (amount is None) == (percent is None):
        raise bad_request(
            "You must provide either `percent_off` or `amount_off`, and not both.", "percent_off"
        )
    if amount is not None and "currency" not in params:
        raise missing("currency")
    if amount is not None and amount < 1:
        raise bad_request("Invalid positive integer", "amount_off", "parameter_invalid_integer")
    if percent is not None and not 0 < percent <= 100:
        raise bad_request("Invalid percent_off: must be above 0 and at most 100.", "percent_off")
    repeating = params.get("duration") == "repeating"
    if repeating != ("duration_in_months" in params):
        raise bad_request(
            "`duration_in_months` goes with `duration=repeating`, and only with it.", "duration_in_months"
        )
    if params.get("max_redemptions", 1) < 1:
        raise bad_request("Invalid positive integer", "max_redemptions", "parameter_invalid_integer")
    if "redeem_by" in params and params["redeem_by"] <= now():
        raise bad_request("Invalid timestamp: must be in the future.", "redeem_by")


@answers("GET /v1/coupons/{coupon}")
def retrieve(call: Call) -> Json:
    """Return a coupon."""
    return _fresh(call.mode.find("coupon", call.id, "coupon"))


@answers("POST /v1/coupons/{coupon}")
def update(call: Call) -> Json:
    """Change the name or the metadata of a coupon, nothing else."""
    coupon = call.mode.find("coupon", call.id, "coupon")
    fields = updates(call.params, "name")
    if "metadata" in call.params:
        fields["metadata"] = merged_metadata(coupon["metadata"], call.params)
    return _fresh(call.mode.change(coupon, "coupon.updated", **fields))


@answers("DELETE /v1/coupons/{coupon}")
def delete(call: Call) -> Json:
    """Delete a coupon. Who has the discount keeps it; nobody else gets it."""
    coupon = call.mode.find("coupon", call.id, "coupon")
    for code in call.mode.every("promotion_code"):
        if code["promotion"]["coupon"] == call.id:
            call.mode.change(code, "promotion_code.updated", active=False)
    call.mode.drop(coupon)
    call.mode.record("coupon.deleted", coupon | {"valid": False})
    return deleted("coupon", call.id)


@answers("GET /v1/coupons")
def every(call: Call) -> Json:
    """Return coupons, newest first."""
    coupons_page = page(call.mode, "coupon", call.path, call.params, {})
    return coupons_page | {"data": [_fresh(each) for each in coupons_page["data"]]}


def _fresh(coupon: Json) -> Json:
    # Time alone makes a coupon invalid, without a word.
    return coupon | {"valid": discounts.is_valid(coupon)}
