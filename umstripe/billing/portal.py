"""The way into Stripe's customer portal, and what is looked at when a member comes back from there."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from umstripe.billing import overview, switch
from umstripe.database import db
from umstripe.errors import ActionUnavailable, StripeRefused
from umstripe.memberships.summary import MembershipSummary
from umstripe.models import Connection, Customer, Plan, PortalConfiguration, Price, Settings, User
from umstripe.models.portal_configuration import what_it_says
from umstripe.stripe_api.client import Stripe
from umstripe.webhooks import reconcile

SWITCH = "subscription_update_confirm"
NO_CUSTOMER = "There is nothing to manage yet: you have not paid anything here."
GONE = "There is nothing to manage yet: Stripe keeps no payment details of yours."


def address_for(user: User, return_url: str) -> str:
    """The address of a portal session, good for a few minutes. Raises ActionUnavailable without a customer, and StripeError.

    Its configuration says what the plan of the user's membership allows (see PortalConfiguration).
    """
    customers = overview.customers_of(user)
    if not customers:
        raise ActionUnavailable(NO_CUSTOMER)
    customer = customers[0]
    mode, says = customer.mode, what_it_says(Settings.get(), _prices(user, customer))
    session = {"customer": customer.stripe_customer_id, "return_url": return_url}
    stripe = Connection.of(mode).stripe(retries=0)
    db.session.commit()
    return _opened(stripe, mode, says, session)


def address_to_switch(one: MembershipSummary, plan: Plan, return_url: str, done_url: str) -> str:
    """The address of Stripe's own page for a switch, which lets the bank ask whoever pays. It leads to `done_url` by
    itself when the switch is made; `return_url` is for who goes back without it.

    https://docs.stripe.com/customer-management/portal-deep-links. Raises ActionUnavailable and StripeError.
    """
    if switch.why_not(one, plan):
        raise ActionUnavailable(switch.why_not(one, plan))
    mode, subscription, customer = one.row.mode, one.row.stripe_subscription_id, one.row.customer
    says = what_it_says(Settings.get(), [price for price in (one.holding.price, plan.price) if price])
    stripe = Connection.of(mode).stripe(retries=0)
    db.session.commit()
    item = stripe.fetch("subscription", subscription).object["items"]["data"][0]
    items = [{"id": item["id"], "price": plan.price.stripe_price_id, "quantity": item.get("quantity") or 1}]
    then = {"type": "redirect", "redirect": {"return_url": done_url}}
    flow = {"type": SWITCH, SWITCH: {"subscription": subscription, "items": items}, "after_completion": then}
    session = {"customer": customer.stripe_customer_id, "return_url": return_url, "flow_data": flow}
    return _opened(stripe, mode, says, session)


def _opened(stripe: Stripe, mode: str, says: Mapping[str, Any], session: Mapping[str, Any]) -> str:
    known = PortalConfiguration.known(mode, says)
    try:
        return _session(stripe, session, known or PortalConfiguration.make(stripe, mode, says))
    except StripeRefused as refusal:
        if overview.is_gone(mode, session["customer"], refusal):
            raise ActionUnavailable(GONE) from None
        if not known or (refusal.param != "configuration" and known not in str(refusal)):
            raise
    return _session(stripe, session, PortalConfiguration.make(stripe, mode, says, instead_of=known))


def _session(stripe: Stripe, session: Mapping[str, Any], configuration: str) -> str:
    params = {**session, "configuration": configuration}
    return stripe.create_portal_session(params, f"umstripe-portal-session-{uuid.uuid4()}")["url"]


def _prices(user: User, customer: Customer) -> list[Price]:
    """The price of the customer's newest subscription that goes on, and those it can be switched to."""
    mine = [one for one in overview.standings_of(user) if one.is_subscription and not one.is_over]
    one = next((one for one in mine if one.row.customer_id == customer.id), None)
    if one is None or one.holding.price is None:
        return []
    return [one.holding.price, *(plan.price for plan in one.targets)]


def look_after_return(user: User) -> None:
    """Whatever the member did in the portal, know it before the deliveries come. Raises StripeError."""
    for mode, customer in [(one.mode, one.stripe_customer_id) for one in overview.customers_of(user)]:
        reconcile.look(mode, customer, "member")
