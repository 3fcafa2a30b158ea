"""https://docs.stripe.com/api/subscriptions."""

from __future__ import annotations

from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.api.calls import Call, answers
from stripe_simulator.api.lists import page
from stripe_simulator.billing import cards, discounts, lifecycle, pauses, plan_changes, sign_up, trials
from stripe_simulator.core.errors import bad_request, missing, no_such
from stripe_simulator.core.fields import merged_metadata, pick, updates
from stripe_simulator.core.objects import now

Json = dict[str, Any]
PLAIN = ("collection_method", "days_until_due", "description")
DETAILS = ("comment", "feedback")


@answers("POST /v1/subscriptions")
def create(call: Call) -> Json:
    """Begin a subscription."""
    mode, params = call.mode, call.params
    if "customer" not in params:
        raise missing("customer")
    if not params.get("items"):
        raise missing("items")
    customer = mode.find("customer", params["customer"], "customer", 400)
    trial_end = sign_up.trial_end_from(params)
    _check_collection(params)
    fields = updates(params, *PLAIN) | {"metadata": merged_metadata({}, params)}
    fields |= pick(params, "trial_settings")
    fields |= _payment_method(mode, customer, params)
    outcome = "wait" if params.get("payment_behavior") == "default_incomplete" else "alone"
    fields |= {"discount": params.get("discounts") or []}
    subscription = sign_up.begin(
        mode, customer, params["items"], trial_end=trial_end, outcome=outcome, **fields
    )
    _check_paid(mode, subscription, params, outcome)
    subscription = mode.change(subscription, **_cancel_at(subscription, params))
    if params.get("cancel_at_period_end"):
        return lifecycle.cancel_at_period_end(mode, subscription)
    return subscription


def _check_collection(params: Json) -> None:
    sends, days = params.get("collection_method") == "send_invoice", params.get("days_until_due")
    if sends and days is None:
        raise missing("days_until_due")
    if days is not None and not sends:
        raise bad_request(
            "You can only set `days_until_due` if `collection_method=send_invoice`.", "days_until_due"
        )


def _payment_method(mode: Mode, customer: Json, params: Json) -> Json:
    if not (method_id := params.get("default_payment_method")):
        return updates(params, "default_payment_method")
    return {"default_payment_method": cards.of_customer(mode, customer, method_id)["id"]}


def _check_paid(mode: Mode, subscription: Json, params: Json, outcome: str) -> None:
    """Refusing here takes back all that was made, for the call is one transaction."""
    if subscription["status"] not in ("incomplete", "past_due") or outcome == "wait":
        return
    method = cards.for_subscription(mode, subscription)
    if method is None or params.get("payment_behavior") == "error_if_incomplete":
        raise sign_up.refused(method)


@answers("GET /v1/subscriptions/{subscription_exposed_id}")
def retrieve(call: Call) -> Json:
    """Return a subscription, also one that has ended."""
    return call.mode.find("subscription", call.id)


@answers("POST /v1/subscriptions/{subscription_exposed_id}")
def update(call: Call) -> Json:
    """Change a subscription. What changes a canceled one may be its metadata only."""
    mode, params = call.mode, call.params
    subscription = mode.find("subscription", call.id)
    if subscription["status"] in lifecycle.FINAL and set(params) - {"metadata", "cancellation_details"}:
        raise bad_request(
            "A canceled subscription can only update its cancellation_details and metadata.", None
        )
    fields = _changes(mode, subscription, params)
    if "discounts" in params:
        fields["discounts"] = discounts.replaced(mode, subscription, params["discounts"] or [])
    options = _options(params)
    if params.get("items") or options.anchor == "now":
        subscription = plan_changes.replace_items(
            mode, subscription, params.get("items", []), options, **fields
        )
        fields = {}
    if params.get("trial_end") == "now" and subscription["status"] == "trialing":
        subscription = trials.end_now(mode, subscription | fields)
        _check_paid(mode, subscription, params, "pay")
    return mode.change(subscription, lifecycle.UPDATED, **fields)


def _options(params: Json) -> plan_changes.ChangeOptions:
    anchor = params.get("billing_cycle_anchor", {}).get("type", "unchanged")
    return plan_changes.ChangeOptions(
        params.get("proration_behavior", "create_prorations"),
        params.get("proration_date"),
        params.get("payment_behavior", "allow_incomplete"),
        anchor,
    )


