"""Stripe's truth about a customer: asked, compared with ours, made ours (rule 4).

The success of a repair is the same function as that of a delivery: `Subscription.sync_from_stripe`. What a repair would
change is found by doing it in a transaction that is then rolled back.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from sqlalchemy import delete, select, update

from umstripe.database import Transaction, db, read, write
from umstripe.errors import UmstripeError
from umstripe.memberships import effective_roles
from umstripe.models import Activity, Connection, Customer, Difference, Settings, Subscription, User
from umstripe.models.snapshot import NEVER_WRITTEN, Snapshot
from umstripe.statuses import OVER
from umstripe.stripe_api.client import Answer, Stripe
from umstripe.transactions import FetchedStates, RetriesExhausted, with_retries_from
from umstripe.webhooks import checkout_session


@dataclass(frozen=True)
class StripeState:
    """What Stripe said of a customer: the customer as it is, and the states of its subscriptions."""

    mode: str
    stripe_customer_id: str
    customer: Answer
    states: list[Snapshot]


@dataclass(frozen=True)
class Found:
    """Something that is otherwise at Stripe: what each side has, in words. `kind` is Stripe's word for it."""

    kind: str
    stripe_object_id: str
    user_id: int | None
    here: str
    there: str


class _Undone(Exception):
    """Carries what a transaction found out of it, and rolls it back."""

    def __init__(self, found: list[Found], effect: dict[str, Any]) -> None:
        super().__init__()
        self.found, self.effect = found, effect


def sync(mode: str, stripe_customer_id: str, trigger: str = "work") -> list[Found]:
    """Make Stripe's truth about a customer ours. Gives what was different. Raises StripeError, and RetriesExhausted.

    A customer that is not ours stays so (rule 5), unless Stripe knows that we made it for a user of ours.
    """
    told: FetchedStates = {}

    def settled(tx: Transaction, truth: StripeState) -> list[Found]:
        return _noted(tx, mode, _applied(tx, truth, told), trigger)

    return with_retries_from(mode, told, lambda: ask(mode, stripe_customer_id), settled)


def look(mode: str, stripe_customer_id: str, trigger: str) -> list[Found]:
    """Make a customer's subscriptions ours as Stripe has them now, in one call and without another try of it:
    for somebody who waits. Gives what was different. Raises StripeError."""

    def settled(tx: Transaction, states: list[Snapshot]) -> list[Found]:
        return _noted(tx, mode, list(_subscriptions_settled(tx, states)), trigger)

    try:
        return with_retries_from(mode, {}, lambda: _newest(mode, stripe_customer_id), settled)
    except RetriesExhausted:
        return []


def settle(mode: str, stripe_customer_id: str, trigger: str = "work") -> None:
    """`sync`, and take the customer's differences off the list; when it does not work they say why, and it raises."""
    these = (Difference.mode == mode, Difference.stripe_customer_id == stripe_customer_id)
    try:
        sync(mode, stripe_customer_id, trigger)
    except UmstripeError as error:
        with write() as tx:
            tx.execute(update(Difference).where(*these).values(error=str(error)[:1000]))
        raise
    with write() as tx:
        tx.execute(delete(Difference).where(*these))


def differences(mode: str, stripe_customer_id: str) -> tuple[list[Found], dict[str, Any]]:
    """What `sync` would change, without changing it; and the roles of whom it concerns, before and after."""
    told: FetchedStates = {}

    def tried(tx: Transaction, truth: StripeState) -> NoReturn:
        raise _Undone(*_tried(tx, truth, told))

    try:
        with_retries_from(mode, told, lambda: ask(mode, stripe_customer_id), tried)
    except _Undone as undone:
        return undone.found, undone.effect
    except RetriesExhausted:
        return [], {}


def ask(mode: str, stripe_customer_id: str) -> StripeState:
    """Ask Stripe for a customer and its subscriptions: two calls, and one for each of ours that is not among them."""
    with read() as tx:
        ours = _ours(tx, mode, stripe_customer_id)
    stripe = Connection.of(mode).stripe()
    db.session.rollback()
    customer = stripe.fetch("customer", stripe_customer_id)
    gone = bool(customer.object.get("deleted"))
    states = [] if gone else list(_listed(stripe, mode, stripe_customer_id, ours))
    named = {state.id for state in states}
    lost = [
        row for row in ours.values() if row.stripe_subscription_id not in named and row.status not in OVER
    ]
    states += [_fetched(stripe, mode, row) for row in lost]
    return StripeState(mode, stripe_customer_id, customer, states)


def _newest(mode: str, stripe_customer_id: str) -> list[Snapshot]:
    """A customer's newest subscriptions at Stripe. One that we have as another customer's is left to `sync`."""
    with read() as tx:
        ours = _ours(tx, mode, stripe_customer_id)
    stripe = Connection.of(mode).stripe(retries=0)
    db.session.rollback()
    page = stripe.subscriptions(None, stripe_customer_id)
    elsewhere = _elsewhere(mode, [one["id"] for one in page.items if one["id"] not in ours])
    mine = [one for one in page.items if one["id"] not in elsewhere]
    seen = {one: row.revision for one, row in ours.items()}
    return [Snapshot(mode, one, page.as_of, seen.get(one["id"], NEVER_WRITTEN)) for one in mine]


