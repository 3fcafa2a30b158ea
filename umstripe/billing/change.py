"""What a member changes of a subscription: sent to Stripe, and Stripe's answer written to our row at once.

Each change has an idempotency key of the row's revision, so that pressing twice asks once. The answer goes through
`Subscription.sync_from_stripe`, as a delivery's state does (rules 2 and 3); the delivery that follows finds it done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from umstripe.database import Transaction
from umstripe.errors import ActionUnavailable, StripeRefused, UmstripeError
from umstripe.memberships.summary import MembershipSummary
from umstripe.models import Activity, Subscription
from umstripe.models.snapshot import Snapshot
from umstripe.models.subscription import AUTOMATIC, Change
from umstripe.normalization import digest
from umstripe.stripe_api import types
from umstripe.stripe_api.calls import Answer, Params
from umstripe.stripe_api.client import Stripe
from umstripe.transactions import FetchedStates, RetriesExhausted, asking_stripe, with_retries
from umstripe.webhooks import reconcile

DAYS_UNTIL_DUE = 14
"""How many days a member has to pay an invoice that comes by e-mail."""
COLLECTION_METHODS: Mapping[str, Params] = {
    AUTOMATIC: {"collection_method": AUTOMATIC},
    "send_invoice": {"collection_method": "send_invoice", "days_until_due": DAYS_UNTIL_DUE},
}
"""The parameters of each."""
CHANGED_MEANWHILE = "Your membership has changed meanwhile. Here is how it stands now."
NO_CARD = (
    "Nothing was changed: there is no way of paying yet. Add one in the Customer Portal, then try again."
)
STILL_PAUSED = (
    "The payment did not go through, so your membership is still paused. It goes on as soon as the invoice below "
    "is paid. You can also change your way of paying in the Customer Portal, then try again."
)
SHOWN_LATER = "Your change is made. It may take a minute until this page shows it."


@dataclass(frozen=True)
class ChangeRequest:
    """A change of one subscription: the revision of our row before it, and the line for the log."""

    mode: str
    user_id: int
    stripe_customer_id: str
    stripe_subscription_id: str
    revision: int
    description: str

    @classmethod
    def of(cls, summary: MembershipSummary, description: str) -> ChangeRequest:
        row = summary.row
        customer_id = row.customer.stripe_customer_id
        user_id = summary.holding.user_id
        return cls(row.mode, user_id, customer_id, row.stripe_subscription_id, row.revision, description)

    def idempotency_key(self, *params: object) -> str:
        """Return the same key for the same request about the same revision."""
        return f"umstripe-change-{digest([self.stripe_subscription_id, self.revision, params], 40)}"


def cancel(summary: MembershipSummary) -> None:
    """End the membership when what is paid has ended: https://docs.stripe.com/billing/subscriptions/cancel."""
    _ensure_allowed(summary, "cancel")
    request = ChangeRequest.of(summary, "Cancels at the end of the period")
    update(request, {"cancel_at_period_end": True})


def undo(summary: MembershipSummary) -> None:
    """Take a cancellation back. One that ends at a date of its own needs a second call."""
    _ensure_allowed(summary, "undo")
    request = ChangeRequest.of(summary, "Takes the cancellation back")
    with asking_stripe(request.mode, retries=0) as stripe:
        answer = _update_at_stripe(stripe, request, {"cancel_at_period_end": False})
        if answer.object.get("cancel_at"):
            answer = _update_at_stripe(stripe, request, {"cancel_at": ""})
    _apply(request, answer)


def pause(summary: MembershipSummary) -> None:
    """Void all invoices from now on: https://docs.stripe.com/billing/subscriptions/pause-payment."""
    _ensure_allowed(summary, "pause")
    update(ChangeRequest.of(summary, "Pauses"), {"pause_collection": {"behavior": "void"}})


def resume(summary: MembershipSummary) -> None:
    """Let a paused membership go on. Raise ActionUnavailable when it cannot be paid for.

    Collection that is paused is switched on; a subscription that is paused itself (after a trial without a card,
    from the portal) has a verb of its own: https://docs.stripe.com/api/subscriptions/resume.
    """
    _ensure_allowed(summary, "resume")
    request = ChangeRequest.of(summary, "Resumes")
    with asking_stripe(request.mode, retries=0) as stripe:
        present = stripe.fetch("subscription", request.stripe_subscription_id)
        if present.object.get("status") == "paused":
            answer = _resume_at_stripe(stripe, request, present)
        else:
            answer = _update_at_stripe(stripe, request, {"pause_collection": ""})
    if _apply(request, answer).after == "paused":
        raise ActionUnavailable(STILL_PAUSED)


