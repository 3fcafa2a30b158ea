"""Validation of the parameters of a session: https://docs.stripe.com/api/checkout/sessions/create."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from stripe_simulator.account.account import Mode
from stripe_simulator.core.errors import StripeError, bad_request, missing
from stripe_simulator.core.objects import now, real_now

Json = dict[str, Any]
SOONEST, LATEST = 30 * 60, 24 * 3600
SLACK = 10  # seconds between the asking of a caller and the reading of the simulator
TRIAL_AHEAD = 48 * 3600
EXCLUSIVE = (
    ("customer", "customer_email"),
    ("customer", "customer_creation"),
    ("allow_promotion_codes", "discounts"),
)
ONLY_IN = {
    "subscription_data": "subscription",
    "payment_method_collection": "subscription",
    "payment_intent_data": "payment",
    "customer_creation": "payment",
    "invoice_creation": "payment",
}
NOT_BUILT = ("custom_fields", "optional_items", "shipping_options", "shipping_address_collection")


def check(mode: Mode, params: Json) -> None:
    """Raise StripeError (400) for the first thing that is wrong with a session's parameters."""
    _check_mode(params)
    _check_ui(params)
    _check_pairs(params)
    _check_times(params)
    customer = _check_customer(mode, params)
    _check_tax(params, customer)
    if len(params.get("client_reference_id", "")) > 200:
        raise bad_request(
            "Invalid string: client_reference_id must be at most 200 characters", "client_reference_id"
        )


def _check_mode(params: Json) -> None:
    if not params.get("mode"):
        raise missing("mode")
    if params["mode"] == "setup":
        raise bad_request("The simulator makes no sessions in `setup` mode.", "mode")
    if not params.get("line_items"):
        raise missing("line_items")
    for name, session_mode in ONLY_IN.items():
        if name in params and params["mode"] != session_mode:
            raise bad_request(f"You can not pass `{name}` in `{params['mode']}` mode.", name)
    for name in NOT_BUILT:
        if params.get(name):
            raise bad_request(f"The simulator does not know `{name}`.", name)


def _check_ui(params: Json) -> None:
    ui = params.get("ui_mode", "hosted_page")
    if ui == "elements":
        raise bad_request("The simulator makes no sessions with `ui_mode: elements`.", "ui_mode")
    hosted = ui == "hosted_page"
    unfit = ("return_url", "redirect_on_completion") if hosted else ("success_url", "cancel_url")
    for name in unfit:
        if name in params:
            raise bad_request(f"You can not pass `{name}` when `ui_mode` is `{ui}`.", name)
    never = params.get("redirect_on_completion") == "never"
    if hosted and "success_url" not in params:
        raise missing("success_url")
    if not hosted and never and "return_url" in params:
        raise bad_request(
            "You can not pass `return_url` when `redirect_on_completion` is `never`.", "return_url"
        )
    if not hosted and not never and "return_url" not in params:
        raise missing("return_url")
    for name in ("success_url", "cancel_url", "return_url"):
        if name in params:
            check_url(params[name], name)


def check_url(url: str, param: str) -> None:
    """Raise StripeError (400) for what is no whole URL."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        good = False
    if not good:
        message = (
            "Not a valid URL"
            if "://" in url
            else "Invalid URL: An explicit scheme (such as https) must be provided."
        )
        raise bad_request(message, param, "url_invalid")


def _check_pairs(params: Json) -> None:
    for name, other in EXCLUSIVE:
        if name in params and other in params:
            raise bad_request(f"You may only specify one of these parameters: {name}, {other}.", other)
    if "customer_update" in params and "customer" not in params:
        raise bad_request("`customer_update` can only be used with `customer`.", "customer_update")
    data = params.get("subscription_data", {})
    if "trial_period_days" in data and "trial_end" in data:
        raise bad_request(
            "You may only specify one of these parameters: subscription_data[trial_end], "
            "subscription_data[trial_period_days].",
            "subscription_data[trial_end]",
        )
    if params.get("payment_method_types"):
        raise bad_request("Received unknown parameter: payment_method_types", "payment_method_types")


def _check_times(params: Json) -> None:
    data, expires = params.get("subscription_data", {}), params.get("expires_at")
    if expires is not None and expires < real_now() + SOONEST - SLACK:
        raise bad_request(
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.",
            "expires_at",
        )
    if expires is not None and expires > real_now() + LATEST + SLACK:
        raise bad_request(
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.",
            "expires_at",
        )
    if not 1 <= data.get("trial_period_days", 1) <= 730:
        raise bad_request(
            "Invalid trial_period_days: must be between 1 and 730.", "subscription_data[trial_period_days]"
        )
    if "trial_end" in data and data["trial_end"] < now() + TRIAL_AHEAD - SLACK:
        raise bad_request(
            "The `trial_end` date has to be at least 2 days in the future.", "subscription_data[trial_end]"
        )


def _check_customer(mode: Mode, params: Json) -> Json | None:
    if "customer" in params:
        return mode.find("customer", params["customer"], "customer", 400)
    email = params.get("customer_email")
    if email is not None and ("@" not in email.strip("@") or any(each.isspace() for each in email)):
        raise bad_request(f"Invalid email address: {email}", "customer_email", "email_invalid")
    return None


def _check_tax(params: Json, customer: Json | None) -> None:
    update = params.get("customer_update", {})
    taxed = params.get("automatic_tax", {}).get("enabled")
    if taxed and customer and not customer["address"] and update.get("address") != "auto":
        raise StripeError(
            400,
            "Automatic tax calculation in Checkout requires a valid address on the Customer. Add a valid address to "
            "the Customer or set `customer_update[address]` to 'auto' to save the billing address entered in "
            "Checkout to the Customer.",
            code="customer_tax_location_invalid",
            param="automatic_tax",
        )
    if params.get("tax_id_collection", {}).get("enabled") and customer and update.get("name") != "auto":
        raise bad_request(
            "Tax ID collection requires updating business name on the customer. To enable tax ID collection for an "
            "existing customer, please set `customer_update[name]` to `auto`.",
            "tax_id_collection",
        )
