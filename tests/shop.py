"""A site with plans on offer, for tests of registering and buying."""

from __future__ import annotations

from typing import Any

from tests.people import PASSWORD
from tests.selling import rows

TYPED = {"username": "karl", "email": "karl@example.org", "password": PASSWORD}


def offer(app: Any, title: str, **values: Any) -> str:
    """A plan on offer, with a price of its own. Gives its short key. `values` are the plan's and the price's."""
    from umstripe.database import db, writing
    from umstripe.models import Plan, Price

    names = ("mode", "type", "currency", "unit_amount", "interval", "active")
    price = {"mode": "test", "type": "recurring", "currency": "usd", "unit_amount": 999, "interval": "month"}
    price |= {name: values.pop(name) for name in names if name in values}
    stripe_id = values.pop("stripe_price_id", f"price_{title.lower().replace(' ', '_')}")
    password = values.pop("password", "")
    with app.app_context(), writing():
        copied = Price(stripe_price_id=stripe_id, stripe_product_id="prod_1", as_of=1_600_000_000, **price)
        plan = Plan(price=copied, own_title=title, **values)
        if password:
            plan.set_password(password)
        db.session.add(plan)
        db.session.flush()
        return plan.short_key


def users(app: Any) -> list[str]:
    return [name for (name,) in rows(app, 'SELECT username FROM "user" ORDER BY id')]
