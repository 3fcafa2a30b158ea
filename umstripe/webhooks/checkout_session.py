"""What each of Stripe's events changes: a handler for each type, and HANDLERS, the list of them.

The endpoint at Stripe is registered for the types in HANDLERS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import select

from umstripe.database import Transaction
from umstripe.emails import triggers
from umstripe.errors import MalformedObject
from umstripe.models import Customer, Delivery, Price, Product, Purchase, Settings, Subscription
from umstripe.models.free_order import status_of_session
from umstripe.models.snapshot import NEVER_WRITTEN, NeedsFetch, Snapshot
from umstripe.models.subscription import Change
from umstripe.webhooks.charge import charge_changed, invoice_changed, payment_failed
from umstripe.webhooks.context import EventContext, noted, said
from umstripe.webhooks.dispute import apply_waiting_disputes, dispute_changed
from umstripe.webhooks.payment_links import is_through_link, link_completed
from umstripe.webhooks.stored import event_in
from umstripe.webhooks.unusable import is_of_another_account

Handler = Callable[[EventContext], str]


def handle(arrival: EventContext) -> str:
    """Apply an event in its transaction. Gives the result (see Delivery); raises NeedsFetch, as Subscription.sync_from_stripe."""
    handler = HANDLERS.get(arrival.event["type"])
    if handler is None:
        return "ignored"
    if is_of_another_account(arrival.tx, arrival.mode, arrival.event):
        return "foreign"
    return handler(arrival)


def link(
    tx: Transaction,
    mode: str,
    stripe_customer_id: str | None,
    public_id: str | None,
    fetched: dict[str, Snapshot] | None = None,
) -> Any:
    """Link a customer. What came about it before, and was foreign then, is applied now (rule 3).

    Gives the customer's row, or None when it is nobody's public id. Raises NeedsFetch, as Subscription.sync_from_stripe.
    """
    known = Customer.get_or_reserve(tx, mode, stripe_customer_id)
    if known is not None:
        return known
    linked = Customer.link(tx, mode, stripe_customer_id, public_id)
    waiting = Delivery.foreign_of(tx, mode, linked.stripe_customer_id) if linked else []
    try:
        for earlier in waiting:
            _apply_earlier(tx, mode, earlier, fetched or {})
    except NeedsFetch as unclear:
        unclear.covers = frozenset(earlier.stripe_event_id for earlier in waiting)
        raise
    return linked


def _apply_earlier(tx: Transaction, mode: str, earlier: Any, fetched: dict[str, Snapshot]) -> None:
    """Apply an event that was foreign. One that cannot be read is set aside: it holds up neither link nor others."""
    try:
        result, why = handle(EventContext(tx, mode, event_in(earlier.body), fetched)), ""
    except MalformedObject as unusable:
        result, why = "unusable", str(unusable)
    Delivery.set_result(tx, mode, earlier.stripe_event_id, result, why)


def _linked(arrival: EventContext, stripe_customer_id: str | None, public_id: str | None) -> Any:
    return link(arrival.tx, arrival.mode, stripe_customer_id, public_id, arrival.fetched)


def subscription_changed(arrival: EventContext) -> str:
    change = Subscription.sync_from_stripe(arrival.tx, arrival.state)
    if change is not None:
        triggers.notify_subscription_change(arrival.tx, arrival.event, arrival.state, change)
    return said(arrival, change, "Subscription")


def session_completed(arrival: EventContext) -> str:
    """Link the customer to the user who was sent to Checkout, then settle what was bought (rules 7 and 8)."""
    session = arrival.object
    if is_through_link(session):
        return link_completed(arrival)
    customer = _linked(arrival, session.get("customer"), _sent_by_us(session))
    if customer is None:
        return "foreign"
    if session["mode"] == "subscription":
        if not session.get("subscription"):
            raise MalformedObject(
                "The Checkout session is of a subscription, but names none. This site cannot use it."
            )
        return said(arrival, _fetched_subscription(arrival, session["subscription"]), "Subscription")
    status = status_of_session(arrival.tx, arrival.mode, session)
    change = Purchase.sync_from_stripe(arrival.tx, arrival.mode, session, status, arrival.created)
    triggers.notify_purchase_change(arrival.tx, arrival.mode, session, change, arrival.created)
    apply_waiting_disputes(arrival, session.get("payment_intent") or session["id"], customer.id)
    return said(arrival, change, "One-time payment") if change else noted(arrival, "Checkout completed")


def session_failed(arrival: EventContext) -> str:
    """A delayed payment did not come. Of a subscription, its own events say what follows."""
    session = arrival.object
    if session["mode"] == "payment" and Customer.get_or_reserve(
        arrival.tx, arrival.mode, session.get("customer")
    ):
        change = Purchase.sync_from_stripe(arrival.tx, arrival.mode, session, "failed", arrival.created)
        triggers.notify_purchase_change(arrival.tx, arrival.mode, session, change, arrival.created)
        if change is not None:
            return said(arrival, change, "One-time payment")
    return noted(arrival, "The payment of a Checkout failed")


def session_expired(arrival: EventContext) -> str:
    return noted(arrival, "Checkout was left without a payment")


def customer_created(arrival: EventContext) -> str:
    """A customer that we made is linked even if we crashed before we could write down its id."""
    customer, metadata = arrival.object, arrival.object.get("metadata") or {}
    ours = metadata.get("umstripe_instance") == _instance_id(arrival.tx)
    _linked(arrival, customer["id"], metadata.get("umstripe_user") if ours else None)
    return noted(arrival, "Customer created at Stripe", customer["id"])


def customer_updated(arrival: EventContext) -> str:
    return noted(arrival, "Customer changed at Stripe", arrival.object["id"])


def customer_deleted(arrival: EventContext) -> str:
    customer = Customer.get_or_reserve(arrival.tx, arrival.mode, arrival.object["id"])
    if customer is None:
        return "foreign"
    Customer.unlink(arrival.tx, customer)
    Subscription.end_all(arrival.tx, customer.id, arrival.created)
    arrival.note("Customer deleted at Stripe: unlinked, subscriptions ended", customer.user_id)
    return "processed"


def price_changed(arrival: EventContext) -> str:
    return _catalogue(arrival, Price, "stripe_price_id", "Price")


def product_changed(arrival: EventContext) -> str:
    return _catalogue(arrival, Product, "stripe_product_id", "Product")


def _catalogue(arrival: EventContext, model: Any, column: str, word: str) -> str:
    """Prices and products come in by import; events only change what import brought."""
    state = arrival.state
    if arrival.event["type"].endswith(".deleted"):
        state = Snapshot(state.mode, {**arrival.object, "deleted": True}, state.as_of, state.seen)
    table = model.__table__
    known = select(table.c.id).where(table.c.mode == arrival.mode, table.c[column] == arrival.object["id"])
    if arrival.tx.execute(known).first() is None:
        return "foreign"
    if not model.apply(arrival.tx, state):
        return "stale"
    arrival.note(f"{word} {arrival.event['type'].rpartition('.')[2]} at Stripe: {arrival.object['id']}")
    return "processed"


def _fetched_subscription(arrival: EventContext, subscription_id: str) -> Change | None:
    """A session only names its subscription: its state is fetched, unless we have it already.

    What we have as `incomplete` may be its first event alone: a complete session is paid, or its payment under way.
    """
    table = Subscription.__table__
    known = select(table).where(
        table.c.mode == arrival.mode, table.c.stripe_subscription_id == subscription_id
    )
    row = arrival.tx.execute(known).one_or_none()
    if subscription_id in arrival.fetched:
        return Subscription.sync_from_stripe(arrival.tx, arrival.fetched[subscription_id])
    if row is None or row.status == "incomplete":
        raise NeedsFetch("subscription", subscription_id, row.revision if row else NEVER_WRITTEN)
    return Change(_owner(arrival, row.customer_id), row.status, row.status)


def _owner(arrival: EventContext, customer_id: int) -> int:
    return arrival.tx.execute(select(Customer.user_id).where(Customer.id == customer_id)).scalar_one()


def _sent_by_us(session: Mapping[str, Any]) -> str | None:
    """The user's public id, if it is we who made the session: in a payment link anybody can write any id."""
    return None if session.get("payment_link") else session.get("client_reference_id")


