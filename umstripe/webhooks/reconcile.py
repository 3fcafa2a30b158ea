"""A customer's state at Stripe: fetched, compared with ours, taken over (rule 4).

A repair and a delivery change a subscription by the same function: `Subscription.sync_from_stripe`. What a repair would change is
found by doing it in a transaction that is then rolled back.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from sqlalchemy import delete, select, update

from umstripe.database import Transaction, read, write
from umstripe.errors import UmstripeError
from umstripe.memberships import effective_roles
from umstripe.models import Activity, Customer, Difference, Subscription, User
from umstripe.models.snapshot import NEVER_WRITTEN, Snapshot
from umstripe.statuses import OVER
from umstripe.stripe_api import types
from umstripe.stripe_api.calls import Answer
from umstripe.stripe_api.client import Stripe
from umstripe.transactions import FetchedStates, RetriesExhausted, asking_stripe, with_retries_from
from umstripe.webhooks.customer import link_customer, user_named_by

Rows = dict[str, Any]
"""Our rows of subscriptions, by Stripe's ids."""
Roles = dict[str, list[str]]
"""A user's roles `before` and `after`, by name."""


@dataclass(frozen=True)
class StripeState:
    """A customer as Stripe has it, with its subscriptions."""

    mode: str
    stripe_customer_id: str
    customer: Answer[types.Customer]
    subscriptions: list[Snapshot]

    @property
    def is_deleted(self) -> bool:
        return bool(self.customer.object.get("deleted"))


@dataclass(frozen=True)
class Drift:
    """Something that is otherwise at Stripe: what each side has, in words. `kind` is Stripe's word for it."""

    kind: str
    stripe_object_id: str
    user_id: int | None
    local: str
    remote: str


class _RolledBack(Exception):
    """Carry the drifts and roles out of a transaction, and roll it back."""

    def __init__(self, drifts: list[Drift], roles: Roles) -> None:
        super().__init__()
        self.drifts, self.roles = drifts, roles


def sync(mode: str, stripe_customer_id: str, trigger: str = "work") -> list[Drift]:
    """Take over Stripe's state of a customer. Return what was different. Raise StripeError, and RetriesExhausted.

    A customer that is not ours stays so (rule 5), unless Stripe knows that we made it for a user of ours.
    """
    fetched: FetchedStates = {}

    def apply(tx: Transaction, state: StripeState) -> list[Drift]:
        return _log(tx, mode, _apply(tx, state, fetched), trigger)

    return with_retries_from(mode, fetched, lambda: fetch_state(mode, stripe_customer_id), apply)


def refresh(mode: str, stripe_customer_id: str, trigger: str) -> list[Drift]:
    """Take over a customer's subscriptions as Stripe has them now, in one call that is not repeated: for somebody who
    waits. Return what was different. Raise StripeError."""

    def apply(tx: Transaction, subscriptions: list[Snapshot]) -> list[Drift]:
        return _log(tx, mode, list(_sync_subscriptions(tx, subscriptions)), trigger)

    try:
        return with_retries_from(mode, {}, lambda: _newest(mode, stripe_customer_id), apply)
    except RetriesExhausted:
        return []


def repair(mode: str, stripe_customer_id: str, trigger: str = "work") -> None:
    """`sync`, and delete the customer's listed differences; on failure they keep the reason, and the error is raised."""
    listed = (Difference.mode == mode, Difference.stripe_customer_id == stripe_customer_id)
    try:
        sync(mode, stripe_customer_id, trigger)
    except UmstripeError as error:
        with write() as tx:
            tx.execute(update(Difference).where(*listed).values(error=str(error)[:1000]))
        raise
    with write() as tx:
        tx.execute(delete(Difference).where(*listed))


def preview(mode: str, stripe_customer_id: str) -> tuple[list[Drift], Roles]:
    """Return what `sync` would change, and the roles of the user before and after, without changing anything."""
    fetched: FetchedStates = {}

    def apply_and_roll_back(tx: Transaction, state: StripeState) -> NoReturn:
        raise _RolledBack(*_apply_with_roles(tx, state, fetched))

    try:
        with_retries_from(mode, fetched, lambda: fetch_state(mode, stripe_customer_id), apply_and_roll_back)
    except _RolledBack as result:
        return result.drifts, result.roles
    except RetriesExhausted:
        return [], {}


def fetch_state(mode: str, stripe_customer_id: str) -> StripeState:
    """Ask Stripe for a customer and its subscriptions: two calls, and one for each of ours that is not among them."""
    with read() as tx:
        ours = _ours(tx, mode, stripe_customer_id)
    with asking_stripe(mode) as stripe:
        customer = stripe.fetch("customer", stripe_customer_id)
        is_deleted = bool(customer.object.get("deleted"))
        snapshots = [] if is_deleted else list(_listed(stripe, mode, stripe_customer_id, ours))
        listed = {snapshot.id for snapshot in snapshots}
        unlisted = [row for stripe_id, row in ours.items() if stripe_id not in listed]
        snapshots += [_fetched(stripe, mode, row) for row in unlisted if row.status not in OVER]
    return StripeState(mode, stripe_customer_id, customer, snapshots)


def _newest(mode: str, stripe_customer_id: str) -> list[Snapshot]:
    """Return a customer's newest subscriptions at Stripe. What is here as another customer's is left to `sync`."""
    with read() as tx:
        ours = _ours(tx, mode, stripe_customer_id)
    with asking_stripe(mode, retries=0) as stripe:
        page = stripe.subscriptions(None, stripe_customer_id)
    others = _of_other_customers(mode, page.items, ours)
    return [_snapshot(mode, item, page.as_of, ours) for item in page.items if item["id"] not in others]


