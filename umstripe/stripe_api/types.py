"""The fields of Stripe's objects that this site reads: types for the checker, and schemas of what arrives.

A field that a handler, an import, an audit or a page reads stands here with its rule (see field_rules). Where null is
allowed the field may be absent too, so it is read with `get`. What is expanded only in fetched objects is an id in events.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypedDict

from umstripe.stripe_api.field_rules import (
    AMOUNT,
    ANY_PART,
    ANYTHING,
    COUNT,
    ID,
    ID_LENGTH,
    MOMENT,
    TEXT,
    WORD,
    StripeList,
    each,
    either,
    number,
    shape_of,
    text,
)

Id = Annotated[str, ID]
Word = Annotated[str, WORD]
Text = Annotated[str, TEXT]
OurId = Annotated[str, text(ID_LENGTH)]
Amount = Annotated[int, AMOUNT]
Moment = Annotated[int, MOMENT]
Count = Annotated[int, COUNT]
Part = Annotated[Mapping[str, object], ANY_PART]
"""An object of which nothing is read but that it is there."""


class HasId(TypedDict):
    id: Id


class SubscriptionItem(TypedDict):
    price: HasId | None
    plan: HasId | None
    current_period_end: Moment | None


class EndBehavior(TypedDict):
    missing_payment_method: Word | None


class TrialSettings(TypedDict):
    end_behavior: EndBehavior | None


class Subscription(TypedDict):
    """https://docs.stripe.com/api/subscriptions/object."""

    id: Id
    customer: Id | HasId
    status: Word
    created: Moment
    items: Annotated[
        StripeList[SubscriptionItem], each(either("price", "plan", shape_of(SubscriptionItem)), least=1)
    ]
    current_period_end: Moment | None
    cancel_at: Moment | None
    canceled_at: Moment | None
    ended_at: Moment | None
    trial_end: Moment | None
    collection_method: Word | None
    pause_collection: Part | None
    trial_settings: TrialSettings | None
    deleted: bool | None


class PaymentMetadata(TypedDict):
    umstripe_price: OurId | None


class Card(TypedDict):
    capture_before: Moment | None


class PaymentMethodDetails(TypedDict):
    card: Card | None


class Charge(TypedDict):
    """https://docs.stripe.com/api/charges/object."""

    id: Id
    object: Word | None
    customer: Id | None
    payment_intent: Id | None
    metadata: PaymentMetadata | None
    amount: Amount
    amount_total: Amount | None
    amount_refunded: Amount
    currency: Word
    created: Moment
    captured: bool
    refunded: bool
    status: Word
    payment_method_details: PaymentMethodDetails | None


class EvidenceDetails(TypedDict):
    due_by: Moment | None


class Dispute(TypedDict):
    """https://docs.stripe.com/api/disputes/object."""

    id: Id
    amount: Amount
    currency: Word
    status: Word
    reason: Word | None
    created: Moment
    payment_intent: Id | None
    charge: Id | None
    evidence_details: EvidenceDetails | None


class PaymentIntent(TypedDict):
    """https://docs.stripe.com/api/payment_intents/object."""

    id: Id
    customer: Id | None
    status: Word | None
    last_payment_error: PaymentError | None
    latest_charge: Id | Charge | None


class PaymentError(TypedDict):
    message: Text | None


class AnySession(TypedDict):
    """What a session has alike in an event and when it was fetched."""

    id: Id
    object: Word | None
    client_reference_id: OurId | None
    payment_link: Id | None
    mode: Word
    status: Word | None
    payment_status: Word
    metadata: PaymentMetadata | None
    amount: Amount | None
    amount_total: Amount | None
    amount_refunded: Amount | None
    currency: Word | None
    created: Moment


class Session(AnySession):
    """A Checkout session in an event: https://docs.stripe.com/api/checkout/sessions/object."""

    customer: Id | None
    subscription: Id | None
    payment_intent: Id | None


class CustomerDetails(TypedDict):
    email: Text | None
    name: Text | None


class LineItem(TypedDict):
    price: Id | HasId | None


class PaidIntent(TypedDict):
    id: Id
    latest_charge: Id | Charge | None


class FetchedSession(AnySession):
    """A Checkout session that was fetched, with what belongs to it as a whole."""

    customer: Id | HasId | None
    subscription: Id | Subscription | None
    payment_intent: Id | PaidIntent | None
    customer_details: CustomerDetails | None
    line_items: StripeList[LineItem] | None


class CustomerMetadata(TypedDict):
    umstripe_user: Text | None
    umstripe_instance: Text | None


class Customer(TypedDict):
    """https://docs.stripe.com/api/customers/object."""

    id: Id
    metadata: CustomerMetadata | None
    deleted: bool | None


class PriceDetails(TypedDict):
    price: Id | HasId | None


class Pricing(TypedDict):
    price_details: PriceDetails | None


class InvoiceLine(TypedDict):
    pricing: Pricing | None


class SubscriptionDetails(TypedDict):
    subscription: Id | HasId | None


class InvoiceParent(TypedDict):
    subscription_details: SubscriptionDetails | None


class Invoice(TypedDict):
    """https://docs.stripe.com/api/invoices/object."""

    id: Id
    customer: Id | None
    amount_due: Amount
    currency: Word
    attempt_count: Count | None
    next_payment_attempt: Moment | None
    hosted_invoice_url: Text | None
    parent: InvoiceParent | None
    subscription: Id | HasId | None
    lines: StripeList[InvoiceLine] | None


class Product(TypedDict):
    """https://docs.stripe.com/api/products/object."""

    id: Id
    name: Text
    active: bool
    deleted: bool | None


class Recurring(TypedDict):
    interval: Word
    interval_count: Annotated[int, number(2**31 - 1, 1)]
    usage_type: Word | None


class Price(TypedDict):
    """https://docs.stripe.com/api/prices/object."""

    id: Id
    product: Id | Product
    nickname: Text | None
    currency: Word
    unit_amount: Amount | None
    type: Word
    recurring: Recurring | None
    billing_scheme: Word | None
    custom_unit_amount: Part | None
    active: bool
    deleted: bool | None


class EventData(TypedDict):
    object: Annotated[Any, ANY_PART]


class Event(TypedDict):
    """https://docs.stripe.com/api/events/object. `account` is set for events of connected accounts."""

    id: Id
    type: Word
    created: Moment
    livemode: bool
    data: EventData
    account: Annotated[object, ANYTHING]
