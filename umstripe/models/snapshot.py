"""Copies of Stripe's objects, and when a new state may be written over an old one (rule 3)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Select, Table, Update, and_, bindparam, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from umstripe.database import Row, Seconds, Transaction

StripeObject = Mapping[str, Any]
"""An object of Stripe's, checked when it arrived: stripe_api/types says which fields are read."""
AMBIGUOUS_SECONDS = 2
NEVER_WRITTEN = 0
MOST_REVISIONS = 2**31 - 2**20
"""The column holds 31 bits; a bulk update counts on from what it finds."""


@dataclass(frozen=True)
class Snapshot:
    """An object of Stripe's, and as of when it is true.

    `as_of` is in seconds of Stripe's clock: the event's `created`, or the `Date` header of the answer that
    brought it. `seen` is the revision of our row before the fetch, `None` for the state in an event. `covers` are the
    events that were here before the fetch, if not only one; it says nothing about others that came meanwhile.
    """

    mode: str
    object: StripeObject
    as_of: int
    seen: int | None = None
    covers: frozenset[str] | None = None

    @property
    def id(self) -> str:
        return str(self.object["id"])


class NeedsFetch(Exception):
    """Nobody can tell which of two states is newer: the object must be fetched, then tried again.

    `kind` is Stripe's word for the object (`subscription`), `revision` that of the row that was found,
    `covers` as in Snapshot.
    """

    def __init__(self, kind: str, stripe_id: str, revision: int = NEVER_WRITTEN) -> None:
        super().__init__(f"{kind} {stripe_id} must be fetched")
        self.kind, self.stripe_id, self.revision = kind, stripe_id, revision
        self.covers: frozenset[str] | None = None


class SyncedColumns:
    """Columns of every copied object. `revision` names the last write, so that a fetch notices another one.

    It is drawn and not counted: what was rolled back must not have the name of what another one has committed.
    """

    as_of: Mapped[Seconds] = mapped_column()
    revision: Mapped[int] = mapped_column(default=1)


def is_newer(row: Row | None, state: Snapshot, values: Mapping[str, object], kind: str) -> bool:
    """Return whether `values` (of `state`) may be written over `row`: False for older, raise NeedsFetch for neither.

    Within two seconds either way an event's whole seconds do not tell the order. Then only an answer counts
    that was fetched after the row's present state was read; anything else is fetched (again).
    """
    if row is None or state.seen == row.revision or state.as_of > row.as_of + AMBIGUOUS_SECONDS:
        return True
    if state.as_of < row.as_of - AMBIGUOUS_SECONDS:
        return False
    if all(getattr(row, name) == value for name, value in values.items()):
        return True
    raise NeedsFetch(kind, state.id, row.revision)


def write(
    tx: Transaction, table: Table, row: Row | None, state: Snapshot, values: Mapping[str, object]
) -> None:
    """Insert the copy, or update the row that was read and locked. `as_of` never goes back."""
    if row is None:
        tx.execute(insert(table), dict(values, mode=state.mode, as_of=state.as_of, revision=_new_revision()))
    else:
        changed = dict(values, as_of=max(state.as_of, row.as_of), revision=_new_revision())
        tx.execute(_update(table), {"row_id": row.id, **changed})


def id_of(value: str | Mapping[str, str] | None) -> str | None:
    """Return the id of what may be an id or, expanded, an object; None for neither."""
    return value["id"] if isinstance(value, Mapping) else value


def _new_revision() -> int:
    return 1 + secrets.randbelow(MOST_REVISIONS)


def get_for_update(
    tx: Transaction, table: Table, mode: str, column: str, stripe_id: str | None
) -> Row | None:
    """Return the row that has one of Stripe's ids, locked for this transaction, or None."""
    return tx.execute(_select(table, column), {"mode": mode, "stripe_id": stripe_id}).one_or_none()


def get(tx: Transaction, table: Table, mode: str, column: str, stripe_id: str | None) -> Row | None:
    """Return the row that has one of Stripe's ids, or None."""
    return tx.execute(_select(table, column, False), {"mode": mode, "stripe_id": stripe_id}).one_or_none()


@cache
def _select(table: Table, column: str, lock: bool = True) -> Select[Any]:
    """Made once: building a statement takes longer than running it."""
    same_id = and_(table.c.mode == bindparam("mode"), table.c[column] == bindparam("stripe_id"))
    return select(table).where(same_id).with_for_update() if lock else select(table).where(same_id)


@cache
def _update(table: Table) -> Update:
    return update(table).where(table.c.id == bindparam("row_id"))
