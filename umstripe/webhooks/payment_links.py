"""What a payment through one of Stripe's Payment Links or Buy buttons changes. See models/payment_link_session.

Nobody is matched by the address that was typed at Stripe (rule 8): it makes a new account, or its owner is asked.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from typing import Any

from sqlalchemy import insert, select

from umstripe.accounts.payment_claim import is_asked
from umstripe.database import Transaction, now
from umstripe.emails import triggers
from umstripe.emails.triggers import plan_title
from umstripe.errors import MalformedObject
from umstripe.formatting import amount_words
from umstripe.models import Customer, Delivery, Mail, Purchase, Settings, Subscription, User, manual_roles
from umstripe.models.payment_link_session import (
    REFERENCE,
    NoCustomer,
    PaymentLinkSession,
    guest_key,
    prices_in,
)
from umstripe.models.snapshot import NeedsFetch, Snapshot, id_of
from umstripe.models.subscription import Change
from umstripe.normalization import name_key
from umstripe.statuses import NOT_LIVE
from umstripe.stripe_api import types
from umstripe.stripe_api.types import Event
from umstripe.webhooks.charge import status_in
from umstripe.webhooks.context import EventContext, log_change
from umstripe.webhooks.customer import instance_id, link_customer
from umstripe.webhooks.dispute import apply_waiting_disputes
from umstripe.webhooks.stored import event_in
from umstripe.webhooks.unusable import is_of_another_account

SessionContext = EventContext[types.Session]
UNSOLD = (
    "Somebody paid through a payment link for {}, which no plan here sells. Import your prices or make a plan of it, "
    "then process this delivery again"
)


def is_of_our_link(session: types.Session) -> bool:
    """Return whether a session is of a payment link that says it sells a plan of this site."""
    return bool(session.get("payment_link")) and session.get("client_reference_id") == REFERENCE


def payment_link_completed(context: SessionContext) -> str:
    """Apply it for a customer of ours; for a new address make an account; ask the owner of an address we have.

    Until the owner says yes the result is `foreign`: it is applied when the customer is linked. What was paid and no
    plan sells is `unsold`. Raise NeedsFetch, as the event does not say what was bought, and NoCustomer.
    """
    link_session = _link_session(context)
    if link_session is None:
        return _log_unsold(context)
    customer = link_session.customer(context.tx)
    if customer is not None:
        return apply_session(context, link_session, customer)
    if not link_session.is_paid or not link_session.email:
        return "foreign"
    owner = context.tx.execute(User.id_of_email(link_session.email)).scalar()
    if owner is None:
        return _create_account(context, link_session)
    _ask_owner(context, link_session, owner)
    return "foreign"


def apply_session(context: SessionContext, link_session: PaymentLinkSession, customer: Any) -> str:
    """Apply what was bought, for a customer that is linked. Return the result."""
    if link_session.session["mode"] == "subscription":
        change = _sync_subscription(context, link_session)
        _log_second_subscription(context, link_session, change)
        return log_change(context, change, "Subscription")
    change = _sync_payment(context, link_session, customer.id)
    triggers.notify_purchase_change(
        context.tx, context.mode, link_session.payment, change, link_session.state.as_of
    )
    return log_change(context, change, "One-time payment")


def link_buyer(context: SessionContext, link_session: PaymentLinkSession, public_id: str) -> Any:
    """Link the buyer's customer to a user, and apply what came about it before. Return its row.

    A guest has none: it is the one that the user has, or one that is made at Stripe first. Raise NoCustomer, NeedsFetch.
    """
    existing = link_session.customer_id or _customer_of(context, public_id)
    stripe_customer_id = existing or _customer_for_guest(context, link_session, public_id)
    return link_customer(context.tx, context.mode, stripe_customer_id, public_id, context.fetched)


def _link_session(context: SessionContext) -> PaymentLinkSession | None:
    if context.object["id"] not in context.fetched:
        raise NeedsFetch("checkout.session", context.object["id"])
    return PaymentLinkSession.of(context.tx, context.fetched[context.object["id"]])


def _log_unsold(context: SessionContext) -> str:
    """Log that somebody paid for what no plan here sells: it was never imported, or its plan was deleted."""
    session = context.fetched[context.object["id"]].object
    if session.get("deleted") or session["payment_status"] == "unpaid":
        return "foreign"
    if context.trigger != "member":
        customer = Customer.get_or_reserve(context.tx, context.mode, id_of(session.get("customer")))
        prices = ", ".join(prices_in(session)) or "a price of its own"
        context.log(UNSOLD.format(prices), customer.user_id if customer else None)
    return "unsold"


def _sync_subscription(context: SessionContext, link_session: PaymentLinkSession) -> Change | None:
    subscription = link_session.subscription
    if subscription is None:
        return None
    snapshot = Snapshot(context.mode, subscription, link_session.state.as_of)
    return Subscription.sync_from_stripe(context.tx, context.fetched.get(subscription["id"], snapshot))


def _log_second_subscription(
    context: SessionContext, link_session: PaymentLinkSession, change: Change | None
) -> None:
    """Log a second subscription: the rule of one holds for starting here, and what Stripe has beyond it counts."""
    if change is None or link_session.subscription is None or (change.before and context.trigger == "member"):
        return
    others = select(Subscription.id).join(Customer, Customer.id == Subscription.customer_id)
    others = others.where(Customer.user_id == change.user_id, Subscription.mode == context.mode)
    others = others.where(Subscription.status.not_in(NOT_LIVE))
    others = others.where(Subscription.stripe_subscription_id != link_session.subscription["id"])
    if context.tx.execute(others.limit(1)).first():
        context.log(
            "The member had a subscription already. Stripe charges both, and both count", change.user_id
        )


def _sync_payment(
    context: SessionContext, link_session: PaymentLinkSession, customer_id: int
) -> Change | None:
    """Apply the charge, and what came about it before anybody could tell what it is for: a refund, for one."""
    tx, mode, payment = context.tx, context.mode, link_session.payment
    Purchase.get_or_reserve(tx, mode, link_session.payment_id)
    status, as_of, price = link_session.status_in(tx), link_session.state.as_of, link_session.price
    change = Purchase.sync_from_stripe(tx, mode, payment, status, as_of, price=price, customer_id=customer_id)
    for delivery in Delivery.about(tx, mode, payment["id"], link_session.session["created"]):
        event = _charge_event(context, delivery.body)
        if event is not None:
            later = Purchase.sync_from_stripe(
                tx, mode, event["data"]["object"], status_in(event), event["created"]
            )
            Delivery.set_result(tx, mode, delivery.stripe_event_id, "processed")
            if change is not None and later is not None and later.applied:
                change = Change(change.user_id, change.before, later.after)
    apply_waiting_disputes(context, link_session.payment_id, customer_id)
    return change


def _charge_event(context: SessionContext, body: str) -> Event | None:
    """Return the event that is kept in a body, if it says something of a charge of ours that can be read."""
    try:
        event = event_in(body)
    except MalformedObject:
        return None
    is_charge = event["type"].startswith("charge.") and event["data"]["object"].get("object") == "charge"
    return event if is_charge and not is_of_another_account(context.tx, context.mode, event) else None


def _create_account(context: SessionContext, link_session: PaymentLinkSession) -> str:
    """Make an account for somebody who paid and has none, with a mail in which they choose a password."""
    tx = context.tx
    user_id = _insert_user(tx, link_session)
    customer = link_buyer(context, link_session, link_session.public_id)
    paid = _paid_words(link_session, plan_title(tx, context.mode, link_session.price))
    Mail.write(tx, "invitation", link_session.state.id, user_id=user_id, paid=paid)
    context.log(f"Account made from a payment link, for {link_session.email}", user_id)
    return apply_session(context, link_session, customer)


def _paid_words(link_session: PaymentLinkSession, title: str) -> str:
    """Return what the buyer has done, for somebody who may not know this site's name."""
    if link_session.session["mode"] == "payment" and link_session.status == "pending":
        return (
            f"Thank you for your order of {title}. Your payment is only reserved until we have looked at it."
        )
    amount = link_session.session.get("amount_total")
    if not amount:  # a free order, which may wait for its approval
        return f"Thank you for your order of {title}."
    return f"Thank you: you have paid {amount_words(amount, link_session.session.get('currency') or '')} for {title}."


