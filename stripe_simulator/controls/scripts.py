"""Scripts: several actions in one call, and what came of each.

A step is `{"do": …, "on": name, "as": name, "ahead": seconds}` with what its control takes besides. `as` names
what it makes, `on` is what it is about: a name given before, or an id.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stripe_simulator.account.account import Mode, asks_for
from stripe_simulator.billing import customers, pricing
from stripe_simulator.controls import actions
from stripe_simulator.controls.control import number, text
from stripe_simulator.core.errors import StripeError, bad_request, missing, no_such
from stripe_simulator.core.objects import advance, now
from stripe_simulator.core.rendering import plain

Json = dict[str, Any]
MOST_TURNS = 200
KINDS = ("customer", "subscription", "charge")
PRICE_METADATA = "umstripe_price"
"""A one-time payment says which price it is for, as the application's own checkout does."""


class Script:
    """A script that runs, and the ids that its names stand for."""

    def __init__(self, mode: Mode, events: list[str]) -> None:
        self.mode, self.subscriber = mode, {"enabled_events": events, "status": "enabled"}
        self.names: dict[str, str] = {}
        self.reported: dict[str, Json] = {}

    def step(self, values: Json) -> Json:
        """Run one step. Return `from` and `to` (seconds), its events, and the named objects that it changed.

        A step that the present state does not allow changes nothing, and `refused` says why.
        """
        advance(number(values, "ahead", 0))
        began, known, refused = now(), len(self._events().ids), ""
        try:
            thing = self._do(values)
            if name := text(values, "as", ""):
                self.names[name] = thing["id"]
        except StripeError as error:
            refused = error.message
        events = [self._events().objects[each] for each in self._events().ids[known:]]
        reported = [event for event in events if asks_for(self.subscriber, event["type"])]
        return {
            "from": began,
            "to": now(),
            "refused": refused,
            "events": reported,
            "objects": self._objects(),
        }

    def _do(self, values: Json) -> Json:
        action = text(values, "do")
        if action in OF_CUSTOMERS:
            return OF_CUSTOMERS[action](self, values)
        kind, thing = self._find(text(values, "on"))
        if kind == "charge":
            return actions.act_on_charge(self.mode, thing, action, number(values, "amount"))
        if kind == "customer":
            raise bad_request(f"A customer cannot {action}.", "do")
        return actions.act(self.mode, thing, action, text(values, "price") if "price" in values else None)

    def customer(self, values: Json) -> Json:
        """Return a customer by its name. Raise StripeError (404)."""
        name = text(values, "on")
        return self.mode.find("customer", self.names.get(name) or name)

    def _find(self, name: str) -> tuple[str, Json]:
        object_id = self.names.get(name, name)
        for kind in KINDS:
            if thing := self.mode.get(kind, object_id):
                return kind, thing
        raise no_such("object", object_id)

    def _objects(self) -> dict[str, Json]:
        """Return objects are replaced, never changed in place: another one is a changed one."""
        objects = (self.mode.get(kind, each) for each in self.names.values() for kind in KINDS)
        changed = {
            thing["id"]: thing for thing in objects if thing and self.reported.get(thing["id"]) is not thing
        }
        self.reported |= changed
        return {name: plain(thing) for name, thing in changed.items()}

    def _events(self) -> Any:
        return self.mode.store.collection("event", self.mode.name)


def run(mode: Mode, steps: Any, events: list[str]) -> Json:
    """Run a script. Return its turns, and the ids behind the names. Raise StripeError (400)."""
    if not isinstance(steps, list) or not all(isinstance(each, dict) for each in steps):
        raise bad_request("turns must be a list of objects.", "turns")
    if len(steps) > MOST_TURNS:
        raise bad_request(f"A script has {MOST_TURNS} turns at most.", "turns")
    script = Script(mode, events)
    return {"turns": [script.step(each) for each in steps], "names": script.names}


def pay(mode: Mode, customer: Json, values: Json) -> Json:
    """Make a one-time payment, of a price or of an amount. Return the charge. Raise StripeError (400)."""
    amount, currency = number(values, "amount"), text(values, "currency", "usd").lower()
    about: Json = {"description": text(values, "description", "") or None}
    if "price" in values:
        price = mode.find("price", text(values, "price"), "price", 400)
        amount, currency = pricing.total(price, 1), price["currency"]
        about |= {"metadata": {PRICE_METADATA: price["id"]}}
    if amount is None:
        raise missing("amount")
    if len(currency) != 3 or not currency.isalpha():
        raise bad_request("Invalid currency", "currency")
    return actions.pay(mode, customer, amount, currency, text(values, "status", "succeeded"), **about)


def _make(script: Script, values: Json) -> Json:
    params: Json = {name: values[name] for name in ("email", "name", "metadata") if name in values}
    return customers.make(script.mode, params)


def _subscribe(script: Script, values: Json) -> Json:
    status, price = text(values, "status", "active"), text(values, "price")
    return actions.subscribe(
        script.mode, script.customer(values), price, status, number(values, "trial_days")
    )


def _delete(script: Script, values: Json) -> Json:
    customer = script.customer(values)
    customers.remove(script.mode, customer)
    return customer


OF_CUSTOMERS: dict[str, Callable[[Script, Json], Json]] = {
    "customer": _make,
    "subscribe": _subscribe,
    "pay": lambda script, values: pay(script.mode, script.customer(values), values),
    "delete": _delete,
}
