"""Customers at Stripe: whose they are, and what came about them before that was known."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from umstripe.database import Transaction
from umstripe.errors import MalformedObject
from umstripe.models import Customer, Delivery, Settings, Subscription
from umstripe.models.snapshot import NeedsFetch
from umstripe.stripe_api import types
from umstripe.transactions import FetchedStates
from umstripe.webhooks.context import EventContext, log_only
from umstripe.webhooks.registry import dispatch, handles
from umstripe.webhooks.stored import event_in


@handles("customer.created")
def customer_created(context: EventContext[types.Customer]) -> str:
    """A customer that we made is linked even if we crashed before we could write down its id."""
    customer = context.object
    public_id = user_named_by(context.tx, customer)
    link_customer(context.tx, context.mode, customer["id"], public_id, context.fetched)
    return log_only(context, "Customer created at Stripe", customer["id"])


@handles("customer.updated")
def customer_updated(context: EventContext[types.Customer]) -> str:
    return log_only(context, "Customer changed at Stripe", context.object["id"])


@handles("customer.deleted")
def customer_deleted(context: EventContext[types.Customer]) -> str:
    customer = Customer.get_or_reserve(context.tx, context.mode, context.object["id"])
    if customer is None:
        return "foreign"
    Customer.unlink(context.tx, customer)
    Subscription.end_all(context.tx, customer.id, context.created)
    context.log("Customer deleted at Stripe: unlinked, subscriptions ended", customer.user_id)
    return "processed"


def link_customer(
    tx: Transaction,
    mode: str,
    stripe_customer_id: str | None,
    public_id: str | None,
    fetched: FetchedStates,
) -> Any:
    """Link a customer, and apply what came about it before and was foreign then (rule 3).

    Return the customer's row, or None when `public_id` is nobody's. Raise NeedsFetch as Subscription.sync_from_stripe.
    """
    customer = Customer.get_or_reserve(tx, mode, stripe_customer_id)
    if customer is not None:
        return customer
    customer = Customer.link(tx, mode, stripe_customer_id, public_id)
    deliveries = Delivery.foreign_of(tx, mode, customer.stripe_customer_id) if customer else []
    try:
        for delivery in deliveries:
            _apply_earlier(tx, mode, delivery, fetched)
    except NeedsFetch as needed:
        needed.covers = frozenset(delivery.stripe_event_id for delivery in deliveries)
        raise
    return customer


def user_named_by(tx: Transaction, customer: types.Customer) -> str | None:
    """Return the public id of the user for whom we made a customer, or None if it was not we who made it (rule 8)."""
    metadata = customer.get("metadata")
    if not metadata or metadata.get("umstripe_instance") != instance_id(tx):
        return None
    return metadata.get("umstripe_user")


def instance_id(tx: Transaction) -> str:
    """Return what our customers at Stripe carry in their metadata, so that this site knows them again."""
    return tx.execute(select(Settings.instance_id)).scalar_one()


def _apply_earlier(tx: Transaction, mode: str, delivery: Any, fetched: FetchedStates) -> None:
    """Apply an event that was foreign. One that cannot be read is set aside: it holds up neither link nor others."""
    try:
        result, error = dispatch(EventContext(tx, mode, event_in(delivery.body), fetched)), ""
    except MalformedObject as unusable:
        result, error = "unusable", str(unusable)
    Delivery.set_result(tx, mode, delivery.stripe_event_id, result, error)