def _insert_user(tx: Transaction, link_session: PaymentLinkSession) -> int:
    values = {
        "public_id": link_session.public_id,
        "username": _username(tx, link_session),
        "email": link_session.email,
        "name": link_session.name,
        "fs_uniquifier": secrets.token_hex(32),
        "created_at": now(),
    }
    user_id = tx.execute(insert(User).values(values).returning(User.id)).scalar_one()
    role_id = tx.execute(select(Settings.default_role_id)).scalar_one()
    tx.execute(insert(manual_roles).values(user_id=user_id, role_id=role_id))
    return user_id


def _username(tx: Transaction, link_session: PaymentLinkSession) -> str:
    """Return what stands before the @, without accents, if nobody is called so."""
    letters = unicodedata.normalize("NFKD", link_session.email.partition("@")[0])
    plain = re.sub(r"[^A-Za-z0-9_.-]", "", letters)[:50] or "member"
    names = {
        name_key(name): name
        for name in (plain, f"{plain}-{link_session.public_id[:6]}", link_session.public_id)
    }
    taken = set(tx.execute(select(User.username_key).where(User.username_key.in_(names))).scalars())
    return next(name for key, name in names.items() if key not in taken)


def _ask_owner(context: SessionContext, link_session: PaymentLinkSession, owner: int) -> None:
    """Ask the owner of the account with whose address somebody paid. Until the answer nothing changes."""
    if is_asked(context.tx, link_session.state.id):
        return
    title = plan_title(context.tx, context.mode, link_session.price)
    Mail.write(context.tx, "claim", link_session.state.id, user_id=owner, plan=title, mode=context.mode)
    context.log(
        f"Somebody paid for {title} through a payment link with this address: its owner is asked by mail",
        owner,
    )


def _customer_of(context: SessionContext, public_id: str) -> str | None:
    query = select(Customer.stripe_customer_id).join(User, User.id == Customer.user_id)
    query = query.where(User.public_id == public_id, Customer.mode == context.mode, ~Customer.deleted)
    return context.tx.execute(query.order_by(Customer.id).limit(1)).scalar()


def _customer_for_guest(context: SessionContext, link_session: PaymentLinkSession, public_id: str) -> str:
    customer = context.fetched.get(guest_key(link_session.state.id))
    if customer is not None:
        return customer.id
    params: dict[str, object] = {
        "email": link_session.email,
        **({"name": link_session.name} if link_session.name else {}),
    }
    params["metadata"] = {"umstripe_user": public_id, "umstripe_instance": instance_id(context.tx)}
    raise NoCustomer(link_session.state.id, params)
