"""Columns that hold the normal form of others (see umstripe/normalization)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, String, Text, cast, event, inspect
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import InstrumentedAttribute, MappedColumn, Mapper, mapped_column

from umstripe.database import Model, Transaction
from umstripe.normalization import KEY_LENGTH, search_key

KEY_OF, MAKE = "key_of", "make"


def key_column(make: Callable[[str | None], str], source: str, **options: bool) -> MappedColumn[str]:
    """Return a column with the key of another one, which `make` returns."""
    return _column(String(KEY_LENGTH), make, (source,), options)


def search_column(*sources: str) -> MappedColumn[str]:
    """Return a column with the normal form of others, for `contains`."""
    return _column(Text(), search_key, sources, {"server_default": ""})


def _column(
    type_: String, make: Callable[..., str], sources: tuple[str, ...], options: dict[str, Any]
) -> MappedColumn[str]:
    """Filled in by every INSERT, of the ORM and of Core. A Core UPDATE of the source must set it too."""

    def default(context: DefaultExecutionContext) -> str:
        values = context.get_current_parameters()  # type: ignore[no-untyped-call]
        return make(*(values.get(name) for name in sources))

    return mapped_column(type_, default=default, info={KEY_OF: sources, MAKE: make}, **options)


def is_set_apart(key: InstrumentedAttribute[str], row_id: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Return the condition that a migration found the key taken by an older row, and put the row's id behind it."""
    return key.endswith("#" + cast(row_id, String))


@event.listens_for(Mapper, "before_update")
def _renew_keys(mapper: Mapper[Any], _connection: Transaction, target: Model) -> None:
    """Make a key anew when the ORM writes a changed source, and only then: a key that a migration had to set apart
    because of another row stays as it is."""
    state = inspect(target)
    for column in mapper.columns:
        sources = column.info.get(KEY_OF, ())
        if any(state.attrs[name].history.has_changes() for name in sources):
            values = (getattr(target, name) for name in sources)
            setattr(target, mapper.get_property_by_column(column).key, column.info[MAKE](*values))
