"""The way into Stripe's customer portal, and what is refreshed when a member comes back from there."""

from __future__ import annotations

import uuid

from umstripe.billing import overview, switch
from umstripe.errors import ActionUnavailable, StripeRefused
from umstripe.memberships.summary import MembershipSummary
from umstripe.models import Customer, Plan, PortalConfiguration, Price, Settings, User
from umstripe.models.portal_configuration import what_it_says
from umstripe.stripe_api.calls import JSONObject, Params
from umstripe.stripe_api.client import Stripe
from umstripe.transactions import asking_stripe
from umstripe.webhooks import reconcile

SWITCH = "subscription_update_confirm"
NO_CUSTOMER = "There is nothing to manage yet: you have not paid anything here."
GONE = "There is nothing to manage yet: Stripe keeps no payment details of yours."


def portal_url(user: User, return_url: str) -> str:
    """Return the address of a portal session, good for a few minutes. Raise ActionUnavailable without a customer, and StripeError.

    Its configuration says what the plan of the user's membership allows (see PortalConfiguration).
    """
    customers = overview.customers_of(user)
    if not customers:
        raise ActionUnavailable(NO_CUSTOMER)
    customer = customers[0]
    mode, configuration = customer.mode, what_it_says(Settings.get(), _prices(user, customer))
    session = {"customer": customer.stripe_customer_id, "return_url": return_url}
    with asking_stripe(mode, retries=0) as stripe:
        return _open_session(stripe, mode, configuration, session)


def switch_url(membership: MembershipSummary, plan: Plan, return_url: str, done_url: str) -> str:
    """Return the address of Stripe's own page for a switch, which lets the bank ask whoever pays.

    It leads to `done_url` by itself when the switch is made; `return_url` is for who goes back without it.
    https://docs.stripe.com/customer-management/portal-deep-links. Raise ActionUnavailable and StripeError.
    """
    switch.ensure_allowed(membership, plan)
    row, prices = membership.row, [membership.holding.price, plan.price]
    configuration = what_it_says(Settings.get(), [price for price in prices if price])
    with asking_stripe(row.mode, retries=0) as stripe:
        item = stripe.fetch("subscription", row.stripe_subscription_id).object["items"]["data"][0]
        new_item = {"price": plan.price.stripe_price_id, "quantity": item.get("quantity") or 1}
        details = {"subscription": row.stripe_subscription_id, "items": [{"id": item["id"], **new_item}]}
        then = {"type": "redirect", "redirect": {"return_url": done_url}}
        flow = {"type": SWITCH, SWITCH: details, "after_completion": then}
        session = {"customer": row.customer.stripe_customer_id, "return_url": return_url, "flow_data": flow}
        return _open_session(stripe, row.mode, configuration, session)


def _open_session(stripe: Stripe, mode: str, configuration: Params, session: JSONObject) -> str:
    known_id = PortalConfiguration.find_id(mode, configuration)
    try:
        configuration_id = known_id or PortalConfiguration.make(stripe, mode, configuration)
        return _create_session(stripe, session, configuration_id)
    except StripeRefused as refusal:
        if overview.is_deleted_at_stripe(mode, session["customer"], refusal):
            raise ActionUnavailable(GONE) from None
        if not known_id or (refusal.param != "configuration" and known_id not in str(refusal)):
            raise
    configuration_id = PortalConfiguration.make(stripe, mode, configuration, instead_of=known_id)
    return _create_session(stripe, session, configuration_id)


def _create_session(stripe: Stripe, session: JSONObject, configuration_id: str) -> str:
    params = {**session, "configuration": configuration_id}
    url: str = stripe.create_portal_session(params, f"umstripe-portal-session-{uuid.uuid4()}")["url"]
    return url


def _prices(user: User, customer: Customer) -> list[Price]:
    """Return the price of the customer's newest subscription that goes on, and those it can be switched to."""
    for summary in overview.summaries_of(user):
        if summary.is_subscription and not summary.is_over and summary.row.customer_id == customer.id:
            price = summary.holding.price
            return [price, *(plan.price for plan in summary.targets)] if price else []
    return []


def refresh_after_return(user: User) -> None:
    """Know what the member did in the portal before the deliveries come. Raise StripeError."""
    for mode, customer_id in [(row.mode, row.stripe_customer_id) for row in overview.customers_of(user)]:
        reconcile.refresh(mode, customer_id, "member")