def _changes(mode: Mode, subscription: Json, params: Json) -> Json:
    customer = mode.get("customer", subscription["customer"]) or {}
    _check_collection(_collection(subscription, params))
    fields = updates(params, *PLAIN) | _payment_method(mode, customer, params)
    if params.get("collection_method") == "charge_automatically":
        fields["days_until_due"] = None
    if "trial_settings" in params:
        fields["trial_settings"] = params["trial_settings"]
    fields |= _cancel_at(subscription, params)
    if "metadata" in params:
        fields["metadata"] = merged_metadata(subscription["metadata"], params)
    if "pause_collection" in params:
        pause = params["pause_collection"] or None
        fields["pause_collection"] = pause and {"resumes_at": None, **pause}
    if "trial_end" in params:
        fields |= _trial(subscription, params)
    if details := params.get("cancellation_details"):
        fields["cancellation_details"] = subscription["cancellation_details"] | updates(details, *DETAILS)
    ends = params.get("cancel_at_period_end")
    if ends is not None and ends != subscription["cancel_at_period_end"]:
        fields |= lifecycle.ending(subscription, ends)
    return fields


def _collection(subscription: Json, params: Json) -> Json:
    """Return what a change makes of how money is collected. Days that were set before end with the method they belong to."""
    if params.get("collection_method", subscription["collection_method"]) == "send_invoice":
        return pick(subscription, "collection_method", "days_until_due") | params
    return params


def _cancel_at(subscription: Json, params: Json) -> Json:
    if "cancel_at" not in params:
        return {}
    at, ends = params["cancel_at"], [item["current_period_end"] for item in subscription["items"]["data"]]
    if isinstance(at, str):
        at = (min(ends) if at.startswith("min") else max(ends)) if at else None
    return {"cancel_at": at}


def _trial(subscription: Json, params: Json) -> Json:
    end = sign_up.trial_end_from(params)
    if end is None:
        return {}
    items = subscription["items"]
    data = [item | {"current_period_end": end} for item in items["data"]]
    start = subscription["trial_start"] or now()
    fields = {"status": "trialing", "trial_start": start, "trial_end": end, "billing_cycle_anchor": end}
    return fields | {"items": items | {"data": data}}


@answers("DELETE /v1/subscriptions/{subscription_exposed_id}")
def cancel(call: Call) -> Json:
    """End a subscription now."""
    subscription = call.mode.find("subscription", call.id)
    if subscription["status"] in lifecycle.FINAL:
        raise no_such("subscription", call.id)
    details = call.params.get("cancellation_details") or {}
    prorate = "none"
    if call.params.get("prorate"):
        prorate = "always_invoice" if call.params.get("invoice_now") else "create_prorations"
    return lifecycle.cancel(call.mode, subscription, prorate=prorate, **updates(details, *DETAILS))


@answers("POST /v1/subscriptions/{subscription}/pause")
def pause(call: Call) -> Json:
    """Pause a subscription: no service and no invoices until it is resumed."""
    subscription = call.mode.find("subscription", call.id)
    unused = call.params.get("bill_for", {}).get("unused_time_from", {}).get("type", "now")
    return pauses.stop(call.mode, subscription, unused)


@answers("POST /v1/subscriptions/{subscription}/resume")
def resume(call: Call) -> Json:
    """Resume a paused subscription."""
    subscription = call.mode.find("subscription", call.id)
    if subscription["status"] != "paused":
        raise bad_request("Only paused subscriptions can be resumed.", None)
    if call.params.get("billing_cycle_anchor", {}).get("type") == "unchanged":
        raise bad_request("The simulator does not know `unchanged` here.", "billing_cycle_anchor[type]")
    return pauses.resume(call.mode, subscription, call.params.get("payment_behavior", pauses.ON_ATTEMPT))


@answers("GET /v1/subscriptions")
def every(call: Call) -> Json:
    """Return subscriptions, newest first; canceled ones only when `status` asks for them."""
    params = call.params
    where = pick(params, "customer", "collection_method", "test_clock")
    status_param, price = params.get("status"), params.get("price")

    def keep(subscription: Json) -> bool:
        if price and all(item["price"]["id"] != price for item in subscription["items"]["data"]):
            return False
        return _has_status(subscription["status"], status_param)

    return page(call.mode, "subscription", call.path, params, where, keep)


def _has_status(status: str, status_param: str | None) -> bool:
    if status_param is None:
        return status != "canceled"
    return (
        status_param == "all"
        or status == status_param
        or (status_param == "ended" and status in lifecycle.FINAL)
    )
