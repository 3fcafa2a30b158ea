"""What a member's Billing tab shows: memberships as our rows have them, invoices and amounts as Stripe has them now."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, replace
from itertools import chain

from sqlalchemy import select

from umstripe.database import db
from umstripe.errors import ActionUnavailable, StripeRefused, StripeUnavailable, UmstripeError
from umstripe.memberships import effective_roles
from umstripe.memberships.summary import MembershipSummary
from umstripe.models import Connection, Customer, Settings, User
from umstripe.models.subscription import subscription_of_invoice
from umstripe.stripe_api import page_types
from umstripe.stripe_api.client import Stripe
from umstripe.transactions import asking_stripe
from umstripe.webhooks import reconcile

EARLIER_SHOWN = 5
INVOICES_SHOWN = 12
OPEN = ("open", "uncollectible")


@dataclass
class Billing:
    """`memberships` are those that are not over, newest first; `earlier` are. `error` says that Stripe did not answer."""

    user: User
    customers: list[Customer]
    memberships: list[MembershipSummary]
    earlier: list[MembershipSummary]
    invoices: list[page_types.ListedInvoice]
    error: str = ""

    @classmethod
    def of(cls, user: User) -> Billing:
        """Return what our rows say, without asking Stripe."""
        summaries = summaries_of(user)
        current = [summary for summary in summaries if not summary.is_over]
        earlier = [summary for summary in summaries if summary.is_over][:EARLIER_SHOWN]
        return cls(user, customers_of(user), current, earlier, [])

    def ask_stripe(self) -> None:
        """Add each customer's newest invoices and the next payments; or the `error`, when Stripe does not answer."""
        if not self.customers:
            return
        try:
            with asking_stripe(self.customers[0].mode, retries=0) as stripe:
                ids = [customer.stripe_customer_id for customer in self.customers]
                invoices = chain.from_iterable(stripe.invoices_of(customer_id) for customer_id in ids)
                self.invoices = sorted(invoices, key=lambda invoice: invoice["created"], reverse=True)
                self.memberships = [self._with_invoices(summary, stripe) for summary in self.memberships]
            del self.invoices[INVOICES_SHOWN:]
        except UmstripeError as error:
            self.error = message_for_member(error)

    def _with_invoices(self, summary: MembershipSummary, stripe: Stripe) -> MembershipSummary:
        if not summary.is_subscription or summary.row.customer not in self.customers:
            return summary
        return replace(
            summary, invoice=self._open_invoice(summary), upcoming=_upcoming_invoice(summary, stripe)
        )

    def _open_invoice(self, summary: MembershipSummary) -> page_types.ListedInvoice | None:
        subscription_id = summary.row.stripe_subscription_id
        invoices = (
            invoice for invoice in self.invoices if subscription_of_invoice(invoice) == subscription_id
        )
        return next((invoice for invoice in invoices if invoice["status"] in OPEN), None)

    @property
    def is_member(self) -> bool:
        return any(summary.is_live for summary in self.memberships)


def summaries_of(user: User) -> list[MembershipSummary]:
    """Return everything that a user holds or held in the modes that count, newest first."""
    at, settings = int(time.time()), Settings.get()
    holdings = effective_roles.holdings_of([user.id], settings.counted_modes)
    summaries = [MembershipSummary(holding, settings, at) for holding in holdings]
    return sorted(summaries, key=lambda summary: (summary.row.created, summary.row.id), reverse=True)


def subscription_summary(user: User, subscription_id: int) -> MembershipSummary | None:
    """Return one of the user's own subscriptions, by our id; None for anybody else's."""
    summaries = (summary for summary in summaries_of(user) if summary.is_subscription)
    return next((summary for summary in summaries if summary.row.id == subscription_id), None)


