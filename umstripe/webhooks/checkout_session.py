from __future__ import annotations

from umstripe.emails import triggers
from umstripe.errors import MalformedObject
from umstripe.models import Customer, Purchase
from umstripe.models.free_order import status_of_session
from umstripe.stripe_api import types
from umstripe.webhooks.context import EventContext, log_change, log_only
from umstripe.webhooks.customer import link_customer
from umstripe.webhooks.dispute import apply_waiting_disputes
from umstripe.webhooks.payment_links import is_of_our_link, payment_link_completed
from umstripe.webhooks.registry import handles
from umstripe.webhooks.subscription import sync_named_subscription


@handles("checkout.session.completed", "checkout.session.async_payment_succeeded")
def session_completed(context: EventContext[types.Session]) -> str:
    """Link the customer to the user who was sent to Checkout, then apply what was bought (rules 7 and 8)."""
    session = context.object
    if is_of_our_link(session):
        return payment_link_completed(context)
    public_id = _user_named_by(session)
    customer = link_customer(context.tx, context.mode, session.get("customer"), public_id, context.fetched)
    if customer is None:
        return "foreign"
    if session["mode"] == "subscription":
        return _subscription_bought(context)
    status = status_of_session(context.tx, context.mode, session)
    change = Purchase.sync_from_stripe(context.tx, context.mode, session, status, context.created)
    triggers.notify_purchase_change(context.tx, context.mode, session, change, context.created)
    apply_waiting_disputes(context, session.get("payment_intent") or session["id"], customer.id)
    if change is None:
        return log_only(context, "Checkout completed")
    return log_change(context, change, "One-time payment")


@handles("checkout.session.async_payment_failed")
def session_failed(context: EventContext[types.Session]) -> str:
    """A delayed payment did not come. Of a subscription, its own events say what follows."""
    session = context.object
    if session["mode"] == "payment" and Customer.get_or_reserve(
        context.tx, context.mode, session.get("customer")
    ):
        change = Purchase.sync_from_stripe(context.tx, context.mode, session, "failed", context.created)
        triggers.notify_purchase_change(context.tx, context.mode, session, change, context.created)
        if change is not None:
            return log_change(context, change, "One-time payment")
    return log_only(context, "The payment of a Checkout failed")


@handles("checkout.session.expired")
def session_expired(context: EventContext[types.Session]) -> str:
    return log_only(context, "Checkout was left without a payment")


def _subscription_bought(context: EventContext[types.Session]) -> str:
    subscription_id = context.object.get("subscription")
    if not subscription_id:
        raise MalformedObject(
            "The Checkout session is of a subscription, but names none. This site cannot use it."
        )
    return log_change(context, sync_named_subscription(context, subscription_id), "Subscription")


def _user_named_by(session: types.Session) -> str | None:
    """Return the user's public id, if it is we who made the session: in a payment link anybody can write any id."""
    return None if session.get("payment_link") else session.get("client_reference_id")
