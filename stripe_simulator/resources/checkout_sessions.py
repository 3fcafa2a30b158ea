"""https://docs.stripe.com/api/checkout/sessions."""

from __future__ import annotations

from typing import Any

from stripe_simulator.account.account import Mode
from stripe_simulator.api.calls import Call, answers
from stripe_simulator.api.lists import page, slice_of
from stripe_simulator.checkout import sessions
from stripe_simulator.core.fields import pick

Json = dict[str, Any]
KIND = sessions.KIND


@answers("POST /v1/checkout/sessions")
def create(call: Call) -> Json:
    """Make a session."""
    return sessions.make(call.mode, call.params)


@answers("GET /v1/checkout/sessions/{session}")
def retrieve(call: Call) -> Json:
    """Return a session."""
    return _fresh(call.mode, _find(call))


def _find(call: Call) -> Json:
    sessions.expire_due(call.mode)
    return call.mode.find(KIND, call.id, "session")


def _fresh(mode: Mode, session: Json) -> Json:
    # Money that was set aside counts as paid once it is captured. Stripe says so without an event.
    if (
        session["status"] != "complete"
        or session["payment_status"] != "unpaid"
        or not session["payment_intent"]
    ):
        return session
    intent = mode.find("payment_intent", session["payment_intent"])
    paid = intent["status"] == "succeeded"
    return session | {"payment_status": "paid"} if paid else session


@answers("GET /v1/checkout/sessions/{session}/line_items")
def line_items(call: Call) -> Json:
    """Return what a session sells."""
    return slice_of(_find(call)["line_items"], call.params)


@answers("POST /v1/checkout/sessions/{session}/expire")
def expire(call: Call) -> Json:
    """End a session that is open."""
    return sessions.expire(call.mode, _find(call))


@answers("GET /v1/checkout/sessions")
def every(call: Call) -> Json:
    """Return sessions, newest first."""
    sessions.expire_due(call.mode)
    where = pick(call.params, "customer", "payment_intent", "payment_link", "status", "subscription")
    email = call.params.get("customer_details", {}).get("email")

    def keep(session: Json) -> bool:
        return email is None or (session["customer_details"] or {}).get("email") == email

    sessions_page = page(call.mode, KIND, call.path, call.params, where, keep)
    return sessions_page | {"data": [_fresh(call.mode, each) for each in sessions_page["data"]]}
