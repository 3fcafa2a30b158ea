"""Other prices and quantities for a subscription: https://docs.stripe.com/billing/subscriptions/change-price."""

from __future__ import annotations

from typing import Any, NamedTuple

from stripe_simulator.account.account import Mode
from stripe_simulator.billing import cards, invoice_lines, invoices, lifecycle, prorations, sign_up
from stripe_simulator.core.errors import bad_request
from stripe_simulator.core.objects import now

Json = dict[str, Any]
WAIT_SECONDS = 23 * 3600
"""How long a change waits for its payment."""


class ChangeOptions(NamedTuple):
    """How a change is charged: the parameters of the API by their names. `at` is `proration_date`.

    `confirmed`: the owner of the card is here and has confirmed the payment.
    """

    behavior: str = "create_prorations"
    at: int | None = None
    payment: str = "allow_incomplete"
    anchor: str = "unchanged"
    confirmed: bool = False


class PlannedChange(NamedTuple):
    """What a change leads to: the new items, the lines that it costs, and whether a new period begins."""

    items: Json
    lines: list[prorations.Proration]
    restart: bool

    def bills_now(self, options: ChangeOptions) -> bool:
        """Return whether an invoice comes at once, and not only with the next renewal."""
        return self.restart or (options.behavior == "always_invoice" and bool(self.lines))


def plan(mode: Mode, subscription: Json, item_params: list[Json], options: ChangeOptions) -> PlannedChange:
    """Return what a change would lead to; nothing happens. Raise StripeError (400)."""
    before = subscription["items"]["data"]
    data = {item["id"]: item for item in before}
    for i, each in enumerate(item_params):
        _apply_item(mode, subscription, data, each, f"items[{i}]")
    if not data:
        raise bad_request("A subscription must have at least one active price.", "items")
    items = sign_up.items_list(subscription["id"], list(data.values()))
    if subscription["status"] not in ("active", "past_due"):
        return PlannedChange(items, [], False)
    after, at = items["data"], _moment(before, options)
    restart = options.anchor == "now" or _cycle(before) != _cycle(after)
    lines = prorations.of_change(before, after, at, restart) if options.behavior != "none" else []
    if restart:
        items = lifecycle.next_period(subscription | {"items": items}, now())
    return PlannedChange(items, lines, restart)


def _moment(before: list[Json], options: ChangeOptions) -> int:
    """Return when the change takes effect. Raise StripeError (400) for a time outside the present period."""
    if options.at is None:
        return now()
    if options.behavior == "none":
        raise bad_request("You cannot set `proration_date` with `proration_behavior=none`.", "proration_date")
    start = min(item["current_period_start"] for item in before)
    end = min(item["current_period_end"] for item in before)
    if not start <= options.at <= end:
        raise bad_request(
            "Invalid proration_date: it must be within the current subscription period.", "proration_date"
        )
    return options.at


def _cycle(items: list[Json]) -> tuple[str, int]:
    cycle = items[0]["price"]["recurring"]
    return cycle["interval"], cycle["interval_count"]


def replace_items(
    mode: Mode,
    subscription: Json,
    item_params: list[Json],
    options: ChangeOptions | None = None,
    **changes: Any,
) -> Json:
    """Change, add or remove items as the API's `items` say. Another interval begins a new, paid period.

    Raise StripeError: 400 for items that do not go, 402 when the payment fails and must not.
    """
    options = options or ChangeOptions()
    planned = plan(mode, subscription, item_params, options)
    changed = subscription | changes | {"items": planned.items}
    for each in planned.lines:
        invoice_lines.wait(mode, each, subscription)
    if not planned.bills_now(options):
        return _done(mode, subscription, planned, **changes)
    invoice = _billed(mode, changed, planned)
    status = _collected(mode, changed, invoice, options)
    changes |= {"latest_invoice": invoice["id"]}
    if status == "past_due" and options.payment == "pending_if_incomplete":
        return _pending(mode, subscription, planned, changes["latest_invoice"])
    return _done(mode, subscription, planned, **changes, status=status)