def _listed(stripe: Stripe, mode: str, customer: str, ours: Rows) -> Iterator[Snapshot]:
    after = None
    while True:
        page = stripe.subscriptions(after, customer)
        others = _of_other_customers(mode, page.items, ours)
        for item in page.items:
            if item["id"] in others:
                yield _fetched(stripe, mode, others[item["id"]])
            else:
                yield _snapshot(mode, item, page.as_of, ours)
        if not page.more:
            return
        after = page.after


def _snapshot(mode: str, subscription: types.Subscription, as_of: int, ours: Rows) -> Snapshot:
    row = ours.get(subscription["id"])
    return Snapshot(mode, subscription, as_of, row.revision if row else NEVER_WRITTEN)


def _fetched(stripe: Stripe, mode: str, row: Any) -> Snapshot:
    answer = stripe.fetch("subscription", row.stripe_subscription_id)
    return Snapshot(mode, answer.object, answer.as_of, row.revision)


def _of_other_customers(mode: str, subscriptions: list[types.Subscription], ours: Rows) -> Rows:
    """Return the rows of those that are here as another customer's, by their ids."""
    ids = [item["id"] for item in subscriptions if item["id"] not in ours]
    table = Subscription.__table__
    query = select(table).where(table.c.mode == mode, table.c.stripe_subscription_id.in_(ids))
    with read() as tx:
        return {row.stripe_subscription_id: row for row in tx.execute(query)}


def _ours(tx: Transaction, mode: str, stripe_customer_id: str) -> Rows:
    query = select(Subscription.__table__).join(Customer, Customer.id == Subscription.customer_id)
    query = query.where(Customer.mode == mode, Customer.stripe_customer_id == stripe_customer_id)
    return {row.stripe_subscription_id: row for row in tx.execute(query)}


def _apply_with_roles(
    tx: Transaction, state: StripeState, fetched: FetchedStates
) -> tuple[list[Drift], Roles]:
    customer = Customer.get_or_reserve(tx, state.mode, state.stripe_customer_id)
    user_id = customer.user_id if customer else _user_named_by(tx, state)
    at = int(time.time())
    before = effective_roles.names_of(tx, user_id, at)
    drifts = _apply(tx, state, fetched)
    return drifts, {"before": before, "after": effective_roles.names_of(tx, user_id, at)}


def _apply(tx: Transaction, state: StripeState, fetched: FetchedStates) -> list[Drift]:
    """Take over a state. `fetched` is what only Stripe could tell of earlier events of a customer that is linked now."""
    drifts = list(_sync_customer(tx, state, fetched))
    if state.is_deleted:
        _end_all(tx, state)
        return drifts
    return [*drifts, *_sync_subscriptions(tx, state.subscriptions)]


def _sync_subscriptions(tx: Transaction, snapshots: list[Snapshot]) -> Iterator[Drift]:
    for snapshot in snapshots:
        before = Subscription.synced_values(tx, snapshot.mode, snapshot.id)
        change = Subscription.sync_from_stripe(tx, snapshot)
        after = Subscription.synced_values(tx, snapshot.mode, snapshot.id)
        if change is not None and before != after:
            local, remote = Subscription.describe(tx, before), Subscription.describe(tx, after)
            yield Drift("subscription", snapshot.id, change.user_id, local, remote)


def _end_all(tx: Transaction, state: StripeState) -> None:
    """Apply what Stripe still has of a deleted customer's subscriptions, and end those that it has not."""
    for snapshot in state.subscriptions:
        Subscription.sync_from_stripe(tx, snapshot)
    customer = Customer.get_or_reserve(tx, state.mode, state.stripe_customer_id)
    if customer is not None:
        Subscription.end_all(tx, customer.id, state.customer.as_of)


def _sync_customer(tx: Transaction, state: StripeState, fetched: FetchedStates) -> Iterator[Drift]:
    """Take over the link, as Stripe's customer has it, and what goes with a deleted customer."""
    customer_id = state.stripe_customer_id
    customer = Customer.get_or_reserve(tx, state.mode, customer_id)
    if state.is_deleted:
        if customer is not None and not customer.deleted:
            Customer.unlink(tx, customer)
            yield Drift("customer", customer_id, customer.user_id, "linked", "deleted")
        return
    user_id = _user_named_by(tx, state)
    if customer is None and user_id is not None:
        link_customer(tx, state.mode, customer_id, user_named_by(tx, state.customer.object), fetched)
        yield Drift("customer", customer_id, user_id, "not linked", "made for this user")
    elif customer is not None and (customer.deleted or user_id not in (None, customer.user_id)):
        owner = user_id or customer.user_id
        tx.execute(update(Customer).where(Customer.id == customer.id).values(deleted=False, user_id=owner))
        local = "deleted" if customer.deleted else "linked to another user"
        yield Drift("customer", customer_id, owner, local, "exists, and was made for this user")


def _user_named_by(tx: Transaction, state: StripeState) -> int | None:
    """Return the id of the user for whom we made the customer (rule 8)."""
    public_id = user_named_by(tx, state.customer.object)
    return tx.execute(select(User.id).where(User.public_id == public_id)).scalar() if public_id else None


def _log(tx: Transaction, mode: str, drifts: list[Drift], trigger: str) -> list[Drift]:
    for drift in drifts:
        description = (
            f"Brought in line with Stripe: {drift.stripe_object_id} was {drift.local}, is {drift.remote}"
        )
        line = {"trigger": trigger, "mode": mode, "user_id": drift.user_id}
        Activity.write(tx, "stripe.synced", description, **line, details={"object": drift.stripe_object_id})
    return drifts
