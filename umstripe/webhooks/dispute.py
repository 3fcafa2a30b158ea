"""What a dispute changes: a lost one ends the one-time membership that it took the money for.

A dispute names its payment and no customer. Whose it is says the purchase, or else the charge: it is fetched, or its
own event tells later, and then the disputes that were foreign until then are applied (rule 3).
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select

from umstripe.database import Transaction
from umstripe.emails import triggers
from umstripe.formatting import amount_words, day_words, dispute_words, status_words
from umstripe.models import Connection, Customer, Delivery, Dispute, Mail, Purchase, User
from umstripe.models.dispute import LOST, OPEN, charge_of, dashboard_url, is_inquiry, payment_of
from umstripe.models.purchase import PRICE_METADATA, status_of_charge
from umstripe.models.snapshot import NeedsFetch
from umstripe.models.subscription import Change
from umstripe.stripe_api import types
from umstripe.webhooks.context import AnyContext, EventContext
from umstripe.webhooks.registry import handles


@handles(
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
)
def dispute_changed(context: EventContext[types.Dispute]) -> str:
    dispute = context.object
    purchase = Purchase.get_or_reserve(context.tx, context.mode, payment_of(dispute))
    customer_id = purchase.customer_id if purchase else _customer_id(context)
    return "foreign" if customer_id is None else _sync(context, customer_id)


def apply_waiting_disputes(context: AnyContext, payment_id: str, customer_id: int) -> None:
    """Apply the disputes of a payment that came before anybody could tell whose payment it is."""
    for delivery in Delivery.foreign_disputes(context.tx, context.mode, payment_id):
        event = json.loads(delivery.body)
        result = _sync(EventContext(context.tx, context.mode, event, context.fetched), customer_id)
        Delivery.set_result(context.tx, context.mode, delivery.stripe_event_id, result)


def _sync(context: EventContext[types.Dispute], customer_id: int) -> str:
    tx, mode, dispute = context.tx, context.mode, context.object
    before = Dispute.sync_from_stripe(tx, mode, dispute, context.created, customer_id)
    if before is None:
        return "stale"
    user_id = tx.execute(select(Customer.user_id).where(Customer.id == customer_id)).scalar_one()
    change = Purchase.update_for_disputes(tx, mode, payment_of(dispute))
    if change is not None:
        triggers.notify_purchase_change(
            tx, mode, {"payment_intent": payment_of(dispute)}, change, context.created
        )
    if before != dispute["status"]:
        context.log(_description(dispute, change), user_id)
        _mail_administrators(tx, mode, dispute, user_id, context.created)
    return "processed"


def _description(dispute: types.Dispute, change: Change | None) -> str:
    amount = amount_words(dispute["amount"], dispute["currency"])
    description = f"Dispute of {amount}: {dispute_words(dispute['status'])}"
    if change is None or change.before == change.after:
        return description
    return (
        f"{description}. One-time payment is {status_words(change.after)} (was {status_words(change.before)})"
    )


def _customer_id(context: EventContext[types.Dispute]) -> int | None:
    """Return whose payment it is that no purchase here is of: a subscription's, or one whose own events are late."""
    customer_id = Dispute.customer_of(context.tx, context.mode, context.object["id"])
    if customer_id is not None:
        return customer_id
    charge = _charge(context)
    stripe_customer_id = charge.get("customer") or Delivery.customer_of_object(
        context.tx, context.mode, charge_of(context.object)
    )
    if not stripe_customer_id:
        return None
    customer = Customer.get_or_reserve(context.tx, context.mode, stripe_customer_id)
    if customer is None:
        Delivery.keep_customer(context.tx, context.mode, context.event["id"], stripe_customer_id)
        return None
    if (charge.get("metadata") or {}).get(PRICE_METADATA):
        as_of = context.fetched[charge["id"]].as_of
        change = Purchase.sync_from_stripe(context.tx, context.mode, charge, status_of_charge(charge), as_of)
        triggers.notify_purchase_change(context.tx, context.mode, charge, change, as_of)
    return int(customer.id)


def _charge(context: EventContext[types.Dispute]) -> Mapping[str, Any]:
    """Return the disputed charge as Stripe has it, empty while there is no key to ask with. Raise NeedsFetch to have
    it fetched."""
    charge_id = charge_of(context.object)
    if charge_id in context.fetched:
        return context.fetched[charge_id].object
    key = select(Connection.mode).where(Connection.mode == context.mode, Connection.secret_key.is_not(None))
    if not charge_id or context.tx.execute(key).first() is None:
        return {}
    raise NeedsFetch("charge", charge_id)


def _mail_administrators(tx: Transaction, mode: str, dispute: types.Dispute, user_id: int, at: int) -> None:
    """Write one mail when a dispute or an inquiry is opened, and one when a dispute is lost."""
    kind, evidence = _kind_of_mail(dispute["status"]), dispute.get("evidence_details")
    due_by = evidence.get("due_by") if evidence else None
    is_news = at > time.time() - triggers.RECENT_SECONDS or (due_by or 0) > time.time()
    if not kind or not is_news:
        return
    name = func.coalesce(func.nullif(User.name, ""), User.username)
    values = {
        "member": tx.execute(select(name).where(User.id == user_id)).scalar_one(),
        "amount": amount_words(dispute["amount"], dispute["currency"]),
        "until": f"Answer by {day_words(due_by)}." if due_by and dispute["status"] in OPEN else "",
        "then": _consequence(tx, mode, payment_of(dispute), dispute["status"]),
        "link": dashboard_url(mode, dispute["id"]),
    }
    Mail.to_administrators(tx, kind, dispute["id"], **values)


def _kind_of_mail(status: str) -> str:
    if status == LOST:
        return "dispute_lost"
    if status in OPEN:
        return "dispute_inquiry" if is_inquiry(status) else "dispute_opened"
    return ""


def _consequence(tx: Transaction, mode: str, payment_id: str, status: str) -> str:
    purchase = Purchase.get_for_update(tx, mode, payment_id)
    if purchase is None:
        return "The payment was for a subscription, which goes on. Cancel it at Stripe if it should end."
    title = triggers.plan_title(tx, mode, purchase.stripe_price_id)
    return f"{title} has ended." if status == LOST else f"If the dispute is lost, {title} ends."
