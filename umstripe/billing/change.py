"""What a member changes of a subscription: said to Stripe, and Stripe's answer made ours at once.

Each change is asked for with a key of the subscription's revision, so that pressing twice asks once. The answer goes
through `Subscription.apply`, as a delivery's state does (rules 2 and 3); the delivery that follows finds it done.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection as Transaction

from umstripe.database import db
from umstripe.errors import ActionUnavailable, StripeRefused, UmstripeError
from umstripe.memberships.summary import MembershipSummary
from umstripe.models import Activity, Connection, Subscription
from umstripe.models.snapshot import Snapshot
from umstripe.models.subscription import AUTOMATIC, Change
from umstripe.stripe_api.client import Answer, Stripe
from umstripe.transactions import FetchedStates, RetriesExhausted, with_retries
from umstripe.webhooks import reconcile

DAYS_UNTIL_DUE = 14
"""How many days a member has to pay an invoice that comes by e-mail."""
COLLECTED: Mapping[str, Mapping[str, Any]] = {
    AUTOMATIC: {"collection_method": AUTOMATIC},
    "send_invoice": {"collection_method": "send_invoice", "days_until_due": DAYS_UNTIL_DUE},
}
CARD_DECLINED = 402
MEANWHILE = "Your membership has changed meanwhile. Here is how it stands now."
NO_CARD = (
    "Nothing was changed: there is no way of paying yet. Add one in the Customer Portal, then try again."
)
UNPAID_PAUSE = (
    "The payment did not go through, so your membership is still paused. It goes on as soon as the invoice below "
    "is paid. You can also change your way of paying in the Customer Portal, then try again."
)
LATER = "Your change is made. It may take a minute until this page shows it."


@dataclass(frozen=True)
class Request:
    """What is asked of Stripe about one subscription: as it was `seen` here, and the line for the log."""

    mode: str
    user_id: int
    stripe_customer_id: str
    stripe_subscription_id: str
    seen: int
    note: str

    @classmethod
    def about(cls, one: MembershipSummary, note: str) -> Request:
        row = one.row
        customer = row.customer.stripe_customer_id
        return cls(row.mode, one.holding.user_id, customer, row.stripe_subscription_id, row.revision, note)

    def key(self, *said: Any) -> str:
        """An idempotency key: the same for the same request about the same revision."""
        text = json.dumps([self.stripe_subscription_id, self.seen, said], sort_keys=True)
        return f"umstripe-change-{hashlib.sha256(text.encode()).hexdigest()[:40]}"


def cancel(one: MembershipSummary) -> None:
    """The membership ends when what is paid has ended: https://docs.stripe.com/billing/subscriptions/cancel."""
    _allowed(one, "cancel")
    _update(Request.about(one, "Cancels at the end of the period"), cancel_at_period_end=True)


def undo(one: MembershipSummary) -> None:
    """The membership goes on after all. One that ends at a date of its own needs a second word."""
    _allowed(one, "undo")
    request = Request.about(one, "Takes the cancellation back")
    stripe = _stripe(request)
    answer = _asked(request, stripe, {"cancel_at_period_end": False})
    if answer.object.get("cancel_at"):
        answer = _asked(request, stripe, {"cancel_at": ""})
    take_over(request, answer)


def pause(one: MembershipSummary) -> None:
    """Nothing is charged: invoices are void from now on. https://docs.stripe.com/billing/subscriptions/pause-payment."""
    _allowed(one, "pause")
    _update(Request.about(one, "Pauses"), pause_collection={"behavior": "void"})


def resume(one: MembershipSummary) -> None:
    """A paused membership goes on. Raises ActionUnavailable when it cannot be paid for.

    Collection that is paused is switched on; a subscription that is paused itself (after a trial without a card,
    from the portal) has a verb of its own: https://docs.stripe.com/api/subscriptions/resume.
    """
    _allowed(one, "resume")
    request = Request.about(one, "Resumes")
    stripe = _stripe(request)
    now = stripe.fetch("subscription", request.stripe_subscription_id)
    if now.object.get("status") == "paused":
        answer = _resumed(request, stripe, now)
    else:
        answer = _asked(request, stripe, {"pause_collection": ""})
    if take_over(request, answer).after == "paused":
        raise ActionUnavailable(UNPAID_PAUSE)


