"""What a dispute changes: a lost one ends the one-time membership that it took the money for.

A dispute names its payment and no customer. Whose it is says the purchase, or else the charge: it is fetched, or its
own event tells later, and then the disputes that were foreign until then are applied (rule 3).
"""

from __future__ import annotations

import json
import time
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
from umstripe.webhooks.context import EventContext


def dispute_changed(arrival: EventContext) -> str:
    dispute = arrival.object
    purchase = Purchase.get_or_reserve(arrival.tx, arrival.mode, payment_of(dispute))
    customer_id = purchase.customer_id if purchase else _customer_id(arrival)
    return "foreign" if customer_id is None else _apply(arrival, customer_id)


def apply_waiting_disputes(arrival: EventContext, payment_id: str, customer_id: int) -> None:
    """Apply the disputes of a payment that came before anybody could tell whose payment it is."""
    for waiting in Delivery.foreign_disputes(arrival.tx, arrival.mode, payment_id):
        event = json.loads(waiting.body)
        result = _apply(EventContext(arrival.tx, arrival.mode, event, arrival.fetched), customer_id)
        Delivery.set_result(arrival.tx, arrival.mode, waiting.stripe_event_id, result)


def _apply(arrival: EventContext, customer_id: int) -> str:
    tx, mode, dispute = arrival.tx, arrival.mode, arrival.object
    before = Dispute.sync_from_stripe(tx, mode, dispute, arrival.created, customer_id)
    if before is None:
        return "stale"
    user_id = tx.execute(select(Customer.user_id).where(Customer.id == customer_id)).scalar_one()
    change = Purchase.update_for_disputes(tx, mode, payment_of(dispute))
    if change is not None:
        triggers.notify_purchase_change(
            tx, mode, {"payment_intent": payment_of(dispute)}, change, arrival.created
        )
    if before != dispute["status"]:
        arrival.note(_description(dispute, change), user_id)
        _tell_administrators(tx, mode, dispute, user_id, arrival.created)
    return "processed"


def _description(dispute: Any, change: Change | None) -> str:
    amount = amount_words(dispute["amount"], dispute["currency"])
    words = f"Dispute of {amount}: {dispute_words(dispute['status'])}"
    if change is None or change.before == change.after:
        return words
    return f"{words}. One-time payment is {status_words(change.after)} (was {status_words(change.before)})"


def _customer_id(arrival: EventContext) -> int | None:
    """Whose payment it is that no purchase here is of: a subscription's, or one whose own events are late."""
    known = Dispute.customer_of(arrival.tx, arrival.mode, arrival.object["id"])
    if known is not None:
        return known
    charge = _charge(arrival)
    paid_by = charge.get("customer") or Delivery.customer_of_object(
        arrival.tx, arrival.mode, charge_of(arrival.object)
    )
    if not paid_by:
        return None
    customer = Customer.get_or_reserve(arrival.tx, arrival.mode, paid_by)
    if customer is None:
        Delivery.keep_customer(arrival.tx, arrival.mode, arrival.event["id"], paid_by)
        return None
    if (charge.get("metadata") or {}).get(PRICE_METADATA):
        as_of = arrival.fetched[charge["id"]].as_of
        change = Purchase.sync_from_stripe(arrival.tx, arrival.mode, charge, status_of_charge(charge), as_of)
        triggers.notify_purchase_change(arrival.tx, arrival.mode, charge, change, as_of)
    return int(customer.id)


def _charge(arrival: EventContext) -> Any:
    """The disputed charge as Stripe has it, empty while no key is here to ask with. Raises NeedsFetch to have it
    fetched."""
    charge_id = charge_of(arrival.object)
    if charge_id in arrival.fetched:
        return arrival.fetched[charge_id].object
    key = select(Connection.mode).where(Connection.mode == arrival.mode, Connection.secret_key.is_not(None))
    if not charge_id or arrival.tx.execute(key).first() is None:
        return {}
    raise NeedsFetch("charge", charge_id)


def _tell_administrators(tx: Transaction, mode: str, dispute: Any, user_id: int, at: int) -> None:
    """One mail when a dispute or an inquiry is opened, and one when a dispute is lost."""
    kind, due_by = _kind_of_mail(dispute["status"]), (dispute.get("evidence_details") or {}).get("due_by")
    is_news = at > time.time() - triggers.RECENT_SECONDS or (due_by or 0) > time.time()
    if not kind or not is_news:
        return
    name = func.coalesce(func.nullif(User.name, ""), User.username)
    given = {
        "member": tx.execute(select(name).where(User.id == user_id)).scalar_one(),
        "amount": amount_words(dispute["amount"], dispute["currency"]),
        "until": f"Answer by {day_words(due_by)}." if due_by and dispute["status"] in OPEN else "",
        "then": _effect(tx, mode, payment_of(dispute), dispute["status"]),
        "link": dashboard_url(mode, dispute["id"]),
    }
    Mail.to_administrators(tx, kind, dispute["id"], **given)


def _kind_of_mail(status: str) -> str:
    if status == LOST:
        return "dispute_lost"
    if status in OPEN:
        return "dispute_inquiry" if is_inquiry(status) else "dispute_opened"
    return ""


def _effect(tx: Transaction, mode: str, payment_id: str, status: str) -> str:
    purchase = Purchase.get_for_update(tx, mode, payment_id)
    if purchase is None:
        return "The payment was for a subscription, which goes on. Cancel it at Stripe if it should end."
    title = triggers.plan_title(tx, mode, purchase.stripe_price_id)
    return f"{title} has ended." if status == LOST else f"If the dispute is lost, {title} ends."
