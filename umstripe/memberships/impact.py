"""Whose effective roles a change of a plan's mapping changes: found by doing it in a transaction (rule 1, in SQL)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Select, and_, select, union

from umstripe.database import db
from umstripe.memberships.effective_roles import effective_roles_query
from umstripe.models import Customer, Price, Purchase, Role, Settings, Subscription, User

SHOWN = 20


@dataclass(frozen=True)
class Person:
    """One whose roles change: the user's id and username, names of the roles before and after."""

    id: int
    name: str
    before: list[str]
    after: list[str]


@dataclass(frozen=True)
class Impact:
    """`count` users' effective roles change: `gets` and `loses` say how many by role. `people` are the first of them."""

    count: int
    gets: dict[str, int]
    loses: dict[str, int]
    people: list[Person]

    @property
    def sentence(self) -> str:
        """`37 members: 30 get Silver, 2 lose Gold.`"""
        who = f"{self.count} {'member' if self.count == 1 else 'members'}"
        parts = [f"{number} {_verb('get', number)} {name}" for name, number in self.gets.items()]
        parts += [f"{number} {_verb('lose', number)} {name}" for name, number in self.loses.items()]
        return f"{who}: {', '.join(parts)}."


def of(prices: Iterable[Price], change: Callable[[], list[str]]) -> tuple[list[str], Impact]:
    """Change a plan of these prices; give what `change` gives, and whose roles it changes. Nothing is committed."""
    at, ids = int(time.time()), {price.id for price in prices}
    before = _roles_of_holders(ids, at)
    changes = change()
    db.session.flush()
    return changes, _between(before, _roles_of_holders(ids, at))


def _roles_of_holders(price_ids: set[int], at: int) -> dict[int, set[int]]:
    """Return the ids of the effective roles, by user, of everybody who has or had one of the prices."""
    settings = Settings.get()
    roles: dict[int, set[int]] = {}
    holders = [_holders(model, price_ids) for model in (Subscription, Purchase)]
    rows = effective_roles_query(at, settings.counted_modes, settings.replace_roles).subquery()
    query = select(rows.c.user_id, rows.c.role_id).where(rows.c.user_id.in_(union(*holders)))
    for user_id, role_id in db.session.execute(query):
        roles.setdefault(user_id, set()).add(role_id)
    return roles


def _holders(model: type[Subscription | Purchase], price_ids: set[int]) -> Select[int]:
    of_price = and_(model.mode == Price.mode, model.stripe_price_id == Price.stripe_price_id)
    query = select(Customer.user_id).join(model, model.customer_id == Customer.id).join(Price, of_price)
    return query.where(Price.id.in_(price_ids))


def _between(before: Mapping[int, set[int]], after: Mapping[int, set[int]]) -> Impact:
    users = before.keys() | after.keys()
    changed = {
        user_id: (before.get(user_id, set()), after.get(user_id, set()))
        for user_id in users
        if before.get(user_id) != after.get(user_id)
    }
    names = {role.id: role.name for role in Role.everything()} if changed else {}
    gets = Counter(names[role] for old, new in changed.values() for role in new - old)
    loses = Counter(names[role] for old, new in changed.values() for role in old - new)
    return Impact(len(changed), dict(gets), dict(loses), _people(changed, names))


def _people(changed: Mapping[int, tuple[set[int], set[int]]], names: Mapping[int, str]) -> list[Person]:
    first = sorted(changed)[:SHOWN]
    query = select(User.id, User.username).where(User.id.in_(first)).order_by(User.id)
    return [
        Person(user_id, name, *(sorted(names[role] for role in some) for some in changed[user_id]))
        for user_id, name in db.session.execute(query)
    ]


def _verb(word: str, number: int) -> str:
    return f"{word}s" if number == 1 else word
