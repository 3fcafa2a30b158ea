"""The way to Stripe's Checkout: one open session per member, however often and in however many tabs they ask.

No table holds sessions: Stripe is asked for the customer's newest ones. One that was paid and is not known here
yet is settled first, an open one that says the same is used again, every other open one is ended.
"""

from __future__ import annotations

import re
import time
from typing import Any

from umstripe.checkout.order import ORDER_METADATA, AlreadyHeld, Order, digest
from umstripe.database import db, write
from umstripe.errors import NotAllowed, StripeRefused
from umstripe.memberships import holdings
from umstripe.models.activity import Activity
from umstripe.models.connection import Connection
from umstripe.models.customer import Customer
from umstripe.models.plan import Plan
from umstripe.models.settings import Settings
from umstripe.models.subscription import Subscription
from umstripe.models.user import User
from umstripe.stripe_api.client import Stripe
from umstripe.webhooks import sync_checkout_session

ROUNDS = 4
LEFT = 15 * 60
"""A session that ends within these seconds is not given to anybody any more."""
SESSION_ID = re.compile(r"cs_(test|live)_[A-Za-z0-9_]{1,250}")
Session = dict[str, Any]


def begin(order: Order) -> Session:
    """The session to pay an order with: an open one that says the same, or a new one.

    Raises AlreadyHeld, NotAllowed with a sentence for the member, ClonedSite, StripeUnavailable.
    """
    order.user.pending_plan_key = order.plan.short_key
    db.session.commit()
    settled: set[str] = set()
    for _ in range(ROUNDS):
        order.ensure_not_already_held()
        customer_id, stripe = _customer(order)
        try:
            session = _session(order, customer_id, stripe, settled)
        except StripeRefused as refusal:
            _after(refusal, order, customer_id, stripe)
            continue
        if session is not None:
            return session
    raise NotAllowed(
        "Another payment of yours began at the same moment. Go on there, or try again in a minute."
    )


def mode_of(session_id: str) -> str:
    """The mode of a Checkout session's id; "" for what is none."""
    found = SESSION_ID.fullmatch(session_id)
    return found[1] if found else ""


def belongs_to(session: Session, user: User) -> bool:
    """Whether it is the user's: made for them, or paid by a customer of theirs (rule 8)."""
    if not user.is_authenticated:
        return False
    by_us = not session.get("payment_link") and session.get("client_reference_id") == user.public_id
    return by_us or any(one.stripe_customer_id == session.get("customer") for one in user.customers)


def unpaid(user: User) -> Plan | None:
    """The plan that a user went to pay and has not paid, if it can still be bought; also one that is not public, as
    they came by its link."""
    plan, mode = Plan.with_key(user.pending_plan_key), Settings.get().mode
    if plan is None or plan.why_not_for_sale(mode, user.is_administrator, unlocked=True):
        return None
    settled = holdings.current(user, mode, plan, int(time.time())) or holdings.has_ever_held(user, plan)
    return None if settled else plan


def on_offer_to(user: User) -> list[Plan]:
    """The plans that a member without a membership can choose from."""
    mode = Settings.get().mode
    if user.is_administrator or holdings.has_active(user, mode, int(time.time())):
        return []
    return Plan.on_offer(mode)


def _customer(order: Order) -> tuple[str, Stripe]:
    """The user's customer at Stripe, made if there is none, and Stripe. No transaction is open afterwards."""
    connection = Connection.of(order.mode)
    if not connection.secret_key:
        raise NotAllowed(
            "Nobody can pay here yet: the site is not connected to Stripe. Please come back later."
        )
    stripe = connection.stripe(retries=1)
    customer = order.user.customer(order.mode) or connection.create_customer(order.user)
    db.session.commit()
    return customer.stripe_customer_id, stripe


