"""How a membership stands, in sentences for its member, and what its member may do about it.

Everything comes from our rows; `invoice` and `upcoming` are Stripe's, when it was asked and has answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import select

from umstripe.database import db
from umstripe.formatting import amount_words, date_words
from umstripe.memberships.effective_roles import Holding
from umstripe.models import Plan, Settings, Subscription
from umstripe.models.subscription import AUTOMATIC
from umstripe.statuses import LIVE, OVER, OVERDUE, OWED, RENEWING
from umstripe.stripe_api import page_types


@dataclass(frozen=True)
class MembershipSummary:
    """A holding of a member at a moment (`at`, seconds UTC)."""

    holding: Holding
    settings: Settings
    at: int
    invoice: page_types.ListedInvoice | None = None
    upcoming: page_types.InvoicePreview | None = None

    @property
    def row(self) -> Any:
        return self.holding.row

    @property
    def status(self) -> str:
        return self.holding.status_at(self.at)

    @property
    def is_live(self) -> bool:
        return self.status in LIVE

    @property
    def is_over(self) -> bool:
        return self.status in OVER

    @property
    def is_owed(self) -> bool:
        """Return whether an invoice waits for its payment, be it the first one."""
        return self.status in OWED

    @property
    def is_overdue(self) -> bool:
        return self.status in OVERDUE

    @property
    def renews(self) -> bool:
        """Whether a next payment is to come, as far as our rows say."""
        goes_on = self.status in RENEWING and not self.ends_with_period
        return self.is_subscription and goes_on

    @property
    def period_end(self) -> int | None:
        """The end of the trial or of what is paid, which is the day of the next payment, if any (seconds, UTC)."""
        trial_end: int | None = self.row.trial_end if self.status == "trialing" else None
        period_end: int | None = self.row.current_period_end
        return trial_end or period_end

    @property
    def ends_with_period(self) -> bool:
        """Whether nothing more is charged. An end that was set for later lets payments come before it."""
        ends, period = self.row.cancel_at, self.period_end
        return bool(ends) and (not period or ends <= period)

    @property
    def is_subscription(self) -> bool:
        return isinstance(self.row, Subscription)

    @property
    def is_automatic(self) -> bool:
        return bool(self.row.collection_method == AUTOMATIC)

    @property
    def pay_url(self) -> str:
        """Stripe's page of the invoice that waits for its payment; "" for none."""
        can_be_paid = self.is_owed or self.status == "paused" or not self.is_automatic
        return (self.invoice and can_be_paid and self.invoice.get("hosted_invoice_url")) or ""

    @property
    def sentence(self) -> str:
        """How the membership stands, for its member."""
        sentences = SUBSCRIPTION_SENTENCES if self.is_subscription else PURCHASE_SENTENCES
        return sentences[self.status](self) if self.status in sentences else ""

    @cached_property
    def targets(self) -> list[Plan]:
        """The plans that the present plan lets its member switch to, and that have not been closed since.

        One that only administrators see or that has a password is open to whom an administrator lets switch.
        """
        if not self.holding.plan or not self.is_subscription:
            return []
        query = select(Plan).where(Plan.price_id.in_([price.id for price in self.holding.plan.switch_prices]))
        plans = db.session.scalars(query.order_by(Plan.id))
        return [plan for plan in plans if not plan.why_not_for_sale(plan.mode, is_administrator=True)]

    def why_not(self, verb: str) -> str:
        """Return why the member may not `cancel`, `undo`, `pause`, `resume`, `switch` or change the `collection`.

        It is "" when the member may.
        """
        if not self.is_subscription:
            return "This membership was paid once. There is nothing to change."
        if not self.is_live:
            return "This membership has ended, or has not begun. There is nothing to change."
        return WHY_NOT[verb](self)

    def _until(self, sentence: str) -> str:
        """Return a sentence, and when the membership ends."""
        ends = self.row.cancel_at
        return f"{sentence} Your membership ends on {date_words(ends)}." if ends else sentence

    def _amount(self) -> str:
        invoice = self.upcoming
        return f" of {amount_words(invoice['amount_due'], invoice['currency'])}" if invoice else ""


def _active(summary: MembershipSummary) -> str:
    end = summary.period_end
    if summary.ends_with_period:
        return f"Active. Ends on {date_words(summary.row.cancel_at)}. Nothing more will be charged."
    if not end:
        return "Active."
    if not summary.is_automatic:
        return summary._until(
            f"Active. The next invoice{summary._amount()} comes by e-mail on {date_words(end)}."
        )
    return summary._until(f"Active. The next payment{summary._amount()} is on {date_words(end)}.")


def _trialing(summary: MembershipSummary) -> str:
    ends = summary.period_end
    if not ends:
        return "Trial."
    if summary.ends_with_period:
        return (
            f"Trial until {date_words(ends)}. Your membership ends on {date_words(summary.row.cancel_at)}, "
            "and nothing will be charged."
        )
    return summary._until(
        f"Trial until {date_words(ends)}. The first payment{summary._amount()} is due then."
    )


