"""Controls of faults: delivery conditions, outages, disabled endpoints, older API versions, load."""

from __future__ import annotations

from typing import Any

from flask import jsonify

from stripe_simulator.account.account import without_events
from stripe_simulator.account.current import current_account
from stripe_simulator.account.faults import KINDS
from stripe_simulator.controls import load
from stripe_simulator.controls.control import (
    control,
    controls,
    find,
    flag,
    mode_in,
    number,
    text,
)
from stripe_simulator.core.errors import bad_request
from stripe_simulator.core.versions import KNOWN
from stripe_simulator.delivery.delivery_conditions import LONGEST_SECONDS, MOST_AT_ONCE, DeliveryConditions

Json = dict[str, Any]
MOST_CUSTOMERS = 20_000
MOST_TURNS = 100_000


@controls.get("/weather")
def show_conditions() -> Any:
    """Return the present conditions of deliveries."""
    return jsonify(current_account().deliveries.conditions.as_json())


@control("/weather", "The weather has changed.")
def set_conditions(values: Json) -> Json:
    """Set the conditions of deliveries. What is left out is as it is by default."""
    shares = {name: amount(values, name, 0.0, 1.0) for name in ("late_share", "doubled", "lost")}
    counts = {name: number(values, name, 1) for name in ("shuffled", "parallel")}
    if not 1 <= counts["parallel"] <= MOST_AT_ONCE or not 1 <= counts["shuffled"] <= 10_000:
        raise bad_request(f"parallel must be 1 to {MOST_AT_ONCE}, shuffled 1 to 10000.", "parallel")
    chosen = {name: share for name, share in shares.items() if share is not None} | counts
    late = amount(values, "late", 0.0, LONGEST_SECONDS) or 0.0
    seed, gives_up = number(values, "seed"), bool(flag(values, "gives_up"))
    current_account().deliveries.change_conditions(
        DeliveryConditions(late=late, seed=seed, gives_up=gives_up, **chosen)
    )
    return current_account().deliveries.conditions.as_json()


@control("/outage", "Nothing works any more.")
def start_outage(values: Json) -> Json:
    """Start an outage: no call of /v1 works for `lasts` seconds, or until the faults are cleared.

    `kind` is as for faults; `seconds` is how long a call hangs, or the Retry-After of 429.
    """
    kind = str(values.get("kind", "500"))
    lasts, seconds = amount(values, "lasts", 0.0, 3600.0), amount(values, "seconds", 0.0, 600.0)
    if kind not in KINDS:
        raise bad_request(f"kind must be one of {', '.join(KINDS)}.", "kind")
    current_account().faults.start_outage(kind, 1.0 if seconds is None else seconds, lasts)
    return {"outage": current_account().faults.outage()}


@control("/endpoints/<endpoint_id>/disable", "The endpoint is disabled.")
def disable(_values: Json, endpoint_id: str) -> Json:
    """Disable an endpoint, as Stripe does after days of failures."""
    mode, endpoint = find("webhook_endpoint", endpoint_id)
    return mode.change(endpoint, status="disabled")


@control("/version", "The account's API version is set.")
def set_version(values: Json) -> Json:
    """Return the account's default version: events from now on are shown in its shape."""
    version = text(values, "api_version")
    if version not in KNOWN:
        raise bad_request("Invalid API version.", "api_version")
    current_account().api_version = version
    return {"api_version": version}


@control("/crowd", "They have lived.")
def generate_load(values: Json) -> Json:
    """Lead new `customers` (a number) or known ones (ids) through `rounds` actions each, on some `prices`.

    `silent` records no events. Return the customers' ids and how many events there were.
    """
    mode, events = mode_in(values), current_account().store.collection("event", mode_in(values).name)
    customers_input, rounds, prices = (
        values.get("customers", 0),
        number(values, "rounds", 0),
        values.get("prices", []),
    )
    ids = customers_input if isinstance(customers_input, list) else []
    count = number(values, "customers", 0) if not ids else len(ids)
    if not 0 <= count <= MOST_CUSTOMERS or not 0 <= rounds * count <= MOST_TURNS:
        raise bad_request(f"{MOST_CUSTOMERS} customers and {MOST_TURNS} turns at most.", "customers")
    if rounds and (not isinstance(prices, list) or not prices):
        raise bad_request("prices must be a list of ids.", "prices")
    ids = ids or load.make_customers(mode, count, len(mode.every("customer")))
    before = len(events.ids)
    with without_events(bool(flag(values, "silent"))):
        load.run(mode, ids, rounds, prices, number(values, "seed", 0), number(values, "gap", 0))
    return {"customers": ids, "events": len(events.ids) - before}


def amount(values: Json, name: str, least: float, most: float) -> float | None:
    """Return a number of the input, or None. Raise StripeError (400)."""
    if name not in values:
        return None
    try:
        value = float(values[name])
    except (TypeError, ValueError):
        value = float("nan")
    if not least <= value <= most:
        raise bad_request(f"{name} must be {least:g} to {most:g}.", name)
    return value
