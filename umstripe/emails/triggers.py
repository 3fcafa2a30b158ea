"""Which emails a change causes: a delivery's, an answer to an approval, or time that has run out. They are written
in its transaction, so none is sent for what rolled back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import and_, func, select

from umstripe.database import Transaction
from umstripe.formatting import amount_words, day_words
from umstripe.models import Delivery, Mail, Plan, Price, Product, Purchase, Subscription, User, snapshot
from umstripe.models.snapshot import Snapshot, id_of
from umstripe.models.subscription import Change, subscription_of_invoice
from umstripe.models.trial_card import ENDED_COMMENT
from umstripe.statuses import FINAL, RENEWING, UNDECIDED

RECENT_SECONDS = 3 * 24 * 3600
"""What catch-up finds later than that is no news to anybody."""
LATE_SECONDS = 60
"""How much newer than a failed payment a subscription must be known to be, to be taken for well again."""


def notify_subscription_change(
    tx: Transaction, event: Mapping[str, Any], state: Snapshot, change: Change
) -> None:
    """Write that a trial ends, or that a membership will end or has ended.

    The subscription is read from our row after `change`, for the event may say what is over since, or what a
    comparison or the success page has brought before it.
    """
    row = _subscription(tx, state.mode, state.id)
    if not _is_recent(event) or row is None:
        return
    values: dict[str, Any] = {
        "user_id": change.user_id,
        "plan": plan_title(tx, state.mode, row.stripe_price_id),
    }
    if row.status in FINAL:
        if _has_just_ended(event, change):
            comment = (state.object.get("cancellation_details") or {}).get("comment")
            kind = "trial_repeated" if comment == ENDED_COMMENT else "membership_ended"
            Mail.write(tx, kind, state.id, **values)
    elif row.cancel_at:
        day = day_words(row.cancel_at)
        Mail.write(tx, "membership_ends", f"{state.id}:{row.cancel_at}", date=day, **values)
    elif event["type"] == "customer.subscription.trial_will_end" and row.status == "trialing":
        values |= {"date": day_words(row.trial_end), "then": _after_trial(state.object)}
        Mail.write(tx, "trial_ends", f"{state.id}:{row.trial_end}", **values)


def _has_just_ended(event: Mapping[str, Any], change: Change) -> bool:
    """Return False for what never began, and for what was over when it was first seen."""
    if change.after == "incomplete_expired":
        return False
    if change.applied:
        return change.before not in FINAL | UNDECIDED
    return bool(event["type"] == "customer.subscription.deleted")


def _after_trial(subscription: Mapping[str, Any]) -> str:
    """Return what comes after a trial. The customer's own way of paying is not in the event, so "if" it must be.

    https://docs.stripe.com/billing/subscriptions/trials#create-free-trials-without-payment
    """
    behavior = (subscription.get("trial_settings") or {}).get("end_behavior") or {}
    otherwise = OTHERWISE.get(behavior.get("missing_payment_method") or "")
    if not otherwise or subscription.get("default_payment_method") or subscription.get("default_source"):
        return "After that your membership goes on at its price."
    return f"If you have given a card or another way of paying, it goes on at its price then; {otherwise}"


OTHERWISE = {"pause": "otherwise it pauses until you give one.", "cancel": "otherwise it ends."}


def notify_purchase_change(
    tx: Transaction, mode: str, payment: Mapping[str, Any], change: Change | None, at: int
) -> None:
    """Write that a one-time payment which waited for an administrator or a bank is settled, or was given back.

    `payment` is the charge or the Checkout session that was applied, `change` what came of it, `at` when Stripe said so
    (seconds, UTC).
    """
    if change is None or not change.applied or at < time.time() - RECENT_SECONDS:
        return
    payment_id = payment.get("payment_intent") or payment["id"]
    if (change.before, change.after) == ("", "pending"):
        _notify_of_free_order(tx, mode, payment_id, change.user_id)
    kind = KINDS_OF_CHANGES.get((change.before, change.after))
    if kind is None:
        return
    row = _purchase(tx, mode, payment_id)
    if kind == "membership_ended" and Purchase.is_followed(tx, row.id, at):
        return
    values = {
        "plan": plan_title(tx, mode, row.stripe_price_id),
        "amount": amount_words(row.amount, row.currency),
    }
    Mail.write(tx, kind, payment_id, change.user_id, **values)


def _notify_of_free_order(tx: Transaction, mode: str, payment_id: str, user_id: int) -> None:
    """Write to administrators at once: a free order has no reservation whose end they would be warned of."""
    row = _purchase(tx, mode, payment_id)
    if row.amount:
        return
    name = func.coalesce(func.nullif(User.name, ""), User.username)
    member = tx.execute(select(name).where(User.id == user_id)).scalar_one()
    values = {"member": member, "plan": plan_title(tx, mode, row.stripe_price_id)}
    Mail.to_administrators(tx, "free_order", payment_id, **values)


def notify_free_order_decision(tx: Transaction, purchase: Purchase, user_id: int, status: str) -> None:
    """Write that an administrator has approved a free order (`paid`), or refused it (`failed`)."""
    kind = {"paid": "free_order_approved", "failed": "free_order_refused"}[status]
    title = plan_title(tx, purchase.mode, purchase.stripe_price_id)
    Mail.write(tx, kind, purchase.stripe_payment_intent_id, user_id, plan=title)


KINDS_OF_CHANGES = {
    ("pending", "paid"): "order_paid",
    ("pending", "failed"): "order_failed",
    ("pending", "refunded"): "membership_ended",
    ("paid", "refunded"): "membership_ended",
    ("pending", "disputed"): "membership_ended",
    ("paid", "disputed"): "membership_ended",
    ("disputed", "paid"): "membership_restored",
}
"""The kind of email that a purchase's change from one status to another causes."""


