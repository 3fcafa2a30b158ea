"""The controls under `/_simulator`, for tests, for the page and for scripts."""

from __future__ import annotations

from typing import Any

from flask import current_app, jsonify, request

from stripe_simulator.account.current import current_account
from stripe_simulator.account.faults import KINDS, WHEN, Fault
from stripe_simulator.billing import cards, customers
from stripe_simulator.checkout import actions as session_actions
from stripe_simulator.checkout import sessions
from stripe_simulator.controls import actions, scripts, seed
from stripe_simulator.controls.control import (
    control,
    controls,
    find,
    flag,
    mode_in,
    number,
    text,
)
from stripe_simulator.controls.reports import deliveries_log, state_of
from stripe_simulator.core import keys
from stripe_simulator.core.errors import StripeError, bad_request
from stripe_simulator.resources import billing_portal, prices

Json = dict[str, Any]
MOST_PRICES = 50_000


@controls.get("/healthz")
def healthz() -> Json:
    """Return whether the simulator runs."""
    return {"status": "ok"}


@controls.get("/keys")
def every_key() -> Json:
    """Return the first key of each kind, for both modes; restricted ones made since are under `made`."""
    known: Json = {mode: {} for mode in keys.MODES}
    for key in keys.every_key(current_account().store):
        if key["kind"] in known[key["mode"]]:
            known[key["mode"]].setdefault("made", []).append(key["id"])
        else:
            known[key["mode"]][key["kind"]] = key["id"]
    return known


@control("/keys", "Key made.")
def make_key(values: Json) -> Json:
    """Return a new restricted key with the given rights."""
    rights = values.get("rights", [])
    if isinstance(rights, str):
        rights = rights.replace(",", " ").split()
    try:
        granted = keys.rights_from(rights)
    except ValueError as error:
        raise bad_request(str(error), "rights") from None
    key = keys.make_restricted(current_account().store, mode_in(values).name, granted)
    return {"key": key["id"], "mode": key["mode"], "rights": key["rights"]}


@control("/keys/expire", "The key is expired.")
def expire_key(values: Json) -> Json:
    """Return a key that answers 401 `api_key_expired` from now on."""
    if not keys.expire(current_account().store, text(values, "key")):
        raise StripeError(404, "No such key.", param="key")
    return {"expired": True}


@control("/keys/delete", "The key is deleted.")
def delete_key(values: Json) -> Json:
    """Return a key that is unknown from now on."""
    if not keys.delete(current_account().store, text(values, "key")):
        raise StripeError(404, "No such key.", param="key")
    return {"deleted": True}


@control("/seed", "Prices made.")
def make_prices(values: Json) -> Json:
    """Return prices by the thousand."""
    count = number(values, "prices", 0)
    if not 0 <= count <= MOST_PRICES:
        raise bad_request(f"prices must be 0 to {MOST_PRICES}.", "prices")
    price_ids = seed.prices(mode_in(values), count, bool(flag(values, "variety")), flag(values, "events"))
    return {"prices": price_ids}


@control("/portal", "The portal’s settings are saved.")
def save_portal(values: Json) -> Json:
    """Return the default configuration of the portal, as when its settings are saved in the dashboard."""
    mode = mode_in(values)
    known = mode.newest("billing_portal.configuration", is_default=True)
    return known or billing_portal.make(mode, {"features": billing_portal.USUAL}, is_default=True)


@control("/customers", "Customer made.")
def make_customer(values: Json) -> Json:
    """Return a new customer."""
    params: Json = {name: text(values, name) for name in ("email", "name") if name in values}
    return customers.make(mode_in(values), params)


@control("/customers/<customer_id>/subscribe", "Subscribed.")
def subscribe(values: Json, customer_id: str) -> Json:
    """Return a new subscription, led to a status."""
    mode, customer = find("customer", customer_id)
    status = text(values, "status", "active")
    return actions.subscribe(mode, customer, text(values, "price"), status, number(values, "trial_days"))


@control("/customers/<customer_id>/pay", "Paid.")
def pay(values: Json, customer_id: str) -> Json:
    """Return a one-time payment, of a price or of an amount."""
    return scripts.pay(*find("customer", customer_id), values)


@control("/customers/<customer_id>/card", "Card attached.")
def attach_card(values: Json, customer_id: str) -> Json:
    """Return another card for a customer, used from now on: one of Stripe's test tokens."""
    mode, customer = find("customer", customer_id)
    method = cards.attach(mode, customer, text(values, "card", "pm_card_visa"))
    settings = customer["invoice_settings"] | {"default_payment_method": method["id"]}
    mode.change(customer, "customer.updated", invoice_settings=settings)
    return method


