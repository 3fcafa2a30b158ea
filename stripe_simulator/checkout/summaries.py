"""Sessions and links on the page at `/_simulator/`."""

from __future__ import annotations

from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.checkout import delayed_payments, payment_links
from stripe_simulator.core.formatting import money

Json = dict[str, Any]


def session(mode: Mode, session: Json) -> Json:
    """Return a session with the actions that are allowed."""
    actions: list[tuple[str, str]] = []
    if session["status"] == "open":
        actions = [("pay", "Pay"), ("expire", "Expire")]
    elif delayed_payments.waits(mode, session):
        actions = [("settle", "Settle"), ("fail", "Fail")]
    who = (session["customer_details"] or {}).get("email")
    return {
        "id": session["id"],
        "text": ", ".join(each["description"] for each in session["line_items"]["data"]),
        "amount": money(session["amount_total"], session["currency"]),
        "who": who or "nobody yet",
        "status": session["status"],
        "payment": session["payment_status"].replace("_", " ") if session["status"] == "complete" else "",
        "actions": actions,
    }


def link(mode: Mode, link: Json) -> Json:
    """Return a payment link."""
    return {
        "id": link["id"],
        "text": ", ".join(each["description"] for each in link["line_items"]["data"]),
        "open": payment_links.is_open(link),
    }
