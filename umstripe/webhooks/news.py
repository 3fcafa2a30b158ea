"""Which mails a delivery causes. They are written down in its transaction, so none is sent for what rolled back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection as Transaction
from sqlalchemy import and_, select

from umstripe.models import Mail, Plan, Price, Product
from umstripe.models.copied import State
from umstripe.models.subscription import FINAL, Change
from umstripe.words import amount_words, day_words

NEWS_FOR_SECONDS = 3 * 24 * 3600
"""What catch-up finds later than that is no news to anybody."""


def of_subscription(
    tx: Transaction, event: Mapping[str, Any], state: State, change: Change, price_id: str
) -> None:
    """The trial ends, the membership will end, or has ended: as `state` has it, which was applied. The event that
    brought it may say what is over since."""
    told, mode = state.object, state.mode
    if not _is_news(event) or not change.applied:
        return
    about: dict[str, Any] = {"user_id": change.user_id, "plan": plan_title(tx, mode, price_id)}
    if change.after in FINAL:
        if change.before not in ("", "incomplete", *FINAL):
            Mail.write(tx, "membership_ended", told["id"], **about)
    elif event["type"] == "customer.subscription.trial_will_end" and _is_trial(told):
        day = day_words(told["trial_end"])
        Mail.write(tx, "trial_ends", f"{told['id']}:{told['trial_end']}", date=day, **about)
    elif told.get("cancel_at"):
        day = day_words(told["cancel_at"])
        Mail.write(tx, "membership_ends", f"{told['id']}:{told['cancel_at']}", date=day, **about)


def of_invoice(tx: Transaction, mode: str, event: Mapping[str, Any], user_id: int) -> None:
    """A payment failed, or the member must confirm it. One mail for each try."""
    invoice = event["data"]["object"]
    if event["type"] == "invoice.paid" or not _is_news(event):
        return
    again = invoice.get("next_payment_attempt")
    given = {
        "plan": plan_title(tx, mode, _price_of(invoice)),
        "amount": amount_words(invoice.get("amount_due"), invoice.get("currency") or ""),
        "again": f"We try again on {day_words(again)}." if again else "",
    }
    link: dict[str, Any] = (
        {"link": invoice["hosted_invoice_url"]} if invoice.get("hosted_invoice_url") else {}
    )
    about = f"{invoice['id']}:{invoice.get('attempt_count') or 0}"
    Mail.write(tx, "payment_failed", about, user_id, **given, **link)


def plan_title(tx: Transaction, mode: str, price_id: str) -> str:
    """What the plan of a price is called."""
    query = select(Plan.own_title, Product.name, Price.nickname).select_from(Price)
    query = query.outerjoin(Plan, Plan.price_id == Price.id)
    of_price = and_(Product.mode == Price.mode, Product.stripe_product_id == Price.stripe_product_id)
    query = query.outerjoin(Product, of_price).where(Price.mode == mode, Price.stripe_price_id == price_id)
    row = tx.execute(query).first()
    return next(filter(None, row or ()), "your membership")


def _is_news(event: Mapping[str, Any]) -> bool:
    return event["created"] > time.time() - NEWS_FOR_SECONDS


def _is_trial(told: Mapping[str, Any]) -> bool:
    return bool(told.get("status") == "trialing" and told.get("trial_end"))


def _price_of(invoice: Mapping[str, Any]) -> str:
    """The price of an invoice's last line; proration lines come before it."""
    lines = (invoice.get("lines") or {}).get("data") or []
    details = ((lines[-1].get("pricing") or {}).get("price_details") or {}) if lines else {}
    price = details.get("price") or ""
    return price if isinstance(price, str) else price.get("id", "")
