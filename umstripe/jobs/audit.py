"""The audit: every subscription and every customer link is compared with Stripe (rule 4).

Stripe's lists are read in pages of 100. What looks otherwise there is asked for again by itself, so that
nothing is called a difference that a delivery settles meanwhile. Nothing is changed before a repair.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dbos import DBOS
from sqlalchemy import delete, func, insert, or_, select, update

from umstripe.database import Transaction, read, write
from umstripe.errors import MalformedObject, StripeRefused, UmstripeError
from umstripe.jobs import steps
from umstripe.models import Activity, Customer, Difference, Job, Settings, Subscription, User
from umstripe.models.snapshot import Snapshot
from umstripe.statuses import OVER
from umstripe.stripe_api import types
from umstripe.stripe_api.calls import Page
from umstripe.transactions import asking_stripe
from umstripe.webhooks import reconcile

BATCH_SIZE = 100


@DBOS.workflow(name="audit")
def audit(mode: str, and_repair: bool = False) -> None:
    """List every difference to Stripe; if asked to, repair them all. How far it is stands in its Job."""
    try:
        run, seen = begin_audit(mode), 0
        for kind in ("subscriptions", "customers"):
            after: str | None = None
            while True:
                after, seen = audit_page(mode, kind, run, after, seen)
                if after is None:
                    break
        while audit_unseen(mode, run):
            pass
        if finish_audit(mode, run, seen) and and_repair:
            repair_all(mode)
    except steps.FAILURES as error:
        steps.fail(mode, "audit", str(steps.cause(error)))


@DBOS.step(name="begin_audit", **steps.RETRIES)
def begin_audit(mode: str) -> int:
    """Return the run's number: what the last one of this mode had, and one more."""
    with steps.site(), read() as tx:
        numbers = (
            select(func.max(model.audited)).where(model.mode == mode) for model in (Customer, Subscription)
        )
        return max(tx.execute(number).scalar() or 0 for number in numbers) + 1


@DBOS.step(name="audit_page", **steps.RETRIES)
def audit_page(mode: str, kind: str, run: int, after: str | None, seen: int) -> tuple[str | None, int]:
    """Compare a page of Stripe's list. Return the id to go on after (None at the end) and how many were read."""
    with steps.site():
        is_subscriptions = kind == "subscriptions"
        with asking_stripe(mode) as stripe:
            page: Page[Any] = stripe.subscriptions(after) if is_subscriptions else stripe.customers(after)
        seen += len(page.items)
        with write() as tx:
            compare = _compare_subscriptions if is_subscriptions else _compare_customers
            suspects = compare(tx, mode, page, run)
            Job.tell(tx, mode, "audit", state="running", seen=seen)
        _list_drifts(mode, suspects)
        return page.after, seen


@DBOS.step(name="audit_unseen", **steps.RETRIES)
def audit_unseen(mode: str, run: int) -> bool:
    """Ask for a hundred of ours that Stripe's lists did not have. Return whether there may be more."""
    with steps.site():
        with read() as tx:
            suspects = _unseen(tx, mode, run)
        _list_drifts(mode, suspects)
        with write() as tx:
            for model in (Customer, Subscription):
                ours = Customer.id if model is Customer else Subscription.customer_id
                theirs = select(Customer.id).where(
                    Customer.mode == mode, Customer.stripe_customer_id.in_(suspects)
                )
                tx.execute(update(model).where(ours.in_(theirs)).values(audited=run))
        return len(suspects) == BATCH_SIZE


@DBOS.step(name="finish_audit", **steps.RETRIES)
def finish_audit(mode: str, run: int, seen: int) -> int:
    """Record the end. Return how many differences there are."""
    with steps.site(), write() as tx:
        count = _count_differences(tx, mode)
        Job.tell(tx, mode, "audit", state="done", seen=seen, found=count, error="")
        details = {"compared": seen, "differences": count}
        description = f"Compared with Stripe: {count} differences"
        Activity.write(tx, "stripe.audited", description, trigger="work", mode=mode, details=details)
        return count


@DBOS.workflow(name="repair")
def repair(mode: str) -> None:
    """Repair every difference that is listed."""
    try:
        repair_all(mode)
    except steps.FAILURES as error:
        steps.fail(mode, "repair", str(steps.cause(error)))


def repair_all(mode: str) -> None:
    customers = differing_customers(mode)
    repaired = 0
    for start in range(0, len(customers), BATCH_SIZE):
        repaired = repair_some(mode, customers[start : start + BATCH_SIZE], repaired, len(customers))
    finish_repair(mode, repaired, len(customers))


@DBOS.step(name="differing_customers", **steps.RETRIES)
def differing_customers(mode: str) -> list[str]:
    with steps.site(), read() as tx:
        query = select(Difference.stripe_customer_id).where(Difference.mode == mode).distinct()
        return list(tx.execute(query).scalars())


