"""Prices and products come in by import; events only change what import brought."""

from __future__ import annotations

from sqlalchemy import select

from umstripe.models import Price, Product
from umstripe.models.snapshot import Snapshot
from umstripe.stripe_api import types
from umstripe.webhooks.context import EventContext
from umstripe.webhooks.registry import handles


@handles("price.created", "price.updated", "price.deleted")
def price_changed(context: EventContext[types.Price]) -> str:
    return _sync(context, Price, "stripe_price_id")


@handles("product.updated", "product.deleted")
def product_changed(context: EventContext[types.Product]) -> str:
    return _sync(context, Product, "stripe_product_id")


def _sync(
    context: EventContext[types.Price] | EventContext[types.Product],
    model: type[Price] | type[Product],
    column: str,
) -> str:
    snapshot, (_, _, action) = context.snapshot, context.event["type"].rpartition(".")
    if action == "deleted":
        deleted = {**context.object, "deleted": True}
        snapshot = Snapshot(snapshot.mode, deleted, snapshot.as_of, snapshot.seen)
    table = model.__table__
    known = select(table.c.id).where(table.c.mode == context.mode, table.c[column] == context.object_id)
    if context.tx.execute(known).first() is None:
        return "foreign"
    if not model.sync_from_stripe(context.tx, snapshot):
        return "stale"
    context.log(f"{model.__name__} {action} at Stripe: {context.object_id}")
    return "processed"
