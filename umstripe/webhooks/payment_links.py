"""What a payment through one of Stripe's Payment Links or Buy buttons changes. See handlers and models/payment_link_session.

Nobody is matched by the address that was typed at Stripe (rule 8): it makes a new account, or its owner is asked.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Mapping
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
from umstripe.webhooks.charge import status_in
from umstripe.webhooks.context import EventContext, said
from umstripe.webhooks.dispute import apply_waiting_disputes
from umstripe.webhooks.stored import event_in
from umstripe.webhooks.unusable import is_of_another_account

UNSOLD = (
    "Somebody paid through a payment link for {}, which no plan here sells. Import your prices or make a plan of it, "
    "then process this delivery again"
)


def is_through_link(session: Mapping[str, Any]) -> bool:
    """Whether a session is of a payment link that says it sells a plan of this site."""
    return bool(session.get("payment_link")) and session.get("client_reference_id") == REFERENCE


def link_completed(arrival: EventContext) -> str:
    """Apply it for a customer of ours; for a new address make an account; ask the owner of an address we have.

    Until the owner says yes the result is `foreign`: it is applied when the customer is linked. What was paid and no
    plan sells is `unsold`. Raises NeedsFetch, as the event does not say what was bought, and NoCustomer.
    """
    bought = _bought(arrival)
    if bought is None:
        return _unsold(arrival)
    customer = bought.customer(arrival.tx)
    if customer is not None:
        return applied(arrival, bought, customer)
    if not bought.is_paid or not bought.email:
        return "foreign"
    owner = arrival.tx.execute(User.id_of_email(bought.email)).scalar()
    if owner is None:
        return _welcomed(arrival, bought)
    _ask(arrival, bought, owner)
    return "foreign"


def applied(arrival: EventContext, bought: PaymentLinkSession, customer: Any) -> str:
    """The membership of what was bought, for a customer that is linked."""
    if bought.session["mode"] == "subscription":
        change = _subscribed(arrival, bought)
        _say_if_another(arrival, bought, change)
        return said(arrival, change, "Subscription")
    change = _paid(arrival, bought, customer.id)
    triggers.notify_purchase_change(arrival.tx, arrival.mode, bought.payment, change, bought.state.as_of)
    return said(arrival, change, "One-time payment")


def link_customer(arrival: EventContext, bought: PaymentLinkSession, public_id: str) -> Any:
    """Link the buyer's customer to a user, and apply what came of it before. Gives its row.

    A guest has none: it is the one that the user has, or one that is made at Stripe first. Raises NoCustomer, NeedsFetch.
    """
    from umstripe.webhooks.checkout_session import link

    own = bought.customer_id or _own(arrival, public_id)
    stripe_customer_id = own or _made_for_guest(arrival, bought, public_id)
    return link(arrival.tx, arrival.mode, stripe_customer_id, public_id, arrival.fetched)


def _bought(arrival: EventContext) -> PaymentLinkSession | None:
    if arrival.object["id"] not in arrival.fetched:
        raise NeedsFetch("checkout.session", arrival.object["id"])
    return PaymentLinkSession.of(arrival.tx, arrival.fetched[arrival.object["id"]])


def _unsold(arrival: EventContext) -> str:
    """Somebody paid for what no plan here sells: it was never imported, or its plan was deleted."""
    session = arrival.fetched[arrival.object["id"]].object
    if session.get("deleted") or session["payment_status"] == "unpaid":
        return "foreign"
    if arrival.trigger != "member":
        customer = Customer.get_or_reserve(arrival.tx, arrival.mode, id_of(session.get("customer")))
        prices = ", ".join(prices_in(session)) or "a price of its own"
        arrival.note(UNSOLD.format(prices), customer.user_id if customer else None)
    return "unsold"


def _subscribed(arrival: EventContext, bought: PaymentLinkSession) -> Change | None:
    subscription = bought.subscription
    if subscription is None:
        return None
    state = Snapshot(arrival.mode, subscription, bought.state.as_of)
    return Subscription.sync_from_stripe(arrival.tx, arrival.fetched.get(subscription["id"], state))


def _say_if_another(arrival: EventContext, bought: PaymentLinkSession, change: Change | None) -> None:
    """The rule of one subscription holds for starting here; what Stripe holds beyond it counts (and is said)."""
    if change is None or bought.subscription is None or (change.before and arrival.trigger == "member"):
        return
    others = select(Subscription.id).join(Customer, Customer.id == Subscription.customer_id)
    others = others.where(Customer.user_id == change.user_id, Subscription.mode == arrival.mode)
    others = others.where(Subscription.status.not_in(NOT_LIVE))
    others = others.where(Subscription.stripe_subscription_id != bought.subscription["id"])
    if arrival.tx.execute(others.limit(1)).first():
        arrival.note(
            "The member had a subscription already. Stripe charges both, and both count", change.user_id
        )


def _paid(arrival: EventContext, bought: PaymentLinkSession, customer_id: int) -> Change | None:
    """Also what came about this charge before anybody could tell what it is for: a refund, for one."""
    tx, mode, payment = arrival.tx, arrival.mode, bought.payment
    Purchase.get_or_reserve(tx, mode, bought.payment_id)
    state = (payment, bought.status_in(tx), bought.state.as_of)
    change = Purchase.sync_from_stripe(tx, mode, *state, price=bought.price, customer_id=customer_id)
    for earlier in Delivery.about(tx, mode, payment["id"], bought.session["created"]):
        event = _event_of_charge(arrival, earlier.body)
        if event is not None:
            then = Purchase.sync_from_stripe(
                tx, mode, event["data"]["object"], status_in(event), event["created"]
            )
            Delivery.set_result(tx, mode, earlier.stripe_event_id, "processed")
            if change is not None and then is not None and then.applied:
                change = Change(change.user_id, change.before, then.after)
    apply_waiting_disputes(arrival, bought.payment_id, customer_id)
    return change


def _event_of_charge(arrival: EventContext, body: str) -> dict[str, Any] | None:
    """The event that is kept in a body, if it says something of a charge of ours that can be read."""
    try:
        event = event_in(body)
    except MalformedObject:
        return None
    ours = not is_of_another_account(arrival.tx, arrival.mode, event)
    is_charge = event["type"].startswith("charge.") and event["data"]["object"].get("object") == "charge"
    return event if ours and is_charge else None


def _welcomed(arrival: EventContext, bought: PaymentLinkSession) -> str:
    """An account for somebody who paid and has none, with a mail in which they choose a password."""
    tx = arrival.tx
    user_id = _account(tx, bought)
    customer = link_customer(arrival, bought, bought.public_id)
    paid = _paid_words(bought, plan_title(tx, arrival.mode, bought.price))
    Mail.write(tx, "invitation", bought.state.id, user_id=user_id, paid=paid)
    arrival.note(f"Account made from a payment link, for {bought.email}", user_id)
    return applied(arrival, bought, customer)


def _paid_words(bought: PaymentLinkSession, title: str) -> str:
    """What the buyer has done, for somebody who may not know this site's name."""
    if bought.session["mode"] == "payment" and bought.status == "pending":
        return (
            f"Thank you for your order of {title}. Your payment is only reserved until we have looked at it."
        )
    amount = bought.session.get("amount_total")
    if not amount:  # a free order, which may wait for its approval
        return f"Thank you for your order of {title}."
    return (
        f"Thank you: you have paid {amount_words(amount, bought.session.get('currency') or '')} for {title}."
    )


