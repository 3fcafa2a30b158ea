"""What a member's Billing tab shows: memberships as they stand here, invoices and amounts as Stripe has them now."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from sqlalchemy import select

from umstripe.database import db
from umstripe.errors import ActionUnavailable, StripeRefused, StripeUnavailable, UmstripeError
from umstripe.memberships import effective_roles
from umstripe.memberships.summary import MembershipSummary
from umstripe.models import Connection, Customer, Settings, User
from umstripe.stripe_api.client import Stripe
from umstripe.webhooks import reconcile

EARLIER_SHOWN = 5
INVOICES_SHOWN = 12
OPEN = ("open", "uncollectible")
CARD_DECLINED = 402


@dataclass
class Billing:
    """`memberships` are those that count, newest first; `earlier` are over. `trouble` says that Stripe did not answer."""

    user: User
    customers: list[Customer]
    memberships: list[MembershipSummary]
    earlier: list[MembershipSummary]
    invoices: list[dict[str, Any]]
    trouble: str = ""

    @classmethod
    def of(cls, user: User) -> Billing:
        """As it is known here, without asking Stripe."""
        standings = standings_of(user)
        going = [one for one in standings if not one.is_over]
        earlier = [one for one in standings if one.is_over][:EARLIER_SHOWN]
        return cls(user, customers_of(user), going, earlier, [])

    def ask(self) -> None:
        """Ask Stripe for each customer's newest invoices and the next payments. When it does not answer, say so."""
        if not self.customers:
            return
        try:
            stripe = Connection.of(self.customers[0].mode).stripe(retries=0)
            db.session.commit()
            found = [stripe.invoices_of(one.stripe_customer_id) for one in self.customers]
            self.invoices = sorted(chain(*found), key=lambda one: one["created"], reverse=True)
            self.memberships = [self._asked(one, stripe) for one in self.memberships]
            del self.invoices[INVOICES_SHOWN:]
        except UmstripeError as error:
            self.trouble = said_to_member(error)

    def _asked(self, one: MembershipSummary, stripe: Stripe) -> MembershipSummary:
        if not one.is_subscription or one.row.customer not in self.customers:
            return one
        return replace(one, invoice=self._open_invoice(one), upcoming=_next_invoice(one, stripe))

    def _open_invoice(self, one: MembershipSummary) -> Mapping[str, Any] | None:
        mine = (
            invoice for invoice in self.invoices if subscription_of(invoice) == one.row.stripe_subscription_id
        )
        return next((invoice for invoice in mine if invoice["status"] in OPEN), None)

    @property
    def is_member(self) -> bool:
        return any(one.is_live for one in self.memberships)


def standings_of(user: User) -> list[MembershipSummary]:
    """Everything a user holds or held in the modes that count, newest first."""
    at, settings = int(time.time()), Settings.get()
    held = [
        MembershipSummary(one, settings, at)
        for one in effective_roles.holdings([user.id], settings.counted_modes)
    ]
    return sorted(held, key=lambda one: (one.row.created, one.row.id), reverse=True)


def subscription_standing(user: User, subscription_id: int) -> MembershipSummary | None:
    """One of the user's own subscriptions, by our id; None for anybody else's."""
    mine = (one for one in standings_of(user) if one.is_subscription)
    return next((one for one in mine if one.row.id == subscription_id), None)


def customers_of(user: User) -> list[Customer]:
    """The customers of one mode whose invoices a user sees. The first is the one whose portal they see.

    That is the customer of the newest subscription that goes on, or else of what was bought once, or else the newest;
    of the mode that sells now before another that counts.
    """
    settings = Settings.get()
    held = [one for one in standings_of(user) if one.is_live]
    held.sort(key=lambda one: (not one.is_subscription, one.row.mode != settings.mode))
    made = [one for one in user.customers if one.mode in settings.counted_modes]
    made.sort(key=lambda one: (one.mode != settings.mode, -one.id))
    known = dict.fromkeys([*(one.row.customer for one in held), *made])
    there = [one for one in known if not one.deleted]
    return [one for one in there if one.mode == there[0].mode]


def invoices_of(user: User) -> list[tuple[Customer, list[dict[str, Any]]]]:
    """The newest invoices of each customer of a user whose mode has a key, asked of Stripe. Raises StripeError."""
    asked = [(one, Connection.of(one.mode)) for one in user.customers if not one.deleted]
    sources = [(one, connection.stripe(retries=0)) for one, connection in asked if connection.secret_key]
    return [(one, stripe.invoices_of(one.stripe_customer_id)) for one, stripe in sources]


def keep_address(user: User, address: str) -> None:
    """Invoices go to this address from now on; "" is the account's. Stripe is told first. Raises StripeError."""
    tell_address(user, address or user.email)
    user.billing_email = address


def tell_address(user: User, address: str) -> None:
    """Tell Stripe where a user's invoices go. Ends the session's transaction. Raises StripeError."""
    customers = customers_of(user)
    if not customers:
        return
    stripe = Connection.of(customers[0].mode).stripe(retries=0)
    ids = [(one.mode, one.stripe_customer_id) for one in customers]
    db.session.commit()
    for mode, customer in ids:
        try:
            stripe.update_customer(customer, {"email": address}, f"umstripe-address-{uuid.uuid4()}")
        except StripeRefused as refusal:
            if not is_gone(mode, customer, refusal):
                raise


def is_gone(mode: str, stripe_customer_id: str, refusal: StripeRefused) -> bool:
    """Whether Stripe refused because the customer was deleted there; then it and what it had are over here too.

    Ends the session's transaction. Raises StripeError.
    """
    if refusal.code != "resource_missing" or refusal.param not in ("customer", "id"):
        return False
    reconcile.sync(mode, stripe_customer_id, "member")
    db.session.expire_all()
    ours = (Customer.mode == mode, Customer.stripe_customer_id == stripe_customer_id)
    return db.session.scalar(select(Customer.id).where(*ours, Customer.deleted)) is not None


def subscription_of(invoice: Mapping[str, Any]) -> str:
    """The id of the subscription that an invoice is for, or ""."""
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    return details.get("subscription") or invoice.get("subscription") or ""


def said_to_member(error: UmstripeError) -> str:
    """An error as a member may read it. What Stripe refuses our key or our parameters is for administrators."""
    if isinstance(error, StripeUnavailable):
        return UNAVAILABLE[error.reason]
    if isinstance(error, StripeRefused):
        return (
            str(error) if error.status == CARD_DECLINED else "Stripe did not accept this. Please write to us."
        )
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


def _next_invoice(one: MembershipSummary, stripe: Stripe) -> Mapping[str, Any] | None:
    """What the next payment will be, with discounts and taxes; None when Stripe knows of none."""
    if not one.renews:
        return None
    try:
        return stripe.preview_invoice({"subscription": one.row.stripe_subscription_id})
    except StripeRefused:
        return None
