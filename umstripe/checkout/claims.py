"""The owner of an account confirms that a payment through a link was theirs.

Stripe is asked for the session as it is now, the customer is linked and what was bought applied, by the functions
that deliveries use; then everything else of the customer is compared with Stripe.
"""

from __future__ import annotations

import structlog
from sqlalchemy import select

from umstripe import webhooks
from umstripe.accounts.payment_claim import Claim
from umstripe.database import Transaction
from umstripe.errors import ActionUnavailable, UmstripeError
from umstripe.models import User
from umstripe.models.payment_link_session import PaymentLinkSession
from umstripe.models.snapshot import NeedsFetch, Snapshot
from umstripe.stripe_api import types
from umstripe.transactions import FetchedStates, fetch, with_retries
from umstripe.webhooks import payment_links, reconcile
from umstripe.webhooks.context import EventContext

GONE = "Stripe does not know this payment any more, or what was bought is not sold here any more."
NOT_YET = "The payment has not arrived yet. Open this link again when your bank has sent it."
OTHERS = "This payment belongs to another account already. Nothing was changed."


def confirm(claim: Claim) -> str:
    """Link the payment to the account. Return a sentence for its owner.

    As often as it is pressed, the end is the same. Raise ActionUnavailable when it belongs to another account, has not
    arrived or is gone; StripeError when Stripe cannot be asked.
    """
    user, mode, session_id = claim.user, claim.mode, claim.session_id
    public_id, name = user.public_id, user.username
    state = fetch(mode, NeedsFetch("checkout.session", session_id))
    states = {session_id: state}
    was_linked, customer_id = with_retries(mode, states, lambda tx: _link(tx, state, public_id, states))
    try:
        reconcile.sync(mode, customer_id, "member")
    except UmstripeError as error:
        structlog.get_logger().warning("a claimed customer was not compared", error=str(error))
    title = claim.plan or "What you paid for"
    return f"{title} belongs to the account {name} {'already' if was_linked else 'now'}."


def _link(tx: Transaction, state: Snapshot, public_id: str, states: FetchedStates) -> tuple[bool, str]:
    """Link the session's customer to a user and apply the purchase.

    Return whether it was linked before, and the customer's id.
    """
    link_session = PaymentLinkSession.of(tx, state)
    if link_session is None:
        raise ActionUnavailable(GONE)
    event = webhooks.event_for_session(state.mode, link_session.session, state.as_of)
    context: EventContext[types.Session] = EventContext(tx, state.mode, event, states, "member")
    customer, was_linked = link_session.customer(tx), True
    if customer is None:
        if not link_session.is_paid:
            raise ActionUnavailable(NOT_YET)
        customer, was_linked = payment_links.link_buyer(context, link_session, public_id), False
    if tx.execute(select(User.public_id).where(User.id == customer.user_id)).scalar_one() != public_id:
        raise ActionUnavailable(OTHERS)
    if not was_linked:
        context.log("The owner of the account has confirmed a payment through a link", customer.user_id)
    payment_links.apply_session(context, link_session, customer)
    return was_linked, customer.stripe_customer_id