@control("/customers/<customer_id>/delete", "Customer deleted.")
def delete_customer(_values: Json, customer_id: str) -> Json:
    """Delete a customer and cancel its subscriptions."""
    mode, customer = find("customer", customer_id)
    customers.remove(mode, customer)
    return {"id": customer_id, "object": "customer", "deleted": True}


@control("/script", "Done.")
def run_script(values: Json) -> Json:
    """Run a script: `turns` are its steps, `types` the events to report (all)."""
    types = values.get("types", ["*"])
    if not isinstance(types, list):
        raise bad_request("types must be a list of event types.", "types")
    return scripts.run(mode_in(values), values.get("turns"), types)


@control("/subscriptions/<subscription_id>/<action>", "Done.")
def act(values: Json, subscription_id: str, action: str) -> Json:
    """Take an action for a subscription."""
    mode, subscription = find("subscription", subscription_id)
    price = text(values, "price") if "price" in values else None
    return actions.act(mode, subscription, action, price)


@control("/charges/<charge_id>/<action>", "Done.")
def act_on_charge(values: Json, charge_id: str, action: str) -> Json:
    """Take an action for a charge: refund, settle, fail, capture, expire."""
    mode, charge = find("charge", charge_id)
    return actions.act_on_charge(mode, charge, action, number(values, "amount"))


@control("/sessions/<session_id>/<action>", "Done.")
def act_on_session(values: Json, session_id: str, action: str) -> Json:
    """Take an action for a Checkout session: pay, settle, fail, expire."""
    mode, session = find(sessions.KIND, session_id)
    return session_actions.act(mode, session, action, values)


@control("/prices/<price_id>/<action>", "Price changed.")
def act_on_price(_values: Json, price_id: str, action: str) -> Json:
    """Archive or restore a price."""
    mode, price = find("price", price_id)
    if action not in ("archive", "restore"):
        raise bad_request("Invalid action: must be one of archive or restore", "action")
    return prices.change(mode, price, {"active": action == "restore"})


@controls.get("/deliveries")
def deliveries() -> Any:
    """Return the newest deliveries of both modes; `event`, `type`, `mode` and `limit` choose."""
    chosen = {name: request.args[name] for name in ("event", "type", "mode") if name in request.args}
    limit = request.args.get("limit", 100, type=int)
    return jsonify({"deliveries": deliveries_log(current_account(), chosen, max(1, min(limit, 10_000)))})


@control("/deliveries/<event_id>/resend", "Sent again.")
def resend(_values: Json, event_id: str) -> Json:
    """Return an event once more, to every endpoint that asks for it now."""
    mode, event = find("event", event_id)
    deliveries = current_account().deliveries.resend(mode.name, event, mode.listeners(event["type"]))
    return {"deliveries": [each["id"] for each in deliveries]}


@controls.get("/faults")
def faults() -> Any:
    """Return the failures that are in force."""
    return jsonify({"faults": current_account().faults.listed()})


@control("/faults", "Fault set.")
def add_fault(values: Json) -> Json:
    """Return the next calls that match go wrong."""
    fault = Fault(
        kind=str(values.get("kind", "500")),
        path=text(values, "path", "/v1/"),
        method=text(values, "method", "").upper(),
        times=number(values, "times", 1),
        seconds=number(values, "seconds", 1),
        when=text(values, "when", "before"),
    )
    if fault.kind not in KINDS or fault.when not in WHEN:
        raise bad_request(f"kind must be one of {', '.join(KINDS)}, when one of {', '.join(WHEN)}.", "kind")
    if not 1 <= fault.times <= 100_000 or not 0 <= fault.seconds <= 600:
        raise bad_request("times must be 1 to 100000, seconds 0 to 600.", "times")
    current_account().faults.add(fault)
    return {"faults": current_account().faults.listed()}


@controls.delete("/faults")
def clear_faults() -> Any:
    """Remove all faults and end an outage."""
    current_account().faults.clear()
    return jsonify({"faults": []})


@controls.get("/state")
def state() -> Any:
    """Return how much there is of everything."""
    return jsonify(state_of(current_account()))


@control("/reset", "Everything is as at the start.")
def reset(values: Json) -> Json:
    """Forget everything but the default keys; `demo` brings the demo data back."""
    account = current_account()
    account.reset()
    current_app.extensions["simulator_idempotency"].forget()
    if flag(values, "demo"):
        seed.demo(account)
    return state_of(account)
