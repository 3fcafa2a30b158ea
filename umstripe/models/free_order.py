"""Orders without an amount: a price of 0, or a promotion code for all of it.

Checkout makes no payment for such an order, so the session stands for it. With approval it waits for an administrator
here, without an end, for nothing is reserved at Stripe.
"""

from __future__ import annotations

from sqlalchemy import select

from umstripe.database import Transaction
from umstripe.models.plan import Plan
from umstripe.models.price import Price
from umstripe.models.purchase import PRICE_METADATA, STATUSES, Purchase
from umstripe.models.snapshot import StripeObject

FREE = "no_payment_required"


def is_free(session: StripeObject) -> bool:
    """Return whether a Checkout session for a one-time plan had nothing to pay."""
    return bool(session.get("mode") == "payment" and session.get("payment_status") == FREE)


def status_of_session(tx: Transaction, mode: str, session: StripeObject, price: str = "") -> str:
    """Return a purchase's status after a completed Checkout session, which may be told of again and again.

    What was decided about a free order stays: neither the session's event nor a changed plan decides it anew. `price`
    is what the session is for, if it does not say so itself.
    """
    if not is_free(session):
        return "pending" if session["payment_status"] == "unpaid" else "paid"
    row = Purchase.get_or_reserve(tx, mode, session["id"])
    if row is not None:
        return str(STATUSES[row.step])
    price = (session.get("metadata") or {}).get(PRICE_METADATA) or price
    query = select(Plan.approval).join(Price, Plan.price_id == Price.id)
    approval = tx.execute(query.where(Price.mode == mode, Price.stripe_price_id == price)).scalar()
    return "pending" if approval else "paid"


def decide(tx: Transaction, mode: str, session_id: str, status: str, at: int) -> str:
    """Make a free order that waits `paid` or `failed` at a moment (seconds, UTC). Return the status before.

    One that does not wait any more stays as it is: of two administrators the first one decides.
    """
    row = Purchase.get_for_update(tx, mode, session_id)
    assert row is not None, "Free orders are never deleted"
    if row.status == "pending":
        session = {"object": "checkout.session", "id": session_id, "created": row.charged_at}
        session |= {"amount_total": row.amount, "currency": row.currency}
        Purchase.sync_from_stripe(tx, mode, session, status, at)
    return str(row.status)
