"""The way to Stripe's Checkout: one open session per member, however often and in however many tabs they ask.

No table holds sessions: Stripe is asked for the customer's newest ones. One that was paid and is not known here
yet is applied first, an open one that says the same is used again, every other open one is expired.
"""

from __future__ import annotations

import re
import time

from umstripe.checkout.order import ORDER_METADATA, AlreadyHeld, Order
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
from umstripe.normalization import digest
from umstripe.stripe_api.calls import JSONObject
from umstripe.stripe_api.client import Stripe
from umstripe.transactions import asking_stripe
from umstripe.webhooks import sync_checkout_session

ATTEMPTS = 4
MINIMUM_SECONDS_LEFT = 15 * 60
"""A session that ends within these seconds is not given to anybody any more."""
SESSION_ID = re.compile(r"cs_(test|live)_[A-Za-z0-9_]{1,250}")
Session = JSONObject


def open_session(order: Order) -> Session:
    """Return the session to pay an order with: an open one that says the same, or a new one.

    Raise AlreadyHeld, NotAllowed with a sentence for the member, ClonedSite, StripeUnavailable.
    """
    order.user.pending_plan_key = order.plan.short_key
    db.session.commit()
    applied: set[str] = set()
    for _ in range(ATTEMPTS):
        order.ensure_not_already_held()
        customer_id = _customer_id(order)
        try:
            session = _find_or_create(order, customer_id, applied)
        except StripeRefused as refusal:
            _handle_refusal(refusal, order, customer_id)
            continue
        if session is not None:
            return session
    raise NotAllowed(
        "Another payment of yours began at the same moment. Go on there, or try again in a minute."
    )


def mode_of(session_id: str) -> str:
    """Return the mode of a Checkout session's id; "" for what is none."""
    match = SESSION_ID.fullmatch(session_id)
    return match[1] if match else ""


def belongs_to(session: Session, user: User) -> bool:
    """Return whether a session was made for the user, or paid by a customer of theirs (rule 8)."""
    if not user.is_authenticated:
        return False
    by_us = not session.get("payment_link") and session.get("client_reference_id") == user.public_id
    return by_us or any(row.stripe_customer_id == session.get("customer") for row in user.customers)


def unpaid_plan(user: User) -> Plan | None:
    """Return the plan that a user went to pay and has not paid, if it can still be bought.

    Also one that is not public, as they came by its link.
    """
    plan, mode = Plan.with_key(user.pending_plan_key), Settings.get().mode
    if plan is None or plan.why_not_for_sale(mode, user.is_administrator, unlocked=True):
        return None
    is_settled = holdings.current(user, mode, plan, int(time.time())) or holdings.has_ever_held(user, plan)
    return None if is_settled else plan


def on_offer_to(user: User) -> list[Plan]:
    """Return the plans that a member without a membership can choose from."""
    mode = Settings.get().mode
    if user.is_administrator or holdings.has_active(user, mode, int(time.time())):
        return []
    return Plan.on_offer(mode)


def _customer_id(order: Order) -> str:
    """Return the id of the user's customer at Stripe, made if there is none."""
    connection = Connection.of(order.mode)
    if not connection.secret_key:
        raise NotAllowed(
            "Nobody can pay here yet: the site is not connected to Stripe. Please come back later."
        )
    customer = order.user.customer(order.mode) or connection.create_customer(order.user)
    return customer.stripe_customer_id


def _find_or_create(order: Order, customer_id: str, applied: set[str]) -> Session | None:
    """Make one attempt. Return None when something changed meanwhile, so that it is worth another one.

    `applied` are the ids of sessions that earlier attempts have applied; those of this one are added.
    """
    params = order.params(customer_id, int(time.time()))
    with asking_stripe(order.mode, retries=1) as stripe:
        sessions = _sessions_of(stripe, customer_id, params["metadata"]["umstripe_instance"])
    if _apply_unknown(order.mode, sessions, applied):
        return None
    if order.is_subscription and any(holdings.debit_is_pending(order.mode, session) for session in sessions):
        raise AlreadyHeld
    usable = [session for session in sessions if _is_equal(session, params)][:1]
    others = [session for session in _open(sessions) if session not in usable]
    with asking_stripe(order.mode, retries=1) as stripe:
        if not _expire(stripe, order, others):
            return None
        if usable:
            return None if _unlink_if_deleted(stripe, order.mode, customer_id) else usable[0]
        newest_id = sessions[0]["id"] if sessions else ""
        key = f"umstripe-session-{digest([params, newest_id], 32)}"
        session = stripe.create_session(params, key)
        _note(order, "checkout.started", f"Checkout of {order.plan.title} began", session["id"])
        return _keep_newest(stripe, order, customer_id, session)


def _keep_newest(stripe: Stripe, order: Order, customer_id: str, session: Session) -> Session | None:
    """Two tabs may each have made a session at the same moment. Whoever looks last sees both; the newest stays."""
    now_open = _open(_sessions_of(stripe, customer_id, session["metadata"]["umstripe_instance"]))
    _expire(stripe, order, now_open[1:])
    return session if not now_open or now_open[0]["id"] == session["id"] else None


def _apply_unknown(mode: str, sessions: list[Session], applied: set[str]) -> bool:
    """Apply what was paid and is not here yet, so that nobody pays twice while a delivery is late."""
    complete = [session for session in sessions if session["status"] == "complete"]
    new = [session for session in complete if session["id"] not in applied]
    unknown = [session["id"] for session in new if not holdings.is_known(mode, session)]
    for session_id in unknown:
        applied.add(session_id)
        sync_checkout_session(mode, session_id)
    if unknown:
        db.session.expire_all()
    return bool(unknown)


def _sessions_of(stripe: Stripe, customer_id: str, instance_id: str) -> list[Session]:
    """Return those that this site made: another application may sell to the same customer."""
    sessions = stripe.sessions_of(customer_id)
    return [session for session in sessions if _instance_of(session) == instance_id]


def _instance_of(session: Session) -> str | None:
    return (session.get("metadata") or {}).get("umstripe_instance")


def _open(sessions: list[Session]) -> list[Session]:
    return [session for session in sessions if session["status"] == "open"]


def _is_equal(session: Session, params: JSONObject) -> bool:
    is_equal = session["metadata"].get(ORDER_METADATA) == params["metadata"][ORDER_METADATA]
    lasts = session["expires_at"] > time.time() + MINIMUM_SECONDS_LEFT
    return bool(session["status"] == "open" and lasts and is_equal)


def _expire(stripe: Stripe, order: Order, sessions: list[Session]) -> bool:
    """Expire sessions. Return False when one could not be: it was paid or has ended meanwhile."""
    for session in sessions:
        try:
            stripe.expire_session(session["id"])
        except StripeRefused:
            return False
        _note(order, "checkout.ended", "An earlier Checkout that was still open was ended", session["id"])
    return True


def _handle_refusal(refusal: StripeRefused, order: Order, customer_id: str) -> None:
    """Do nothing when it is worth another attempt, else raise NotAllowed.

    A customer that was deleted at Stripe makes room for a new one.
    """
    if refusal.code == "resource_missing":
        with asking_stripe(order.mode, retries=1) as stripe:
            if _unlink_if_deleted(stripe, order.mode, customer_id):
                return
    _note(order, "checkout.refused", f"Stripe did not open Checkout for {order.plan.title}: {refusal}")
    raise NotAllowed(
        "Stripe did not accept this order, so nothing was paid. Please tell the people who run this site."
    ) from refusal


def _unlink_if_deleted(stripe: Stripe, mode: str, customer_id: str) -> bool:
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