def customers_of(user: User) -> list[Customer]:
    """Return the customers of one mode whose invoices a user sees. The first is the one whose portal they see.

    That is the customer of the newest subscription that goes on, or else of what was bought once, or else the newest;
    of the mode that sells now before another that counts.
    """
    settings = Settings.get()
    live = [summary for summary in summaries_of(user) if summary.is_live]
    live.sort(key=lambda summary: (not summary.is_subscription, summary.row.mode != settings.mode))
    others = [customer for customer in user.customers if customer.mode in settings.counted_modes]
    others.sort(key=lambda customer: (customer.mode != settings.mode, -customer.id))
    ordered = dict.fromkeys([*(summary.row.customer for summary in live), *others])
    existing = [customer for customer in ordered if not customer.deleted]
    return [customer for customer in existing if customer.mode == existing[0].mode]


def invoices_of(user: User) -> list[tuple[Customer, list[page_types.ListedInvoice]]]:
    """Ask Stripe for the newest invoices of each customer of a user whose mode has a key. Raise StripeError."""
    invoices = []
    for customer in [customer for customer in user.customers if not customer.deleted]:
        if Connection.of(customer.mode).secret_key:
            with asking_stripe(customer.mode, retries=0) as stripe:
                invoices.append((customer, stripe.invoices_of(customer.stripe_customer_id)))
    return invoices


def save_billing_email(user: User, address: str) -> None:
    """Have invoices go to an address from now on; "" is the account's. Tell Stripe first. Raise StripeError."""
    send_billing_email(user, address or user.email)
    user.billing_email = address


def send_billing_email(user: User, address: str) -> None:
    """Tell Stripe where a user's invoices go. End the session's transaction. Raise StripeError."""
    customers = [(customer.mode, customer.stripe_customer_id) for customer in customers_of(user)]
    for mode, customer_id in customers:
        try:
            with asking_stripe(mode, retries=0) as stripe:
                stripe.update_customer(customer_id, {"email": address}, f"umstripe-address-{uuid.uuid4()}")
        except StripeRefused as refusal:
            if not is_deleted_at_stripe(mode, customer_id, refusal):
                raise


def is_deleted_at_stripe(mode: str, stripe_customer_id: str, refusal: StripeRefused) -> bool:
    """Return whether Stripe refused because the customer was deleted; then it and what it had are over here too.

    End the session's transaction. Raise StripeError.
    """
    if refusal.code != "resource_missing" or refusal.param not in ("customer", "id"):
        return False
    reconcile.sync(mode, stripe_customer_id, "member")
    db.session.expire_all()
    columns = (Customer.mode == mode, Customer.stripe_customer_id == stripe_customer_id)
    return db.session.scalar(select(Customer.id).where(*columns, Customer.deleted)) is not None


def message_for_member(error: UmstripeError) -> str:
    """Return an error as a member may read it.

    What Stripe refuses our key or our parameters is for administrators.
    """
    if isinstance(error, StripeUnavailable):
        return UNAVAILABLE[error.reason]
    if isinstance(error, StripeRefused):
        return str(error) if error.is_card_error else "Stripe did not accept this. Please write to us."
    if isinstance(error, ActionUnavailable):
        return str(error)
    return "Stripe could not be asked. Please try again later, or write to us."


UNAVAILABLE = {
    "timeout": "Stripe, which keeps the payments, does not answer at the moment. Please try again in a minute.",
    "network": "Stripe, which keeps the payments, cannot be reached at the moment. Please try again in a minute.",
    "server": "Stripe, which keeps the payments, has a problem at the moment. Please try again in a few minutes.",
    "busy": "Your request is still under way. Please look again in a minute.",
    "rate_limit": "There is a lot to do at the moment. Please try again in a minute.",
}


def _upcoming_invoice(summary: MembershipSummary, stripe: Stripe) -> page_types.InvoicePreview | None:
    """Return what the next payment will be, with discounts and taxes; None when Stripe knows of none."""
    if not summary.renews:
        return None
    try:
        return stripe.preview_invoice({"subscription": summary.row.stripe_subscription_id})
    except StripeRefused:
        return None
