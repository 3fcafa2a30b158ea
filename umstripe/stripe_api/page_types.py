"""The fields of Stripe's objects that only pages show: types for the checker, without a schema (see types)."""

from __future__ import annotations

from typing import TypedDict

from umstripe.stripe_api.field_rules import StripeList
from umstripe.stripe_api.types import Invoice, Moment, Word


class ListedInvoice(Invoice):
    """An invoice as a page lists it."""

    created: Moment
    status: Word | None


class Period(TypedDict):
    end: Moment


class PreviewLine(TypedDict):
    period: Period


class InvoicePreview(TypedDict):
    """https://docs.stripe.com/api/invoices/create_preview. In minor units; `total` is negative for a credit."""

    amount_due: int
    currency: Word
    lines: StripeList[PreviewLine]
    total: int
