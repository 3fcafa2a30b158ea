"""How a subscription begins: https://docs.stripe.com/billing/subscriptions/overview."""

from __future__ import annotations

from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.billing import cards, discounts, invoices
from stripe_simulator.core.calendar import DAY, after
from stripe_simulator.core.errors import StripeError, bad_request
from stripe_simulator.core.objects import list_of, new_object, now

Json = dict[str, Any]
MUST_CONFIRM = "_payment_intent_requires_action"
"""How the code of a payment ends that the owner of the card must confirm."""
PAYMENT_SETTINGS = {
    "payment_method_options": None,
    "payment_method_types": None,
    "save_default_payment_method": "off",
}


def item(mode: Mode, subscription_id: str, item_params: Json, start: int, param: str) -> Json:
    """Return a new subscription item whose period begins at `start`. Raise StripeError (400)."""
    price = usable_price(mode, item_params.get("price"), param, archived=item_params.get("archived", False))
    cycle = price["recurring"]
    subscription_item = new_object(
        "subscription_item",
        current_period_start=start,
        current_period_end=after(start, cycle["interval"], cycle["interval_count"]),
        metadata=item_params.get("metadata") or {},
        price=price,
        subscription=subscription_id,
        tax_rates=[],
    )
    if cycle["usage_type"] == "licensed":
        subscription_item["quantity"] = item_params.get("quantity", 1)
    return subscription_item


def usable_price(mode: Mode, price_id: str | None, param: str, archived: bool = False) -> Json:
    """Return a recurring price, an active one unless `archived` are good too. Raise StripeError (400)."""
    price = mode.find("price", price_id or "", param, 400)
    if price["type"] != "recurring":
        message = "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`."
        raise bad_request(message, param)
    if not price["active"] and not archived:
        raise bad_request("The price specified is inactive. This field only accepts active prices.", param)
    return price


def begin(
    mode: Mode,
    customer: Json,
    items: list[Json],
    *,
    trial_end: int | None = None,
    outcome: str = "pay",
    discount: list[Json] | None = None,
    **fields: Any,
) -> Json:
    """Return a new subscription with its first invoice.

    `items` are `{price, quantity, metadata}`. `trial_end` is in seconds, UTC. `outcome` is what becomes of
    the first payment: `pay` (by the card there is, its owner confirms), `alone` (nobody is there to confirm),
    `decline`, `wait` (nobody has tried yet), or `slow` (a bank debit is under way). `discount` is the
    `discounts` that it begins with, as the API takes them.
    """
    subscription = shape(mode, customer, items, trial_end, fields)
    if discount:
        subscription["discounts"] = discounts.replaced(mode, subscription, discount)
    invoice = invoices.open_invoice(mode, subscription, "subscription_create", free=trial_end is not None)
    status = "trialing" if trial_end else _first_payment(mode, subscription, invoice, outcome)
    if trial_end:
        invoices.collect(mode, invoice, None)
    subscription |= {"latest_invoice": invoice["id"], "status": status}
    _set_currency(mode, customer, subscription["currency"])
    return mode.add(subscription, "customer.subscription.created")


def _first_payment(mode: Mode, subscription: Json, invoice: Json, outcome: str) -> str:
    """Return the status that the first payment leads to."""
    if subscription["collection_method"] == "send_invoice":
        return "active"
    if outcome == "wait" and invoice["amount_due"]:
        return "incomplete"
    method = cards.for_subscription(mode, subscription)
    if outcome == "slow" and method and invoice["amount_due"]:
        # Stripe trusts the bank until it has answered; a debit that fails makes the subscription past due.
        invoices.collect_slowly(mode, invoice, method)
        return "active"
    here = outcome != "alone"
    paid = invoices.collect(mode, invoice, method, declined=outcome == "decline", confirmed=here)
    return "active" if paid["status"] == "paid" else "incomplete"


def _set_currency(mode: Mode, customer: Json, currency: str) -> None:
    known = mode.find("customer", customer["id"])
    if known["currency"] is None:
        mode.keep(known | {"currency": currency})


def shape(mode: Mode, customer: Json, items: list[Json], trial_end: int | None, fields: Json) -> Json:
    """Return a subscription as it begins, kept nowhere yet. Raise StripeError (400)."""
    start = now()
    subscription = new_object(
        "subscription",
        created=start,
        automatic_tax={"disabled_reason": None, "enabled": False, "liability": None},
        billing_cycle_anchor=trial_end or start,
        billing_mode={"flexible": {"proration_discounts": "included"}, "type": "flexible"},
        cancellation_details={"comment": None, "feedback": None, "reason": None},
        customer=customer["id"],
        default_tax_rates=[],
        livemode=mode.livemode,
        payment_settings=dict(PAYMENT_SETTINGS),
        start_date=start,
        test_clock=customer["test_clock"],
        trial_end=trial_end,
        trial_settings={"end_behavior": {"missing_payment_method": "create_invoice"}},
        trial_start=start if trial_end else None,
    )
    subscription["invoice_settings"]["issuer"] = {"type": "self"}
    data = [item(mode, subscription["id"], each, start, f"items[{i}][price]") for i, each in enumerate(items)]
    if trial_end:
        data = [each | {"current_period_end": trial_end} for each in data]
    subscription["items"] = items_list(subscription["id"], data)
    subscription["currency"] = data[0]["price"]["currency"]
    return subscription | fields


def items_list(subscription_id: str, data: list[Json]) -> Json:
    """Return the list of items inside a subscription. Raise StripeError (400) when they do not go together."""
    prices = [each["price"]["id"] for each in data]
    if len(set(prices)) < len(prices):
        raise bad_request("Cannot add multiple subscription items with the same price.", "items")
    if len({each["price"]["currency"] for each in data}) > 1:
        raise bad_request("All prices on a subscription must have the same currency.", "items")
    return list_of(data, f"/v1/subscription_items?subscription={subscription_id}")


def trial_end_from(params: Json) -> int | None:
    """Return when the trial ends that the parameters ask for, in seconds, UTC. Raise StripeError (400)."""
    days, end = params.get("trial_period_days"), params.get("trial_end")
    if days is not None and end is not None:
        raise bad_request(
            "You may only specify one of these parameters: trial_end, trial_period_days.", "trial_end"
        )
    if days is not None and not 0 <= days <= 730:
        raise bad_request("Invalid trial_period_days: must be between 0 and 730.", "trial_period_days")
    if isinstance(end, int) and end <= now():
        raise bad_request("Invalid timestamp: must be an integer Unix timestamp in the future.", "trial_end")
    if days:
        return now() + days * DAY
    return end if isinstance(end, int) else None


def refused(method: Json | None, about: str = "subscription") -> StripeError:
    """Return the error for a payment: 402 when the card was declined or must be confirmed, 400 when there is none."""
    if method is None:
        return no_card()
    if cards.must_confirm(method):
        return StripeError(
            402,
            f"Payment for this {about} requires additional user action before it can be completed successfully. "
            f"Payment can be completed using the PaymentIntent associated with the {about}.",
            type="card_error",
            code=f"{about}{MUST_CONFIRM}",
        )
    code = cards.decline_code(method)
    return StripeError(
        402, "Your card was declined.", type="card_error", code="card_declined", decline_code=code
    )


def no_card() -> StripeError:
    """Return the 400 for a subscription without a payment method."""
    return StripeError(
        400,
        "This customer has no attached payment source or default payment method. Please consider adding a default "
        "payment method. For more information, visit "
        "https://stripe.com/docs/billing/subscriptions/payment-methods-setting.",
        code="resource_missing",
    )