def _billed(mode: Mode, changed: Json, planned: PlannedChange) -> Json:
    """Return the invoice for a change: for the whole new period where one begins."""
    if planned.restart:
        return invoices.open_invoice(mode, changed, "subscription_update")
    return invoices.bill(mode, changed, "subscription_update", [])


def _done(mode: Mode, subscription: Json, planned: PlannedChange, **changes: Any) -> Json:
    changes |= {"items": planned.items, "currency": planned.items["data"][0]["price"]["currency"]}
    if planned.restart:
        changes["billing_cycle_anchor"] = now()
    return mode.change(subscription, lifecycle.UPDATED, **changes)


def _collected(mode: Mode, subscription: Json, invoice: Json, options: ChangeOptions) -> str:
    """Return the status that the payment of a change leads to. Raise StripeError (402)."""
    if subscription["collection_method"] == "send_invoice":
        return subscription["status"]
    if options.payment == "default_incomplete" and invoice["amount_remaining"]:
        return "past_due"
    method = cards.for_subscription(mode, subscription)
    paid = invoices.collect(mode, invoice, method, confirmed=options.confirmed)
    if paid["status"] == "paid":
        return "active"
    if options.payment == "error_if_incomplete":
        raise sign_up.refused(method)
    return "past_due"


def _pending(mode: Mode, subscription: Json, planned: PlannedChange, invoice: str) -> Json:
    """Keep the change as pending until its invoice is paid: https://docs.stripe.com/billing/subscriptions/pending-updates."""
    waiting = {
        "billing_cycle_anchor": now() if planned.restart else None,
        "discount": None,
        "discounts": None,
        "expires_at": now() + WAIT_SECONDS,
        "metadata": None,
        "cancel_at_period_end": None,
        "subscription_items": planned.items["data"],
        "trial_end": None,
        "trial_from_plan": None,
    }
    return mode.change(subscription, lifecycle.UPDATED, pending_update=waiting, latest_invoice=invoice)


def apply_pending(mode: Mode, subscription: Json) -> Json:
    """Return the payment that a change waited for has come."""
    waiting = subscription["pending_update"]
    items = sign_up.items_list(subscription["id"], waiting["subscription_items"])
    changes: Json = {"items": items, "pending_update": None}
    if waiting["billing_cycle_anchor"]:
        changes["billing_cycle_anchor"] = waiting["billing_cycle_anchor"]
    return mode.change(
        subscription, lifecycle.UPDATED, "customer.subscription.pending_update_applied", **changes
    )


def drop_pending(mode: Mode, subscription: Json) -> Json:
    """Return the payment that a change waited for did not come: it is given up, with its invoice."""
    if invoice := invoices.latest(mode, subscription):
        invoices.give_up(mode, invoice, "void")
    event = "customer.subscription.pending_update_expired"
    return mode.change(subscription, lifecycle.UPDATED, event, pending_update=None)


def switch(mode: Mode, subscription: Json, price_id: str, options: ChangeOptions | None = None) -> Json:
    """Return another price in the place of the first item's."""
    item_params = [{"id": subscription["items"]["data"][0]["id"], "price": price_id}]
    return replace_items(mode, subscription, item_params, options)


def _apply_item(mode: Mode, subscription: Json, data: dict[str, Json], item_params: Json, param: str) -> None:
    old = data.get(item_params.get("id", ""))
    if "id" in item_params and old is None:
        raise bad_request(
            f"No such subscription item: '{item_params['id']}'", f"{param}[id]", "resource_missing"
        )
    if item_params.get("deleted"):
        data.pop(item_params.get("id", ""), None)
        return
    if old and "price" not in item_params:
        data[old["id"]] = old | {
            name: item_params[name] for name in ("quantity", "metadata") if name in item_params
        }
        return
    first = subscription["items"]["data"][0]
    start = (old or first)["current_period_start"]
    kept = {"quantity": old.get("quantity", 1), "metadata": old["metadata"]} if old else {}
    changed_item = sign_up.item(mode, subscription["id"], kept | item_params, start, f"{param}[price]")
    changed_item |= {"current_period_end": (old or first)["current_period_end"]}
    changed_item |= {"id": old["id"], "created": old["created"]} if old else {}
    data[changed_item["id"]] = changed_item
