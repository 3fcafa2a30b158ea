"""A site that sells: signing secrets, roles, a plan of each type, a member. And what a test sees of its database."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import text

from tests.people import make_user
from tests.stripe_events import SECRETS

STATUSES = ("active", "unpaid", "paused", "past_due", "canceled", "trialing")
PURCHASE_STATUSES = ("paid", "refunded", "expired", "pending")


def role_for(status: str) -> str:
    """The name of the role that the tests' plans give in a status."""
    return f"{status.replace('_', ' ').title()} Member"


def open_shop(app: Any) -> None:
    """Both signing secrets, a role for each status, a recurring and a one-time plan, and Jane."""
    from umstripe.database import writing
    from umstripe.models import Connection, Role

    with app.app_context(), writing():
        for mode, secret in SECRETS.items():
            Connection.of(mode).endpoint_secret = secret
        for status in (*STATUSES, *PURCHASE_STATUSES, "incomplete"):
            Role.create(role_for(status))
    make_plan(app, "price_basic", STATUSES, nickname="Basic", interval="month")
    make_plan(app, "price_lifetime", PURCHASE_STATUSES, nickname="Lifetime", type="one_time")
    make_user(app, "jane")


def make_plan(app: Any, price_id: str, statuses: Any, mode: str = "test", **price: Any) -> int:
    """A plan that gives `role_for(status)` in each of the statuses."""
    from umstripe.database import db, writing
    from umstripe.models import Plan, PlanRole, Price, Role

    values = {"type": "recurring", "currency": "usd", "unit_amount": 999, "as_of": 1_600_000_000, **price}
    with app.app_context(), writing():
        copied = Price(mode=mode, stripe_price_id=price_id, stripe_product_id=f"prod_of_{price_id}", **values)
        plan = Plan(price=copied)
        for status in statuses:
            plan.roles[status] = PlanRole(status=status, role=Role.named(role_for(status)))
        db.session.add(plan)
        db.session.flush()
        return plan.id


def snapshot(app: Any) -> dict[str, list[tuple]]:
    """Every row of every table."""
    from umstripe.database import Model, read

    with app.app_context(), read() as tx:
        tables = Model.metadata.sorted_tables
        return {table.name: sorted(map(repr, tx.execute(table.select()).all())) for table in tables}


def changes(before: dict, after: dict) -> dict[str, int]:
    """Which tables differ, and by how many rows: new ones, and changed ones counted once."""
    found = {name: len(set(after[name]) - set(before[name])) for name in after}
    gone = {
        name: len(before[name]) - len(after[name]) for name in after if len(after[name]) < len(before[name])
    }
    assert not gone, f"rows have gone: {gone}"
    return {name: number for name, number in found.items() if number}


def rows(app: Any, query: str, **values: Any) -> list[tuple]:
    from umstripe.database import read

    with app.app_context(), read() as tx:
        return [tuple(row) for row in tx.execute(text(query), values)]


def roles_of(app: Any, username: str) -> list[str]:
    from umstripe.database import db
    from umstripe.memberships.effective_roles import effective_roles
    from umstripe.models import User

    with app.app_context():
        found = [role.name for role in effective_roles(User.with_username(username), int(time.time()))]
        db.session.rollback()
        return found


def settings(app: Any, **values: Any) -> None:
    from umstripe.database import writing
    from umstripe.models import Settings

    with app.app_context(), writing():
        Settings.get().change(values)
