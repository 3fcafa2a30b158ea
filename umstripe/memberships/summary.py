"""How a membership stands, in plain words, and what its member may do about it.

Everything comes from our rows; `invoice` and `upcoming` are Stripe's, when it was asked and has answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import select

from umstripe.database import db
from umstripe.formatting import amount_words, date_words
from umstripe.memberships.effective_roles import ENDED, LIVE, Holding
from umstripe.models import Plan, Settings, Subscription
from umstripe.models.subscription import AUTOMATIC

OVER = ENDED | {"incomplete_expired", "failed"}
GOING_ON = frozenset({"active", "trialing", "past_due", "unpaid", "paused"})


@dataclass(frozen=True)
class MembershipSummary:
    """A holding of a member at a moment (`at`, seconds UTC)."""

    holding: Holding
    settings: Settings
    at: int
    invoice: Mapping[str, Any] | None = None
    upcoming: Mapping[str, Any] | None = None

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
    def renews(self) -> bool:
        """Whether a next payment is to come, as far as we know."""
        goes_on = self.status in ("active", "trialing") and not self.ends_with_period
        return self.is_subscription and goes_on

    @property
    def period_end(self) -> int | None:
        """When the trial ends, or what is paid: the day of the next payment, if there is one. In seconds, UTC."""
        trial = self.row.trial_end if self.status == "trialing" else None
        return trial or self.row.current_period_end

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
        return self.row.collection_method == AUTOMATIC

    @property
    def pay_url(self) -> str:
        """Stripe's page of the invoice that waits for its payment; "" for none."""
        waits = self.status in ("past_due", "unpaid", "incomplete", "paused") or not self.is_automatic
        return (self.invoice or {}).get("hosted_invoice_url") or "" if waits else ""

    @property
    def sentence(self) -> str:
        """How the membership stands, for its member."""
        kind = SUBSCRIPTION if self.is_subscription else PURCHASE
        return kind[self.status](self) if self.status in kind else ""

    @cached_property
    def targets(self) -> list[Plan]:
        """The plans that the present one lets its member switch to, and that have not been closed meanwhile.

        One that only administrators see or that has a password is open to whom an administrator lets switch.
        """
        if not self.holding.plan or not self.is_subscription:
            return []
        query = select(Plan).where(Plan.price_id.in_([price.id for price in self.holding.plan.switch_prices]))
        found = db.session.scalars(query.order_by(Plan.id))
        return [plan for plan in found if not plan.why_not_for_sale(plan.mode, is_administrator=True)]

    def why_not(self, verb: str) -> str:
        """Why the member may not `cancel`, `undo`, `pause`, `resume`, `switch` or change the `collection`.

        "" when it can be done.
        """
        if not self.is_subscription:
            return "This membership was paid once. There is nothing to change."
        if self.status not in GOING_ON:
            return "This membership has ended, or has not begun. There is nothing to change."
        return WHY_NOT[verb](self)

    def _until(self, sentence: str) -> str:
        """A sentence, and what is to come after it."""
        ends = self.row.cancel_at
        return f"{sentence} Your membership ends on {date_words(ends)}." if ends else sentence

    def _amount(self) -> str:
        said = self.upcoming
        return f" of {amount_words(said['amount_due'], said['currency'])}" if said else ""


def _active(one: MembershipSummary) -> str:
    end = one.period_end
    if one.ends_with_period:
        return f"Active. Ends on {date_words(one.row.cancel_at)}. Nothing more will be charged."
    if not end:
        return "Active."
    if not one.is_automatic:
        return one._until(f"Active. The next invoice{one._amount()} comes by e-mail on {date_words(end)}.")
    return one._until(f"Active. The next payment{one._amount()} is on {date_words(end)}.")


def _trialing(one: MembershipSummary) -> str:
    ends = one.period_end
    if not ends:
        return "Trial."
    if one.ends_with_period:
        return (
            f"Trial until {date_words(ends)}. Your membership ends on {date_words(one.row.cancel_at)}, "
            "and nothing will be charged."
        )
    return one._until(f"Trial until {date_words(ends)}. The first payment{one._amount()} is due then.")