def _resume_at_stripe(
    stripe: Stripe, request: ChangeRequest, present: Answer[types.Subscription]
) -> Answer[types.Subscription]:
    """The key is of the minute: who has another card since may press again, and a double press is one."""
    if present.object.get("collection_method") != AUTOMATIC:
        raise ActionUnavailable(
            "This membership is paid by invoice and cannot be resumed here. Please write to us."
        )
    key = request.idempotency_key("resume", present.as_of // 60)
    try:
        return stripe.resume_subscription(request.stripe_subscription_id, key)
    except StripeRefused as refusal:
        if lacks_payment_method(refusal):
            raise ActionUnavailable(NO_CARD) from None
        raise


def lacks_payment_method(refusal: StripeRefused) -> bool:
    """Return whether Stripe refuses because there is nothing to pay with."""
    return refusal.code == "resource_missing" and "payment" in str(refusal)


def set_collection_method(summary: MembershipSummary, method: str) -> None:
    """Collect payments by AUTOMATIC, or by `send_invoice`, with DAYS_UNTIL_DUE to pay each."""
    _ensure_allowed(summary, "collection")
    if method not in COLLECTION_METHODS:
        raise ActionUnavailable("Please choose one of the two ways to pay.")
    if method == summary.row.collection_method:
        raise ActionUnavailable("Your payments are collected in this way already.")
    words = "Automatic Charging" if method == AUTOMATIC else "Manual Payments"
    request = ChangeRequest.of(summary, f"Payment collection method: {words}")
    update(request, COLLECTION_METHODS[method])


ACTIONS: Mapping[str, tuple[Callable[[MembershipSummary], None], str]] = {
    "cancel": (cancel, "Your membership is canceled. You keep it until the end of the paid period."),
    "undo": (undo, "Your membership goes on."),
    "pause": (pause, "Your membership is paused."),
    "resume": (resume, "Your membership goes on."),
}
"""What a member may do with a press of a button, and the sentence when it is done."""


def update(request: ChangeRequest, params: Params) -> Change:
    """Change a subscription at Stripe, then here. Raise StripeError, or ActionUnavailable when it is not what it was."""
    with asking_stripe(request.mode, retries=0) as stripe:
        answer = _update_at_stripe(stripe, request, params)
    return _apply(request, answer)


def _update_at_stripe(stripe: Stripe, request: ChangeRequest, params: Params) -> Answer[types.Subscription]:
    subscription_id, key = request.stripe_subscription_id, request.idempotency_key(params)
    try:
        return stripe.update_subscription(subscription_id, params, key)
    except StripeRefused as refusal:
        if not refusal.is_card_error:
            _raise_if_changed(request)
        raise


def _raise_if_changed(request: ChangeRequest) -> None:
    """Raise ActionUnavailable if the subscription at Stripe is not any more what our row had."""
    try:
        changed = reconcile.refresh(request.mode, request.stripe_customer_id, "member")
    except UmstripeError:
        return
    if changed:
        raise ActionUnavailable(CHANGED_MEANWHILE)


def _apply(request: ChangeRequest, answer: Answer[types.Subscription]) -> Change:
    """Write Stripe's answer to our row, and the line for the log."""
    state = Snapshot(request.mode, answer.object, answer.as_of, request.revision)
    states = {request.stripe_subscription_id: state}
    try:
        return with_retries(request.mode, states, lambda tx: _write(tx, request, states))
    except RetriesExhausted:
        raise ActionUnavailable(SHOWN_LATER) from None


def _write(tx: Transaction, request: ChangeRequest, states: FetchedStates) -> Change:
    change = Subscription.sync_from_stripe(tx, states[request.stripe_subscription_id])
    line = {"trigger": "member", "mode": request.mode, "user_id": request.user_id}
    details = {"object": request.stripe_subscription_id}
    Activity.write(tx, "subscription.changed_by_member", request.description, **line, details=details)
    return change or Change(request.user_id, "", "")


def _ensure_allowed(summary: MembershipSummary, action: str) -> None:
    if reason := summary.why_not(action):
        raise ActionUnavailable(reason)
