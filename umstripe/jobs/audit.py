"""The audit: every subscription and every customer link is compared with Stripe (rule 4).

Stripe's lists are read in pages of 100. What looks otherwise there is asked for again by itself, so that
nothing is called a difference that a delivery settles meanwhile. Nothing is changed before a repair.
"""

from __future__ import annotations

from typing import Any

from dbos import DBOS
from sqlalchemy import delete, insert, or_, select, update

from umstripe.database import Transaction, db, read, write
from umstripe.errors import MalformedObject, StripeRefused, UmstripeError
from umstripe.jobs import steps
from umstripe.models import Activity, Connection, Customer, Difference, Job, Settings, Subscription, User
from umstripe.models.snapshot import Snapshot
from umstripe.statuses import OVER
from umstripe.stripe_api.client import Page
from umstripe.webhooks import reconcile

AT_ONCE = 100


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
    except steps.GAVE_UP as error:
        steps.fail(mode, "audit", str(steps.cause(error)))


@DBOS.step(name="begin_audit", **steps.RETRIES)
def begin_audit(mode: str) -> int:
    """Give the run's number: what the last one of this mode had, and one more."""
    with steps.site(), read() as tx:
        numbers = (
            select(db.func.max(model.audited)).where(model.mode == mode) for model in (Customer, Subscription)
        )
        return max(tx.execute(number).scalar() or 0 for number in numbers) + 1


@DBOS.step(name="audit_page", **steps.RETRIES)
def audit_page(mode: str, kind: str, run: int, after: str | None, seen: int) -> tuple[str | None, int]:
    """Compare a page of Stripe's list. Gives the id to go on after (None at the end) and how many were read."""
    with steps.site():
        stripe = Connection.of(mode).stripe()
        db.session.rollback()
        page = stripe.subscriptions(after) if kind == "subscriptions" else stripe.customers(after)
        look = _subscriptions if kind == "subscriptions" else _customers
        seen += len(page.items)
        with write() as tx:
            suspects = look(tx, mode, page, run)
            Job.tell(tx, mode, "audit", state="running", seen=seen)
        _examine(mode, suspects)
        return page.after, seen


@DBOS.step(name="audit_unseen", **steps.RETRIES)
def audit_unseen(mode: str, run: int) -> bool:
    """Ask for a hundred of ours that Stripe's lists did not have. Gives whether there may be more."""
    with steps.site():
        with read() as tx:
            suspects = _unseen(tx, mode, run)
        _examine(mode, suspects)
        with write() as tx:
            for model in (Customer, Subscription):
                ours = Customer.id if model is Customer else Subscription.customer_id
                theirs = select(Customer.id).where(
                    Customer.mode == mode, Customer.stripe_customer_id.in_(suspects)
                )
                tx.execute(update(model).where(ours.in_(theirs)).values(audited=run))
        return len(suspects) == AT_ONCE


@DBOS.step(name="finish_audit", **steps.RETRIES)
def finish_audit(mode: str, run: int, seen: int) -> int:
    """Write down the end. Gives how many differences there are."""
    with steps.site(), write() as tx:
        number = select(db.func.count(Difference.id)).where(Difference.mode == mode)
        found = tx.execute(number).scalar_one()
        Job.tell(tx, mode, "audit", state="done", seen=seen, found=found, error="")
        line = {"trigger": "work", "mode": mode, "details": {"compared": seen, "differences": found}}
        Activity.write(tx, "stripe.audited", f"Compared with Stripe: {found} differences", **line)
        return found


@DBOS.workflow(name="repair")
def repair(mode: str) -> None:
    """Repair every difference that is listed."""
    try:
        repair_all(mode)
    except steps.GAVE_UP as error:
        steps.fail(mode, "repair", str(steps.cause(error)))


def repair_all(mode: str) -> None:
    customers = differing_customers(mode)
    repaired = 0
    for start in range(0, len(customers), AT_ONCE):
        repaired = repair_some(mode, customers[start : start + AT_ONCE], repaired, len(customers))
    finish_repair(mode, repaired, len(customers))


@DBOS.step(name="differing_customers", **steps.RETRIES)
def differing_customers(mode: str) -> list[str]:
    with steps.site(), read() as tx:
        return list(
            tx.execute(
                select(Difference.stripe_customer_id).where(Difference.mode == mode).distinct()
            ).scalars()
        )


