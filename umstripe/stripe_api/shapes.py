"""Schemas of the fields that are read of Stripe's objects, checked once when an object arrives.

A field that a handler, an import, an audit or a page reads has its rule here (see shapes). MalformedObject is raised before
anything is written.
"""

from __future__ import annotations

from collections.abc import Mapping

from umstripe.stripe_api.field_rules import (
    AMOUNT,
    ANY_PART,
    COUNT,
    ID,
    ID_LENGTH,
    MOMENT,
    TEXT,
    WORD,
    InvalidField,
    Shape,
    check,
    each,
    either,
    fits,
    flag,
    maybe,
    number,
    part,
    reference,
    text,
)

SUBSCRIPTION: Shape = {
    "id": ID,
    "customer": reference(),
    "status": WORD,
    "created": MOMENT,
    "items": each(
        either(
            "price",
            "plan",
            {
                "price": maybe(part({"id": ID})),
                "plan": maybe(part({"id": ID})),
                "current_period_end": maybe(MOMENT),
            },
        ),
        least=1,
    ),
    "current_period_end": maybe(MOMENT),
    "cancel_at": maybe(MOMENT),
    "canceled_at": maybe(MOMENT),
    "ended_at": maybe(MOMENT),
    "trial_end": maybe(MOMENT),
    "collection_method": maybe(WORD),
    "pause_collection": maybe(ANY_PART),
    "trial_settings": maybe(part({"end_behavior": maybe(part({"missing_payment_method": maybe(WORD)}))})),
    "deleted": maybe(flag),
}
PAYMENT_METADATA = maybe(part({"umstripe_price": maybe(text(ID_LENGTH))}))
CHARGE: Shape = {
    "id": ID,
    "object": maybe(WORD),
    "customer": maybe(ID),
    "payment_intent": maybe(ID),
    "metadata": PAYMENT_METADATA,
    "amount": AMOUNT,
    "amount_total": maybe(AMOUNT),
    "amount_refunded": AMOUNT,
    "currency": WORD,
    "created": MOMENT,
    "captured": flag,
    "refunded": flag,
    "status": WORD,
    "payment_method_details": maybe(part({"card": maybe(part({"capture_before": maybe(MOMENT)}))})),
}
DISPUTE: Shape = {
    "id": ID,
    "amount": AMOUNT,
    "currency": WORD,
    "status": WORD,
    "reason": maybe(WORD),
    "created": MOMENT,
    "payment_intent": maybe(ID),
    "charge": maybe(ID),
    "evidence_details": maybe(part({"due_by": maybe(MOMENT)})),
}
SESSION: Shape = {
    "id": ID,
    "object": maybe(WORD),
    "customer": maybe(ID),
    "client_reference_id": maybe(text(ID_LENGTH)),
    "payment_link": maybe(ID),
    "mode": WORD,
    "status": maybe(WORD),
    "subscription": maybe(ID),
    "payment_intent": maybe(ID),
    "payment_status": WORD,
    "metadata": PAYMENT_METADATA,
    "amount": maybe(AMOUNT),
    "amount_total": maybe(AMOUNT),
    "amount_refunded": maybe(AMOUNT),
    "currency": maybe(WORD),
    "created": MOMENT,
}
FETCHED_SESSION: Shape = {
    **SESSION,
    "customer": maybe(reference()),
    "subscription": maybe(reference(SUBSCRIPTION)),
    "payment_intent": maybe(reference({"id": ID, "latest_charge": maybe(reference(CHARGE))})),
    "customer_details": maybe(part({"email": maybe(TEXT), "name": maybe(TEXT)})),
    "line_items": maybe(each(part({"price": maybe(reference())}))),
}
CUSTOMER: Shape = {
    "id": ID,
    "metadata": maybe(part({"umstripe_user": maybe(TEXT), "umstripe_instance": maybe(TEXT)})),
    "deleted": maybe(flag),
}
LINE = part({"pricing": maybe(part({"price_details": maybe(part({"price": maybe(reference())}))}))})
INVOICE: Shape = {
    "id": ID,
    "customer": maybe(ID),
    "amount_due": AMOUNT,
    "currency": WORD,
    "attempt_count": maybe(COUNT),
    "next_payment_attempt": maybe(MOMENT),
    "hosted_invoice_url": maybe(TEXT),
    "parent": maybe(part({"subscription_details": maybe(part({"subscription": maybe(reference())}))})),
    "subscription": maybe(reference()),
    "lines": maybe(each(LINE)),
}
PAYMENT_INTENT: Shape = {
    "id": ID,
    "customer": maybe(ID),
    "last_payment_error": maybe(part({"message": maybe(TEXT)})),
    "latest_charge": maybe(reference(CHARGE)),
}
PRODUCT: Shape = {"id": ID, "name": TEXT, "active": flag, "deleted": maybe(flag)}
RECURRING = part(
    {"interval": WORD, "interval_count": number(2**31 - 1, 1), "usage_type": maybe(WORD)},
)
PRICE: Shape = {
    "id": ID,
    "product": reference(PRODUCT),
    "nickname": maybe(TEXT),
    "currency": WORD,
    "unit_amount": maybe(AMOUNT),
    "type": WORD,
    "recurring": maybe(RECURRING),
    "billing_scheme": maybe(WORD),
    "custom_unit_amount": maybe(ANY_PART),
    "active": flag,
    "deleted": maybe(flag),
}

EVENT: Shape = {
    "id": ID,
    "type": WORD,
    "created": MOMENT,
    "livemode": flag,
    "data": part({"object": ANY_PART}),
}

IN_EVENTS: Mapping[str, Shape] = {
    "charge": CHARGE,
    "charge.dispute": DISPUTE,
    "checkout.session": SESSION,
    "customer": CUSTOMER,
    "customer.subscription": SUBSCRIPTION,
    "invoice": INVOICE,
    "payment_intent": PAYMENT_INTENT,
    "price": PRICE,
    "product": PRODUCT,
}
"""The object's schema by the event's type without its last part."""
FETCHED: Mapping[str, Shape] = {
    "checkout.session": FETCHED_SESSION,
    "customer": CUSTOMER,
    "event": EVENT,
    "payment_intent": PAYMENT_INTENT,
    "price": PRICE,
    "product": PRODUCT,
    "subscription": SUBSCRIPTION,
}
"""The schema by the kind under which an object is fetched or listed."""


def is_event(value: object) -> bool:
    """Return whether a value follows EVENT."""
    try:
        fits(EVENT, value)
    except InvalidField:
        return False
    return True


def check_event(event: Mapping[str, object]) -> None:
    """Check the object that an event of a handled type is about. Raise MalformedObject."""
    kind, data = str(event["type"]).rpartition(".")[0], event["data"]
    assert isinstance(data, Mapping)
    if kind in IN_EVENTS:
        check(IN_EVENTS[kind], data["object"], kind.replace("_", " ").replace(".", " "))


def check_fetched(kind: str, value: object) -> None:
    """Check an object that Stripe was asked for. Raise MalformedObject."""
    if kind in FETCHED:
        check(FETCHED[kind], value, kind.replace("_", " ").replace(".", " "))
