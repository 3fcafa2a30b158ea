"""The page at `/_simulator/`: see and click what happens to customers."""

from __future__ import annotations

import datetime
import itertools
from typing import Any

from flask import Blueprint, current_app, redirect, render_template, request

from stripe_simulator.account.account import Account, Mode
from stripe_simulator.billing import lifecycle, pricing
from stripe_simulator.checkout import summaries
from stripe_simulator.controls.reports import deliveries_log
from stripe_simulator.core import keys
from stripe_simulator.core.formatting import day, minute, money
from stripe_simulator.core.objects import now

Json = dict[str, Any]
page = Blueprint("simulator_page", __name__)
SHOWN_CUSTOMERS = 20
SHOWN_PRICES = 200
SHOWN_DELIVERIES = 20

# status: the actions that a subscription may take, as action and label
ACTIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "trialing": (
        ("renew", "End trial, paid"),
        ("fail", "End trial, payment fails"),
        ("trial_pause", "End trial without a card"),
    ),
    "active": (("renew", "Renew"), ("fail", "Fail payment"), ("unpaid", "Mark unpaid")),
    "past_due": (("recover", "Recover"), ("unpaid", "Mark unpaid")),
    "unpaid": (("recover", "Recover"),),
    "incomplete": (("recover", "Pay"), ("expire_incomplete", "Let expire")),
    "paused": (("resume", "Resume"),),
}


@page.get("/")
def root() -> Any:
    """Redirect to the simulator's page."""
    return redirect("/_simulator/")


@page.get("/_simulator/")
def index() -> Any:
    """Return customers of a mode with what they hold, the keys, and the deliveries."""
    account: Account = current_app.extensions["simulator"]
    mode = account.modes["live" if request.args.get("mode") == "live" else "test"]
    with account.store.lock:
        every = mode.every("customer")
        content = {
            "mode": mode.name,
            "today": minute(now()),
            "keys": [key for key in keys.every_key(account.store) if key["mode"] == mode.name],
            "prices": _prices(mode),
            "customers": [_customer(mode, each) for each in every[:SHOWN_CUSTOMERS]],
            "hidden": max(0, len(every) - SHOWN_CUSTOMERS),
            "sessions": [
                summaries.session(mode, each) for each in mode.every("checkout.session")[:SHOWN_CUSTOMERS]
            ],
            "links": [summaries.link(mode, each) for each in mode.every("payment_link")],
            "codes": [each["code"] for each in mode.every("promotion_code", active=True)],
            "endpoints": mode.every("webhook_endpoint"),
            "deliveries": deliveries_log(account, {"mode": mode.name}, SHOWN_DELIVERIES),
        }
    return render_template("simulator/page.html", **content)


def _prices(mode: Mode) -> list[Json]:
    """Return what is for sale, oldest first."""
    active = (each for each in reversed(mode.every("price")) if each["active"])
    return [pricing.labelled(mode, each) for each in itertools.islice(active, SHOWN_PRICES)]


def _customer(mode: Mode, customer: Json) -> Json:
    charges = mode.every("charge", customer=customer["id"])[:5]
    return {
        "id": customer["id"],
        "title": customer["name"] or customer["email"] or customer["id"],
        "email": customer["email"],
        "subscriptions": [
            _subscription(mode, each) for each in mode.every("subscription", customer=customer["id"])
        ],
        "charges": [_charge(mode, each) for each in charges],
    }


def _subscription(mode: Mode, subscription: Json) -> Json:
    item = subscription["items"]["data"][0]
    status, paused = subscription["status"], bool(subscription["pause_collection"])
    return {
        "id": subscription["id"],
        "text": pricing.labelled(mode, item["price"])["text"],
        "status": status,
        "paused": paused,
        "ending": lifecycle.is_ending(subscription),
        "until": day(item["current_period_end"]),
        "actions": _actions(subscription, status, paused),
        "final": status in lifecycle.FINAL,
    }


def _actions(subscription: Json, status: str, paused: bool) -> list[tuple[str, str]]:
    actions = list(ACTIONS.get(status, ()))
    if status in lifecycle.FINAL or status == "incomplete":
        return actions
    if paused:
        actions.append(("resume", "Resume collection"))
    elif status != "paused":
        actions.append(("pause", "Pause collection"))
        if status in ("active", "trialing"):
            actions.append(("stop", "Pause subscription"))
    ending = lifecycle.is_ending(subscription)
    actions.append(("undo_cancel", "Keep") if ending else ("cancel_at_period_end", "Cancel at period end"))
    return [*actions, ("cancel", "Cancel now")]


def _charge(mode: Mode, charge: Json) -> Json:
    status = charge["status"]
    if charge["amount_refunded"]:
        status = "refunded" if charge["refunded"] else "partly refunded"
    elif status == "succeeded" and not charge["captured"]:
        status = "uncaptured"
    if mode.newest("dispute", charge=charge["id"], status="needs_response"):
        status = "disputed"
    actions = {
        "succeeded": [("refund", "Refund"), ("dispute", "Dispute")],
        "partly refunded": [("refund", "Refund the rest")],
    }
    actions["disputed"] = [("win_dispute", "Dispute won"), ("lose_dispute", "Dispute lost")]
    actions["pending"] = [("settle", "Settle"), ("fail", "Fail")]
    actions["uncaptured"] = [("capture", "Capture"), ("expire", "Let expire")]
    return {
        "id": charge["id"],
        "amount": money(charge["amount"], charge["currency"]),
        "status": status,
        "actions": actions.get(status, []),
    }


@page.app_template_filter("clock")
def clock(at: float | None) -> str:
    """Return a time of day, UTC."""
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%H:%M:%S") if at else "–"
