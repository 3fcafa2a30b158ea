"""What somebody has paid through one of Stripe's Payment Links or Buy buttons, as the fetched session tells it.

A link is made in Stripe's dashboard. Its session names no user of ours, and its charge no price: what was bought
is in the session's line items, and who bought it is an address that somebody typed (rule 8).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select

from umstripe.database import Row, Transaction
from umstripe.models.customer import Customer
from umstripe.models.free_order import status_of_session
from umstripe.models.plan import Plan
from umstripe.models.price import Price
from umstripe.models.purchase import Purchase, status_of_charge
from umstripe.models.snapshot import Snapshot, StripeObject, id_of
from umstripe.statuses import NEVER_BEGUN, PAID

REFERENCE = "um_stripe_custom_checkout"
"""The `client_reference_id` with which a site's links and buttons say that they sell one of its plans."""
NAMESPACE = uuid.UUID("5f6ac5d2-7f5c-4c1e-9f0b-6a4f5a1d7f0e")
"""In which the public id of an account that a session makes is the session's: tried again, it is the same account."""


class NoCustomer(Exception):
    """Who paid is no customer at Stripe (a guest). One must be made, outside of the transaction, then tried again."""

    def __init__(self, session_id: str, params: Mapping[str, object]) -> None:
        super().__init__(f"{session_id} has no customer")
        self.session_id, self.params = session_id, params

    @property
    def key(self) -> str:
        """Where the customer is looked for among what was fetched."""
        return guest_key(self.session_id)


@dataclass(frozen=True)
class PaymentLinkSession:
    """A session of a link, with what it is for. `email` and `name` are as they were typed at Stripe."""

    state: Snapshot
    price: str

    @classmethod
    def of(cls, tx: Transaction, state: Snapshot) -> PaymentLinkSession | None:
        """Return what a fetched session says, or None: it is gone, or what it sells is no plan of ours (rule 5)."""
        prices = prices_in(state.object)
        ours = select(Price.stripe_price_id).join(Plan, Plan.price_id == Price.id)
        ours = ours.where(Price.mode == state.mode, Price.stripe_price_id.in_(prices))
        known = set(tx.execute(ours).scalars())
        price = next((price for price in prices if price in known), None)
        return cls(state, price) if price else None

    @property
    def session(self) -> StripeObject:
        return self.state.object

    @property
    def email(self) -> str:
        email = ((self.session.get("customer_details") or {}).get("email") or "").strip()
        return email if "@" in email and len(email) <= 255 else ""

    @property
    def name(self) -> str:
        return ((self.session.get("customer_details") or {}).get("name") or "").strip()[:120]

    @property
    def customer_id(self) -> str | None:
        return id_of(self.session.get("customer"))

    @property
    def public_id(self) -> str:
        """Of the account that this session makes, if it makes one."""
        return uuid.uuid5(NAMESPACE, self.state.id).hex

    @property
    def subscription(self) -> StripeObject | None:
        subscription = self.session.get("subscription")
        return subscription if isinstance(subscription, Mapping) else None

    @property
    def payment(self) -> StripeObject:
        """The charge of a one-time payment; the session itself when there was nothing to pay."""
        intent = self.session.get("payment_intent")
        return (intent.get("latest_charge") if isinstance(intent, Mapping) else None) or {
            **self.session,
            "customer": self.customer_id,
            "payment_intent": id_of(intent),
        }

    @property
    def payment_id(self) -> str:
        """The payment intent's id, or the session's when there was nothing to pay."""
        return str(self.payment.get("payment_intent") or self.payment["id"])

    @property
    def status(self) -> str:
        """Of a one-time payment that was charged, in our word. See `status_in` for one without a charge."""
        if self.payment.get("object") == "charge":
            return status_of_charge(self.payment)
        return "pending" if self.session["payment_status"] == "unpaid" else "paid"

    def status_in(self, tx: Transaction) -> str:
        """Return the status of a one-time payment; a free order may wait for its approval."""
        if self.payment.get("object") == "charge":
            return self.status
        return status_of_session(tx, self.state.mode, self.session, self.price)

    @property
    def is_paid(self) -> bool:
        """Whether it makes somebody a member: a delayed payment does only when it has come, a reserved one does."""
        if self.session["mode"] == "subscription":
            return self.subscription is not None and self.subscription["status"] not in NEVER_BEGUN
        reserved = self.payment.get("object") == "charge" and self.payment["status"] == "succeeded"
        return self.status in PAID or (self.status == "pending" and reserved)

    def customer(self, tx: Transaction) -> Row | None:
        """Return the row of whoever bought it, if we know them: by the customer, or a guest's by the payment. Or None."""
        if self.customer_id:
            return Customer.get_or_reserve(tx, self.state.mode, self.customer_id)
        row = Purchase.get_or_reserve(tx, self.state.mode, self.payment_id)
        query = select(Customer.__table__).where(Customer.id == (row.customer_id if row else None))
        return tx.execute(query).one_or_none()


def prices_in(session: StripeObject) -> list[str]:
    """Return the ids of the prices that a fetched session sells."""
    items = (session.get("line_items") or {}).get("data") or []
    return [price for item in items if (price := id_of(item.get("price")))]


def guest_key(session_id: str) -> str:
    return f"customer of {session_id}"