def _past_due(summary: MembershipSummary) -> str:
    if not summary.is_automatic:
        return summary._until("An invoice is overdue. Please pay it.")
    if summary.invoice is None:
        return summary._until(
            "Your last payment failed. Please check your way of paying in the Customer Portal, or pay there."
        )
    next_attempt = summary.invoice.get("next_payment_attempt")
    if next_attempt:
        return summary._until(f"Your last payment failed. We try again on {date_words(next_attempt)}.")
    return summary._until("Your last payment failed, and no further try is planned. Please pay the invoice.")


def _incomplete(summary: MembershipSummary) -> str:
    return (
        "Your first payment is not complete. Your membership begins as soon as it is paid; "
        "after 23 hours the order is closed."
    )


def _ended(summary: MembershipSummary) -> str:
    return f"Ended on {date_words(summary.row.ended_at)}." if summary.row.ended_at else "Ended."


SUBSCRIPTION_SENTENCES = {
    "active": _active,
    "trialing": _trialing,
    "past_due": _past_due,
    "unpaid": lambda summary: summary._until(
        "Several payments failed, so your membership is on hold. It goes on as soon as the open invoice is paid."
    ),
    "paused": lambda summary: summary._until("Paused. Nothing is charged until you resume your membership."),
    "incomplete": _incomplete,
    "incomplete_expired": lambda _: (
        "The first payment was never completed, so this membership did not begin."
    ),
    "canceled": _ended,
    "revoked": lambda _: "This membership belongs to another account now.",
}


def _paid(summary: MembershipSummary) -> str:
    row = summary.row
    valid = f"Valid until {date_words(row.ends_at)}." if row.ends_at else "Valid without an end."
    refund = ""
    if row.amount_refunded:
        refunded, paid = (amount_words(amount, row.currency) for amount in (row.amount_refunded, row.amount))
        refund = f" {refunded} of {paid} was refunded."
    return f"Paid on {date_words(row.charged_at)}. {valid}{refund}"


def _pending(summary: MembershipSummary) -> str:
    if summary.row.capture_before:
        return (
            "Your payment is reserved and waits for approval. If it is not approved by "
            f"{date_words(summary.row.capture_before)}, nothing is charged."
        )
    if not summary.row.amount:
        return "Your order waits for approval. There is nothing to pay."
    if summary.holding.plan and summary.holding.plan.approval:
        return "Your payment is reserved and waits for approval."
    return "Your payment is under way. Some ways to pay take a few days."


PURCHASE_SENTENCES = {
    "paid": _paid,
    "pending": _pending,
    "expired": lambda summary: (
        f"Paid on {date_words(summary.row.charged_at)}. Ended on {date_words(summary.row.ends_at)}."
    ),
    "refunded": lambda summary: (
        f"Refunded on {date_words(summary.row.ended_at)}." if summary.row.ended_at else "Refunded."
    ),
    "disputed": lambda summary: f"{_ended(summary)} Your bank took the payment back.",
    "failed": lambda _: "The payment failed. Nothing was charged.",
}


def _not_cancel(summary: MembershipSummary) -> str:
    if not summary.settings.cancel_allowed:
        return "Memberships cannot be canceled here. Please write to us."
    if summary.ends_with_period:
        return f"Your membership ends already on {date_words(summary.row.cancel_at)}."
    return ""


def _not_undo(summary: MembershipSummary) -> str:
    if not summary.settings.cancel_allowed:
        return "This cannot be changed here. Please write to us."
    return "" if summary.row.cancel_at else "Your membership goes on. There is nothing to undo."


def _not_pause(summary: MembershipSummary) -> str:
    if not summary.settings.pause_allowed:
        return "Memberships cannot be paused here. Please write to us."
    if summary.status == "paused":
        return "Your membership is paused already."
    if summary.row.cancel_at:
        return f"Your membership ends on {date_words(summary.row.cancel_at)}. Undo that first, then you can pause it."
    return "" if summary.status == "active" else "Only an active membership can be paused."


def _not_resume(summary: MembershipSummary) -> str:
    return "" if summary.status == "paused" else "Your membership is not paused."


def _not_switch(summary: MembershipSummary) -> str:
    if summary.status == "paused":
        return "Your membership is paused. Resume it first, then switch."
    if summary.is_overdue:
        return "Your last payment failed. Pay the open invoice first, then switch."
    if summary.row.cancel_at:
        return f"Your membership ends on {date_words(summary.row.cancel_at)}. Undo that first, then switch."
    return ""


def _not_collection(summary: MembershipSummary) -> str:
    if not summary.settings.collection_method_choice:
        return "How payments are collected cannot be changed here. Please write to us."
    return ""


WHY_NOT = {
    "cancel": _not_cancel,
    "undo": _not_undo,
    "pause": _not_pause,
    "resume": _not_resume,
    "switch": _not_switch,
    "collection": _not_collection,
}
