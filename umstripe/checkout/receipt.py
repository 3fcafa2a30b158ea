"""What a member sees of an order after Checkout, whatever became of it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from umstripe.database import db
from umstripe.formatting import amount_words
from umstripe.memberships import holdings
from umstripe.models import Plan, Price, free_order
from umstripe.statuses import NEVER_BEGUN
from umstripe.stripe_api.calls import JSONObject

HEADINGS = {
    "open": "Not paid yet",
    "expired": "This order has expired",
    "pending": "Payment pending",
    "failed": "Payment failed",
    "owed": "Payment failed",
}
FREE_HEADINGS = {"pending": "Waiting for approval", "failed": "Order not approved"}
SENTENCES = {
    "open": "Stripe has received no payment for this order so far. If you have paid just now, reload this page in a "
    "moment; otherwise go on and pay.",
    "expired": "The payment page was open for too long and has been closed. No payment has been taken.",
    "pending": "Your bank has not sent the money yet. That can take a few days, and you need to do nothing: your "
    "membership begins as soon as it arrives.",
    "approval": "The amount is only reserved. The people who run this site look at your order first; if they say no, "
    "nothing is taken.",
    "free": "There is nothing to pay. The people who run this site look at your order first, and you get a mail when they "
    "have decided.",
    "refused": "The people who run this site did not approve your order. There was nothing to pay.",
    "failed": "The payment did not go through, so no money was taken. You can try again, also with another card.",
    "owed": "The payment did not go through, so no money was taken. How your membership stands, and how you can pay, is "
    "on your account’s Billing page.",
}


@dataclass(frozen=True)
class Receipt:
    """A Checkout session as Stripe gave it, and what has come of it here.

    `status` is the subscription's or the purchase's. `debit_waits`: the bank has not answered to a subscription's
    first debit yet.
    """

    session: JSONObject
    plan: Plan | None
    status: str
    debit_waits: bool = False

    @classmethod
    def of(cls, mode: str, session: JSONObject) -> Receipt:
        status = holdings.status_of(mode, session)
        return cls(session, _plan(mode, session), status, holdings.debit_is_pending(mode, session))

    @property
    def state(self) -> str:
        """`open`, `expired`, `pending`, `failed`, `owed` (a debit failed, the subscription goes on) or `done`."""
        if (state := str(self.session["status"])) != "complete":
            return state
        if self.status == "pending" or self.debit_waits:
            return "pending"
        if self.status in NEVER_BEGUN:
            return "failed"
        return "owed" if self.is_subscription and self.session["payment_status"] == "unpaid" else "done"

    @property
    def heading(self) -> str:
        """The heading, or "" when all is well: then the page has the site's own."""
        if self.is_free and self.state in FREE_HEADINGS:
            return FREE_HEADINGS[self.state]
        return HEADINGS.get(self.state, "")

    @property
    def sentence(self) -> str:
        if self.state == "pending" and self.is_free:
            return SENTENCES["free"]
        if self.state == "failed" and self.is_free:
            return SENTENCES["refused"]
        is_reserved = self.state == "pending" and self.plan is not None and self.plan.approval
        return SENTENCES.get("approval" if is_reserved else self.state, "")

    @property
    def is_free(self) -> bool:
        return free_order.is_free(self.session)

    @property
    def amount(self) -> str:
        """What was to be paid at once, after discounts and with taxes, in words."""
        return amount_words(self.session.get("amount_total"), self.session.get("currency") or "")

    @property
    def email(self) -> str:
        details = self.session.get("customer_details") or {}
        return details.get("email") or self.session.get("customer_email") or ""

    @property
    def is_subscription(self) -> bool:
        return self.session.get("mode") == "subscription"


def _plan(mode: str, session: JSONObject) -> Plan | None:
    """Return the plan that was ordered. A payment link knows no plan, only its price."""
    key = (session.get("metadata") or {}).get("umstripe_plan", "")
    lines = (session.get("line_items") or {}).get("data") or [{}]
    price = (lines[0].get("price") or {}).get("id", "")
    query = select(Plan).join(Plan.price).where(Price.mode == mode, Price.stripe_price_id == price)
    return Plan.with_key(key) or db.session.scalar(query)