def _past_due(one: MembershipSummary) -> str:
    if not one.is_automatic:
        return one._until("An invoice is overdue. Please pay it.")
    if one.invoice is None:
        return one._until(
            "Your last payment failed. Please check your way of paying in the Customer Portal, or pay there."
        )
    again = one.invoice.get("next_payment_attempt")
    if again:
        return one._until(f"Your last payment failed. We try again on {date_words(again)}.")
    return one._until("Your last payment failed, and no further try is planned. Please pay the invoice.")


def _incomplete(one: MembershipSummary) -> str:
    return (
        "Your first payment is not complete. Your membership begins as soon as it is paid; "
        "after 23 hours the order is closed."
    )


def _ended(one: MembershipSummary) -> str:
    return f"Ended on {date_words(one.row.ended_at)}." if one.row.ended_at else "Ended."


SUBSCRIPTION = {
    "active": _active,
    "trialing": _trialing,
    "past_due": _past_due,
    "unpaid": lambda one: one._until(
        "Several payments failed, so your membership is on hold. It goes on as soon as the open invoice is paid."
    ),
    "paused": lambda one: one._until("Paused. Nothing is charged until you resume your membership."),
    "incomplete": _incomplete,
    "incomplete_expired": lambda _: (
        "The first payment was never completed, so this membership did not begin."
    ),
    "canceled": _ended,
    "revoked": lambda _: "This membership belongs to another account now.",
}


def _paid(one: MembershipSummary) -> str:
    row = one.row
    valid = f"Valid until {date_words(row.ends_at)}." if row.ends_at else "Valid without an end."
    back = ""
    if row.amount_refunded:
        some, all_ = (amount_words(amount, row.currency) for amount in (row.amount_refunded, row.amount))
        back = f" {some} of {all_} was refunded."
    return f"Paid on {date_words(row.charged_at)}. {valid}{back}"


def _pending(one: MembershipSummary) -> str:
    if one.row.capture_before:
        return (
            "Your payment is reserved and waits for approval. If it is not approved by "
            f"{date_words(one.row.capture_before)}, nothing is charged."
        )
    if not one.row.amount:
        return "Your order waits for approval. There is nothing to pay."
    if one.holding.plan and one.holding.plan.approval:
        return "Your payment is reserved and waits for approval."
    return "Your payment is under way. Some ways to pay take a few days."


PURCHASE = {
    "paid": _paid,
    "pending": _pending,
    "expired": lambda one: (
        f"Paid on {date_words(one.row.charged_at)}. Ended on {date_words(one.row.ends_at)}."
    ),
    "refunded": lambda one: (
        f"Refunded on {date_words(one.row.ended_at)}." if one.row.ended_at else "Refunded."
    ),
    "disputed": lambda one: f"{_ended(one)} Your bank took the payment back.",
    "failed": lambda _: "The payment failed. Nothing was charged.",
}


def _not_cancel(one: MembershipSummary) -> str:
    if not one.settings.cancel_allowed:
        return "Memberships cannot be canceled here. Please write to us."
    if one.ends_with_period:
        return f"Your membership ends already on {date_words(one.row.cancel_at)}."
    return ""


def _not_undo(one: MembershipSummary) -> str:
    if not one.settings.cancel_allowed:
        return "This cannot be changed here. Please write to us."
    return "" if one.row.cancel_at else "Your membership goes on. There is nothing to undo."


def _not_pause(one: MembershipSummary) -> str:
    if not one.settings.pause_allowed:
        return "Memberships cannot be paused here. Please write to us."
    if one.status == "paused":
        return "Your membership is paused already."
    if one.row.cancel_at:
        return f"Your membership ends on {date_words(one.row.cancel_at)}. Undo that first, then you can pause it."
    return "" if one.status == "active" else "Only an active membership can be paused."


def _not_resume(one: MembershipSummary) -> str:
    return "" if one.status == "paused" else "Your membership is not paused."


def _not_switch(one: MembershipSummary) -> str:
    if one.status == "paused":
        return "Your membership is paused. Resume it first, then switch."
    if one.status in ("past_due", "unpaid"):
        return "Your last payment failed. Pay the open invoice first, then switch."
    if one.row.cancel_at:
        return f"Your membership ends on {date_words(one.row.cancel_at)}. Undo that first, then switch."
    return ""


def _not_collection(one: MembershipSummary) -> str:
    if not one.settings.collection_method_choice:
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