def notify_ended_purchases(tx: Transaction, mode: str, at: int) -> None:
    """Write what was sold for some time, is over at a moment (seconds, UTC) and is not followed by the same price."""
    for row in Purchase.ended(tx, mode, at - RECENT_SECONDS, at):
        title = plan_title(tx, mode, row.stripe_price_id)
        Mail.write(tx, "membership_ended", row.stripe_payment_intent_id, row.user_id, plan=title)


def notify_payment_failure(tx: Transaction, mode: str, event: Mapping[str, Any], user_id: int) -> None:
    """Write that a payment failed or must be confirmed: one email for each try; none when it has been paid since."""
    invoice = event["data"]["object"]
    if event["type"] == "invoice.paid" or not _is_recent(event):
        return
    row = _subscription(tx, mode, subscription_of_invoice(invoice))
    if _is_paid_since(tx, mode, event, row):
        return
    next_attempt = invoice.get("next_payment_attempt") or 0
    goes_on = next_attempt > time.time() and (row is None or row.status not in FINAL)
    values = {
        "plan": plan_title(tx, mode, _price_of(invoice)),
        "amount": amount_words(invoice.get("amount_due"), invoice.get("currency") or ""),
        "again": f"We try again on {day_words(next_attempt)}." if goes_on else "",
    }
    if url := invoice.get("hosted_invoice_url"):
        values["link"] = url
    about = f"{invoice['id']}:{invoice.get('attempt_count') or 0}"
    Mail.write(tx, "payment_failed", about, user_id, **values)


def _is_paid_since(tx: Transaction, mode: str, event: Mapping[str, Any], row: Any) -> bool:
    """Return whether a failed payment that is told late is over: its invoice is paid, or its subscription well again."""
    is_newer = row is not None and row.as_of > event["created"] + LATE_SECONDS
    if is_newer and row.status in RENEWING:
        return True
    paid = select(Delivery.id).where(Delivery.mode == mode, Delivery.type == "invoice.paid")
    paid = paid.where(Delivery.created >= event["created"])
    of_invoice = (Delivery.stripe_object_id == event["data"]["object"]["id"], Delivery.result != "failed")
    return tx.execute(paid.where(*of_invoice)).first() is not None


def _subscription(tx: Transaction, mode: str, subscription_id: str) -> Any:
    return snapshot.get(tx, Subscription.__table__, mode, "stripe_subscription_id", subscription_id)


def _purchase(tx: Transaction, mode: str, payment_id: str) -> Any:
    return snapshot.get(tx, Purchase.__table__, mode, "stripe_payment_intent_id", payment_id)


def plan_title(tx: Transaction, mode: str, price_id: str) -> str:
    """Return the title of the plan of a price."""
    query = select(Plan.own_title, Product.name, Price.nickname).select_from(Price)
    query = query.outerjoin(Plan, Plan.price_id == Price.id)
    of_price = and_(Product.mode == Price.mode, Product.stripe_product_id == Price.stripe_product_id)
    query = query.outerjoin(Product, of_price).where(Price.mode == mode, Price.stripe_price_id == price_id)
    row = tx.execute(query).first()
    return next(filter(None, row or ()), "your membership")


def _is_recent(event: Mapping[str, Any]) -> bool:
    return bool(event["created"] > time.time() - RECENT_SECONDS)


def _price_of(invoice: Mapping[str, Any]) -> str:
    """Return the id of the price of an invoice's last line; proration lines come before it."""
    lines = (invoice.get("lines") or {}).get("data") or []
    details = ((lines[-1].get("pricing") or {}).get("price_details") or {}) if lines else {}
    return id_of(details.get("price")) or ""