@DBOS.step(name="repair_some", **steps.RETRIES)
def repair_some(mode: str, customers: list[str], before: int, total: int) -> int:
    """Repair what differs with these customers. Return how many are repaired; the others keep their error."""
    with steps.site():
        repaired = before + sum(_repair(mode, customer) for customer in customers)
        with write() as tx:
            Job.tell(tx, mode, "repair", state="running", seen=repaired, found=total)
        return repaired


@DBOS.step(name="finish_repair", **steps.RETRIES)
def finish_repair(mode: str, repaired: int, total: int) -> None:
    with steps.site(), write() as tx:
        Job.tell(tx, mode, "repair", state="done", seen=repaired, found=total, error="")
        Job.tell(tx, mode, "audit", found=_count_differences(tx, mode))


def _count_differences(tx: Transaction, mode: str) -> int:
    return tx.execute(select(func.count(Difference.id)).where(Difference.mode == mode)).scalar_one()


def _repair(mode: str, stripe_customer_id: str) -> bool:
    try:
        reconcile.repair(mode, stripe_customer_id)
    except UmstripeError:
        return False
    return True


def _list_drifts(mode: str, suspects: list[str]) -> None:
    """List what really differs with each of these customers, in the place of what was listed before."""
    for customer in suspects:
        drifts, roles, error = _preview(mode, customer)
        with write() as tx:
            listed = (Difference.mode == mode, Difference.stripe_customer_id == customer)
            tx.execute(delete(Difference).where(*listed))
            for drift in drifts:
                columns = {"kind": drift.kind, "stripe_object_id": drift.stripe_object_id}
                about = {
                    "mode": mode,
                    "stripe_customer_id": customer,
                    "user_id": drift.user_id,
                    "roles": roles,
                }
                sides = {"here": drift.local[:300], "there": drift.remote[:300]}
                tx.execute(insert(Difference).values(**columns, **about, **sides, error=error))


def _preview(mode: str, customer: str) -> tuple[list[reconcile.Drift], reconcile.Roles, str]:
    """As reconcile.preview, with the reason when Stripe does not know the customer, or its answer cannot be read."""
    try:
        return *reconcile.preview(mode, customer), ""
    except MalformedObject as error:
        remote, reason = "not readable", str(error)
    except StripeRefused as refusal:
        if refusal.code != "resource_missing":
            raise
        remote, reason = "not known", str(refusal)
    return [reconcile.Drift("customer", customer, None, "linked", remote)], {}, reason[:1000]


def _compare_subscriptions(tx: Transaction, mode: str, page: Page[types.Subscription], run: int) -> list[str]:
    """Mark a page's subscriptions as seen. Return the customers with whom something differs."""
    ids = [subscription["id"] for subscription in page.items]
    seen = (Subscription.mode == mode, Subscription.stripe_subscription_id.in_(ids))
    tx.execute(update(Subscription).where(*seen).values(audited=run))
    snapshots = (Snapshot(mode, subscription, page.as_of) for subscription in page.items)
    return _unique(
        snapshot.object["customer"] for snapshot in snapshots if Subscription.differs(tx, snapshot)
    )


def _compare_customers(tx: Transaction, mode: str, page: Page[types.Customer], run: int) -> list[str]:
    """Mark a page's customers as seen. Return those whose link differs, and those that are listed as different."""
    ids = [customer["id"] for customer in page.items]
    theirs = (Customer.mode == mode, Customer.stripe_customer_id.in_(ids))
    tx.execute(update(Customer).where(*theirs).values(audited=run))
    query = select(Customer.stripe_customer_id, Customer.deleted, User.public_id).join(
        User, Customer.user_id == User.id
    )
    rows = {row.stripe_customer_id: row for row in tx.execute(query.where(*theirs))}
    instance_id = tx.execute(select(Settings.instance_id)).scalar_one()
    listed = (Difference.mode == mode, Difference.stripe_customer_id.in_(ids))
    again = tx.execute(select(Difference.stripe_customer_id).where(*listed)).scalars()
    differing = (
        customer["id"]
        for customer in page.items
        if _link_differs(customer, rows.get(customer["id"]), instance_id)
    )
    return _unique([*again, *differing])


def _link_differs(customer: types.Customer, row: Any, instance_id: str) -> bool:
    metadata = customer.get("metadata")
    is_ours = metadata is not None and metadata.get("umstripe_instance") == instance_id
    public_id = metadata.get("umstripe_user") if metadata is not None and is_ours else None
    if row is None:
        return public_id is not None
    return row.deleted or public_id not in (None, row.public_id)


def _unseen(tx: Transaction, mode: str, run: int) -> list[str]:
    """Return a hundred of our customers who were in no list, or one of whose subscriptions was in none."""
    is_unlisted = (Subscription.audited != run, Subscription.status.not_in(OVER))
    unlisted = select(Subscription.customer_id).where(*is_unlisted)
    unseen = or_(~Customer.deleted & (Customer.audited != run), Customer.id.in_(unlisted))
    query = select(Customer.stripe_customer_id).where(Customer.mode == mode, unseen)
    return list(tx.execute(query.order_by(Customer.id).limit(BATCH_SIZE)).scalars())


def _unique(customers: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(customers))