@DBOS.step(name="repair_some", **steps.RETRIES)
def repair_some(mode: str, customers: list[str], before: int, total: int) -> int:
    """Repair what differs with these customers. Gives how many are repaired; the others keep their error."""
    with steps.site():
        repaired = before + sum(_repaired(mode, one) for one in customers)
        with write() as tx:
            Job.tell(tx, mode, "repair", state="running", seen=repaired, found=total)
        return repaired


@DBOS.step(name="finish_repair", **steps.RETRIES)
def finish_repair(mode: str, repaired: int, total: int) -> None:
    with steps.site(), write() as tx:
        left = tx.execute(select(db.func.count(Difference.id)).where(Difference.mode == mode)).scalar_one()
        Job.tell(tx, mode, "repair", state="done", seen=repaired, found=total, error="")
        Job.tell(tx, mode, "audit", found=left)


def _repaired(mode: str, stripe_customer_id: str) -> bool:
    try:
        reconcile.settle(mode, stripe_customer_id)
    except UmstripeError:
        return False
    return True


def _examine(mode: str, suspects: list[str]) -> None:
    """List what really differs with each of these customers, in the place of what was listed before."""
    for customer in suspects:
        found, effect, error = _compared(mode, customer)
        with write() as tx:
            tx.execute(
                delete(Difference).where(Difference.mode == mode, Difference.stripe_customer_id == customer)
            )
            for one in found:
                said = vars(one) | {"here": one.here[:300], "there": one.there[:300]}
                new = {"mode": mode, "stripe_customer_id": customer, "roles": effect, "error": error, **said}
                tx.execute(insert(Difference).values(new))


def _compared(mode: str, customer: str) -> tuple[list[reconcile.Found], dict[str, Any], str]:
    """As truth.differences, and why nothing can be said of a customer whom Stripe does not know or says oddly."""
    try:
        return *reconcile.differences(mode, customer), ""
    except MalformedObject as unusable:
        return (
            [reconcile.Found("customer", customer, None, "linked", "not readable")],
            {},
            str(unusable)[:1000],
        )
    except StripeRefused as refusal:
        if refusal.code != "resource_missing":
            raise
        return [reconcile.Found("customer", customer, None, "linked", "not known")], {}, str(refusal)[:1000]


def _subscriptions(tx: Transaction, mode: str, page: Page, run: int) -> list[str]:
    """Mark a page's subscriptions as seen. Gives the customers with whom something differs."""
    ids = [one["id"] for one in page.items]
    seen = (Subscription.mode == mode, Subscription.stripe_subscription_id.in_(ids))
    tx.execute(update(Subscription).where(*seen).values(audited=run))
    states = (Snapshot(mode, one, page.as_of) for one in page.items)
    return _once(state.object["customer"] for state in states if Subscription.differs(tx, state))


def _customers(tx: Transaction, mode: str, page: Page, run: int) -> list[str]:
    """Mark a page's customers as seen. Gives those whose link differs, and those that are listed as different."""
    ids = [one["id"] for one in page.items]
    theirs = (Customer.mode == mode, Customer.stripe_customer_id.in_(ids))
    tx.execute(update(Customer).where(*theirs).values(audited=run))
    query = select(Customer.stripe_customer_id, Customer.deleted, User.public_id).join(
        User, Customer.user_id == User.id
    )
    ours = {row.stripe_customer_id: row for row in tx.execute(query.where(*theirs))}
    instance = tx.execute(select(Settings.instance_id)).scalar_one()
    listed = (Difference.mode == mode, Difference.stripe_customer_id.in_(ids))
    again = tx.execute(select(Difference.stripe_customer_id).where(*listed)).scalars()
    return _once(
        [*again, *(one["id"] for one in page.items if _link_differs(one, ours.get(one["id"]), instance))]
    )


def _link_differs(customer: dict[str, Any], row: Any, instance: str) -> bool:
    said = customer.get("metadata") or {}
    made_for = said.get("umstripe_user") if said.get("umstripe_instance") == instance else None
    if row is None:
        return made_for is not None
    return row.deleted or made_for not in (None, row.public_id)


def _unseen(tx: Transaction, mode: str, run: int) -> list[str]:
    """A hundred of our customers who were in no list, or one of whose subscriptions was in none."""
    lost = select(Subscription.customer_id).where(
        Subscription.audited != run, Subscription.status.not_in(OVER)
    )
    unseen = or_(~Customer.deleted & (Customer.audited != run), Customer.id.in_(lost))
    query = select(Customer.stripe_customer_id).where(Customer.mode == mode, unseen)
    return list(tx.execute(query.order_by(Customer.id).limit(AT_ONCE)).scalars())


def _once(customers: Any) -> list[str]:
    return list(dict.fromkeys(customers))