def _instance_id(tx: Transaction) -> str:
    return tx.execute(select(Settings.instance_id)).scalar_one()


HANDLERS: dict[str, Handler] = {
    "charge.captured": charge_changed,
    "charge.dispute.created": dispute_changed,
    "charge.dispute.updated": dispute_changed,
    "charge.dispute.closed": dispute_changed,
    "charge.dispute.funds_withdrawn": dispute_changed,
    "charge.dispute.funds_reinstated": dispute_changed,
    "charge.expired": charge_changed,
    "charge.failed": charge_changed,
    "charge.pending": charge_changed,
    "charge.refunded": charge_changed,
    "charge.succeeded": charge_changed,
    "checkout.session.completed": session_completed,
    "checkout.session.async_payment_succeeded": session_completed,
    "checkout.session.async_payment_failed": session_failed,
    "checkout.session.expired": session_expired,
    "customer.created": customer_created,
    "customer.updated": customer_updated,
    "customer.deleted": customer_deleted,
    "customer.subscription.created": subscription_changed,
    "customer.subscription.updated": subscription_changed,
    "customer.subscription.deleted": subscription_changed,
    "customer.subscription.paused": subscription_changed,
    "customer.subscription.resumed": subscription_changed,
    "customer.subscription.pending_update_expired": subscription_changed,
    "customer.subscription.trial_will_end": subscription_changed,
    "invoice.paid": invoice_changed,
    "invoice.payment_failed": invoice_changed,
    "invoice.payment_action_required": invoice_changed,
    "payment_intent.payment_failed": payment_failed,
    "price.created": price_changed,
    "price.updated": price_changed,
    "price.deleted": price_changed,
    "product.updated": product_changed,
    "product.deleted": product_changed,
}