def _session(order: Order, customer_id: str, stripe: Stripe, settled: set[str]) -> Session | None:
    """One try. None: something changed meanwhile, look again."""
    sessions = _ours(stripe.sessions_of(customer_id))
    if _settle_unknown(order.mode, sessions, settled):
        return None
    if order.is_subscription and any(holdings.debit_is_pending(order.mode, one) for one in sessions):
        raise AlreadyHeld
    params = order.params(customer_id, int(time.time()))
    db.session.commit()
    usable = [one for one in sessions if _is_equal(one, params)][:1]
    others = [one for one in sessions if one["status"] == "open" and one not in usable]
    if not _ended(stripe, order, others):
        return None
    if usable:
        return None if _forgot_deleted_customer(order.mode, customer_id, stripe) else usable[0]
    newest = sessions[0]["id"] if sessions else ""
    made = stripe.create_session(params, f"umstripe-session-{digest(params, newest)}")
    _note(order, "checkout.started", f"Checkout of {order.plan.title} began", made["id"])
    return _last_one(order, customer_id, stripe, made)


def _last_one(order: Order, customer_id: str, stripe: Stripe, made: Session) -> Session | None:
    """Two tabs may each have made a session at the same moment. Whoever looks last sees both; the newest stays."""
    now_open = [one for one in _ours(stripe.sessions_of(customer_id)) if one["status"] == "open"]
    _ended(stripe, order, now_open[1:])
    return made if not now_open or now_open[0]["id"] == made["id"] else None


def _settle_unknown(mode: str, sessions: list[Session], settled: set[str]) -> bool:
    """Take over what was paid and is not here yet, so that nobody pays twice while a delivery is late."""
    unknown = [one for one in sessions if one["status"] == "complete" and one["id"] not in settled]
    unknown = [one for one in unknown if not holdings.is_known(mode, one)]
    db.session.commit()
    for one in unknown:
        settled.add(one["id"])
        sync_checkout_session(mode, one["id"])
    return bool(unknown)


def _ours(sessions: list[Session]) -> list[Session]:
    """Those that this site made: another application may sell to the same customer."""
    instance_id = Settings.get().instance_id
    db.session.commit()
    return [one for one in sessions if (one.get("metadata") or {}).get("umstripe_instance") == instance_id]


def _is_equal(session: Session, params: dict[str, Any]) -> bool:
    return (
        session["status"] == "open"
        and session["expires_at"] > time.time() + LEFT
        and session["metadata"].get(ORDER_METADATA) == params["metadata"][ORDER_METADATA]
    )


def _ended(stripe: Stripe, order: Order, sessions: list[Session]) -> bool:
    """End sessions. False when one could not be: it was paid or has ended meanwhile."""
    for one in sessions:
        try:
            stripe.expire_session(one["id"])
        except StripeRefused:
            return False
        _note(order, "checkout.ended", "An earlier Checkout that was still open was ended", one["id"])
    return True


def _after(refusal: StripeRefused, order: Order, customer_id: str, stripe: Stripe) -> None:
    """Stripe said no. Returns when it is worth another look; raises NotAllowed when it is not.

    A customer that was deleted there makes room for a new one.
    """
    if refusal.code == "resource_missing" and _forgot_deleted_customer(order.mode, customer_id, stripe):
        return
    _note(order, "checkout.refused", f"Stripe did not open Checkout for {order.plan.title}: {refusal}")
    raise NotAllowed(
        "Stripe did not accept this order, so nothing was paid. Please tell the people who run this site."
    ) from refusal


def _forgot_deleted_customer(mode: str, customer_id: str, stripe: Stripe) -> bool:
    answer = stripe.fetch("customer", customer_id)
    if not answer.object.get("deleted"):
        return False
    with write() as tx:
        row = Customer.get_for_update(tx, mode, customer_id)
        if row is not None:
            Customer.unlink(tx, row)
            Subscription.end_all(tx, row.id, answer.as_of)
    db.session.expire_all()
    return True


def _note(order: Order, action: str, description: str, session_id: str = "") -> None:
    details = {"object": session_id, "plan": order.plan.key}
    with write() as tx:
        line = {"trigger": "member", "mode": order.mode, "user_id": order.user.id, "details": details}
        Activity.write(tx, action, description, **line)
