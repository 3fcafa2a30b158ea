from __future__ import annotations

from sqlalchemy import select

from umstripe.emails import triggers
from umstripe.models import Customer, Subscription
from umstripe.models.snapshot import NEVER_WRITTEN, NeedsFetch
from umstripe.models.subscription import Change
from umstripe.stripe_api import types
from umstripe.webhooks.context import EventContext, log_change
from umstripe.webhooks.registry import handles


@handles(
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.pending_update_expired",
    "customer.subscription.trial_will_end",
)
def subscription_changed(context: EventContext[types.Subscription]) -> str:
    change = Subscription.sync_from_stripe(context.tx, context.snapshot)
    if change is not None:
        triggers.notify_subscription_change(context.tx, context.event, context.snapshot, change)
    return log_change(context, change, "Subscription")


def sync_named_subscription(context: EventContext[types.Session], subscription_id: str) -> Change | None:
    """Apply the subscription that a session only names: its state is fetched, unless it is here already.

    What is here as `incomplete` may be its first event alone: a complete session is paid, or its payment under way.
    Raise NeedsFetch.
    """
    table = Subscription.__table__
    known = select(table).where(
        table.c.mode == context.mode, table.c.stripe_subscription_id == subscription_id
    )
    row = context.tx.execute(known).one_or_none()
    if subscription_id in context.fetched:
        return Subscription.sync_from_stripe(context.tx, context.fetched[subscription_id])
    if row is None or row.status == "incomplete":
        raise NeedsFetch("subscription", subscription_id, row.revision if row else NEVER_WRITTEN)
    owner = select(Customer.user_id).where(Customer.id == row.customer_id)
    return Change(context.tx.execute(owner).scalar_one(), row.status, row.status)