def _account(tx: Transaction, bought: PaymentLinkSession) -> int:
    values = {
        "public_id": bought.public_id,
        "username": _username(tx, bought),
        "email": bought.email,
        "name": bought.name,
        "fs_uniquifier": secrets.token_hex(32),
        "created_at": now(),
    }
    user_id = tx.execute(insert(User).values(values).returning(User.id)).scalar_one()
    role_id = tx.execute(select(Settings.default_role_id)).scalar_one()
    tx.execute(insert(manual_roles).values(user_id=user_id, role_id=role_id))
    return user_id


def _username(tx: Transaction, bought: PaymentLinkSession) -> str:
    """What stands before the @, without accents, if nobody is called so."""
    letters = unicodedata.normalize("NFKD", bought.email.partition("@")[0])
    plain = re.sub(r"[^A-Za-z0-9_.-]", "", letters)[:50] or "member"
    wanted = {name_key(name): name for name in (plain, f"{plain}-{bought.public_id[:6]}", bought.public_id)}
    taken = set(tx.execute(select(User.username_key).where(User.username_key.in_(wanted))).scalars())
    return next(name for key, name in wanted.items() if key not in taken)


def _ask(arrival: EventContext, bought: PaymentLinkSession, owner: int) -> None:
    """Somebody paid with the address of an account: its owner is asked, and until then nothing changes."""
    if is_asked(arrival.tx, bought.state.id):
        return
    title = plan_title(arrival.tx, arrival.mode, bought.price)
    Mail.write(arrival.tx, "claim", bought.state.id, user_id=owner, plan=title, mode=arrival.mode)
    arrival.note(
        f"Somebody paid for {title} through a payment link with this address: its owner is asked by mail",
        owner,
    )


def _own(arrival: EventContext, public_id: str) -> str | None:
    query = select(Customer.stripe_customer_id).join(User, User.id == Customer.user_id)
    query = query.where(User.public_id == public_id, Customer.mode == arrival.mode, ~Customer.deleted)
    return arrival.tx.execute(query.order_by(Customer.id).limit(1)).scalar()


def _made_for_guest(arrival: EventContext, bought: PaymentLinkSession, public_id: str) -> str:
    made = arrival.fetched.get(guest_key(bought.state.id))
    if made is not None:
        return made.id
    instance_id = arrival.tx.execute(select(Settings.instance_id)).scalar_one()
    params: dict[str, Any] = {"email": bought.email, **({"name": bought.name} if bought.name else {})}
    params["metadata"] = {"umstripe_user": public_id, "umstripe_instance": instance_id}
    raise NoCustomer(bought.state.id, params)