def _resumed(request: Request, stripe: Stripe, now: Answer) -> Answer:
    """The key is of the minute: who has another card since may press again, and a double press is one."""
    if now.object.get("collection_method") != AUTOMATIC:
        raise ActionUnavailable(
            "This membership is paid by invoice and cannot be resumed here. Please write to us."
        )
    key = request.key("resume", now.as_of // 60)
    try:
        return stripe.resume_subscription(request.stripe_subscription_id, key)
    except StripeRefused as refusal:
        if no_card(refusal):
            raise ActionUnavailable(NO_CARD) from None
        raise


def no_card(refusal: StripeRefused) -> bool:
    """Whether Stripe refuses because there is nothing to pay with."""
    return refusal.code == "resource_missing" and "payment" in str(refusal)


def collect(one: MembershipSummary, method: str) -> None:
    """How payments are collected: AUTOMATIC, or `send_invoice`, with DAYS_UNTIL_DUE to pay each."""
    _allowed(one, "collection")
    if method not in COLLECTED:
        raise ActionUnavailable("Please choose one of the two ways to pay.")
    if method == one.row.collection_method:
        raise ActionUnavailable("Your payments are collected in this way already.")
    words = "Automatic Charging" if method == AUTOMATIC else "Manual Payments"
    _update(Request.about(one, f"Payment collection method: {words}"), **COLLECTED[method])


VERBS: Mapping[str, tuple[Callable[[MembershipSummary], None], str]] = {
    "cancel": (cancel, "Your membership is canceled. You keep it until the end of the paid period."),
    "undo": (undo, "Your membership goes on."),
    "pause": (pause, "Your membership is paused."),
    "resume": (resume, "Your membership goes on."),
}
"""What a member may do with a press of a button, and what is said when it is done."""


def update(request: Request, params: Mapping[str, Any]) -> Change:
    """Change a subscription at Stripe, then here. Raises StripeError, or ActionUnavailable when it is not what it was."""
    return take_over(request, _asked(request, _stripe(request), params))


def _update(request: Request, **params: Any) -> None:
    update(request, params)


def take_over(request: Request, answer: Answer) -> Change:
    """Make Stripe's answer ours, and leave the activity line."""
    told = {request.stripe_subscription_id: Snapshot(request.mode, answer.object, answer.as_of, request.seen)}
    try:
        return with_retries(request.mode, told, lambda tx: _taken_over(tx, request, told))
    except RetriesExhausted:
        raise ActionUnavailable(LATER) from None


def _taken_over(tx: Transaction, request: Request, told: FetchedStates) -> Change:
    change = Subscription.apply(tx, told[request.stripe_subscription_id])
    _note(tx, request)
    return change or Change(request.user_id, "", "")


def _note(tx: Transaction, request: Request) -> None:
    line = {"trigger": "member", "mode": request.mode, "user_id": request.user_id}
    details = {"object": request.stripe_subscription_id}
    Activity.write(tx, "subscription.changed_by_member", request.note, **line, details=details)


def _allowed(one: MembershipSummary, verb: str) -> None:
    why_not = one.why_not(verb)
    if why_not:
        raise ActionUnavailable(why_not)


def _stripe(request: Request) -> Stripe:
    """Stripe for a page that somebody waits for; the session's transaction is closed (rule 9)."""
    stripe = Connection.of(request.mode).stripe(retries=0)
    db.session.commit()
    return stripe


def _asked(request: Request, stripe: Stripe, params: Mapping[str, Any]) -> Answer:
    about, key = request.stripe_subscription_id, request.key(params)
    try:
        return stripe.update_subscription(about, params, key)
    except StripeRefused as refusal:
        if refusal.status != CARD_DECLINED:
            _look_again(request)
        raise


def _look_again(request: Request) -> None:
    """Stripe says no: perhaps the subscription is not any more what we took it for. Raises ActionUnavailable if so."""
    try:
        changed = reconcile.look(request.mode, request.stripe_customer_id, "member")
    except UmstripeError:
        return
    if changed:
        raise ActionUnavailable(MEANWHILE)