def _listed(stripe: Stripe, mode: str, customer: str, ours: Mapping[str, Any]) -> Iterator[Snapshot]:
    after = None
    while True:
        page = stripe.subscriptions(after, customer)
        elsewhere = _elsewhere(mode, [one["id"] for one in page.items if one["id"] not in ours])
        for one in page.items:
            if one["id"] in elsewhere:
                yield _fetched(stripe, mode, elsewhere[one["id"]])
            else:
                seen = ours[one["id"]].revision if one["id"] in ours else NEVER_WRITTEN
                yield Snapshot(mode, one, page.as_of, seen)
        if not page.more:
            return
        after = page.after


def _fetched(stripe: Stripe, mode: str, row: Any) -> Snapshot:
    answer = stripe.fetch("subscription", row.stripe_subscription_id)
    return Snapshot(mode, answer.object, answer.as_of, row.revision)


def _elsewhere(mode: str, ids: list[str]) -> dict[str, Any]:
    """Those that we have as another customer's, by their ids."""
    table = Subscription.__table__
    query = select(table).where(table.c.mode == mode, table.c.stripe_subscription_id.in_(ids))
    with read() as tx:
        return {row.stripe_subscription_id: row for row in tx.execute(query)}


def _ours(tx: Transaction, mode: str, stripe_customer_id: str) -> dict[str, Any]:
    query = select(Subscription.__table__).join(Customer, Customer.id == Subscription.customer_id)
    query = query.where(Customer.mode == mode, Customer.stripe_customer_id == stripe_customer_id)
    return {row.stripe_subscription_id: row for row in tx.execute(query)}


def _tried(tx: Transaction, truth: StripeState, told: FetchedStates) -> tuple[list[Found], dict[str, Any]]:
    row = Customer.get_or_reserve(tx, truth.mode, truth.stripe_customer_id)
    user_id = row.user_id if row else _user_named_by(tx, truth)
    at = int(time.time())
    before = effective_roles.names_of(tx, user_id, at)
    found = _applied(tx, truth, told)
    return found, {"before": before, "after": effective_roles.names_of(tx, user_id, at)}


def _applied(tx: Transaction, truth: StripeState, told: FetchedStates) -> list[Found]:
    """`told` is what only Stripe could tell of earlier events of a customer that is linked now."""
    found = list(_customer_settled(tx, truth, told))
    if truth.customer.object.get("deleted"):
        _all_ended(tx, truth)
        return found
    return [*found, *_subscriptions_settled(tx, truth.states)]


def _subscriptions_settled(tx: Transaction, states: list[Snapshot]) -> Iterator[Found]:
    for state in states:
        before = Subscription.synced_values(tx, state.mode, state.id)
        change = Subscription.sync_from_stripe(tx, state)
        after = Subscription.synced_values(tx, state.mode, state.id)
        if change is not None and before != after:
            here, there = Subscription.describe(tx, before), Subscription.describe(tx, after)
            yield Found("subscription", state.id, change.user_id, here, there)


def _all_ended(tx: Transaction, truth: StripeState) -> None:
    """What Stripe still says of a deleted customer's subscriptions, and the end of those it says nothing of."""
    for state in truth.states:
        Subscription.sync_from_stripe(tx, state)
    row = Customer.get_or_reserve(tx, truth.mode, truth.stripe_customer_id)
    if row is not None:
        Subscription.end_all(tx, row.id, truth.customer.as_of)


def _customer_settled(tx: Transaction, truth: StripeState, told: FetchedStates) -> Iterator[Found]:
    """The link, as Stripe's customer has it; what goes with a deleted customer."""
    row = Customer.get_or_reserve(tx, truth.mode, truth.stripe_customer_id)
    if truth.customer.object.get("deleted"):
        if row is not None and not row.deleted:
            Customer.unlink(tx, row)
            yield Found("customer", truth.stripe_customer_id, row.user_id, "linked", "deleted")
        return
    user_id = _user_named_by(tx, truth)
    if row is None and user_id is not None:
        public_id = truth.customer.object["metadata"]["umstripe_user"]
        checkout_session.link(tx, truth.mode, truth.stripe_customer_id, public_id, told)
        yield Found("customer", truth.stripe_customer_id, user_id, "not linked", "made for this user")
    elif row is not None and (row.deleted or user_id not in (None, row.user_id)):
        linked = user_id or row.user_id
        tx.execute(update(Customer).where(Customer.id == row.id).values(deleted=False, user_id=linked))
        here = "deleted" if row.deleted else "linked to another user"
        yield Found("customer", truth.stripe_customer_id, linked, here, "exists, and was made for this user")


def _user_named_by(tx: Transaction, truth: StripeState) -> int | None:
    """Whom the customer was made for, if it is we who made it (rule 8)."""
    said = truth.customer.object.get("metadata") or {}
    ours = tx.execute(select(Settings.instance_id)).scalar_one()
    if said.get("umstripe_instance") != ours:
        return None
    return tx.execute(select(User.id).where(User.public_id == said.get("umstripe_user", ""))).scalar()


def _noted(tx: Transaction, mode: str, found: list[Found], trigger: str) -> list[Found]:
    for one in found:
        _note(tx, mode, one, trigger)
    return found


def _note(tx: Transaction, mode: str, found: Found, trigger: str) -> None:
    description = f"Brought in line with Stripe: {found.stripe_object_id} was {found.here}, is {found.there}"
    line = {"trigger": trigger, "mode": mode, "user_id": found.user_id}
    Activity.write(tx, "stripe.synced", description, **line, details={"object": found.stripe_object_id})
