"""Every object of both modes: in memory, written through to a SQLite file when there is one.

Objects are never changed in place. What changes is replaced, so that a list or an event may hold on to
what it was given, and a failed transaction can put back what was there.
"""

from __future__ import annotations

import bisect
import contextlib
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]
Name = tuple[str, str]  # kind, mode

# fields by which the objects of a kind are looked up in lists
INDEXED: dict[str, tuple[str, ...]] = {
    "event": ("type",),
    "subscription": ("customer",),
    "charge": ("customer", "payment_intent"),
    "payment_intent": ("customer",),
    "payment_method": ("customer",),
    "invoice": ("customer",),
    "invoiceitem": ("customer",),
    "billing_portal.session": ("secret",),
    "refund": ("charge",),
    "dispute": ("charge",),
    "checkout.session": ("payment_intent", "subscription", "customer", "status"),
    "customer": ("email", "test_clock"),
    "price": ("product",),
    "_delivery": ("event",),
}


class Collection:
    """The objects of one kind and mode in the order of their making."""

    def __init__(self, kind: str) -> None:
        self.fields = INDEXED.get(kind, ())
        self.objects: dict[str, Json] = {}
        self.ids: list[str] = []
        self.positions: dict[str, int] = {}
        self.index: dict[tuple[str, Any], list[int]] = {}

    def put(self, object_id: str, thing: Json | None) -> Json | None:
        """Set or (with None) take away an object. Return what was there before."""
        before = self.objects.get(object_id)
        if thing is None:
            self.objects.pop(object_id, None)
            return before
        if object_id not in self.positions:
            self.positions[object_id] = len(self.ids)
            self.ids.append(object_id)
        self.objects[object_id] = thing
        for field in self.fields:
            self._point(field, thing.get(field), self.positions[object_id])
        return before

    def _point(self, field: str, value: Any, position: int) -> None:
        positions = self.index.setdefault((field, value), [])
        at = bisect.bisect_left(positions, position)
        if at == len(positions) or positions[at] != position:
            positions.insert(at, position)

    def newest_first(self, where: Json, before: int | None = None) -> Iterator[Json]:
        """Return objects older than place `before`, newest first, that have the values of `where`."""
        positions, end = self._positions(where, before)
        for at in range(end - 1, -1, -1):
            yield from self._at(positions[at] if positions is not None else at, where)

    def oldest_first(self, where: Json, after: int) -> Iterator[Json]:
        """Return objects newer than place `after`, oldest first, that have the values of `where`."""
        positions, start = self._positions(where, after + 1)
        for at in range(start, len(positions) if positions is not None else len(self.ids)):
            yield from self._at(positions[at] if positions is not None else at, where)

    def _positions(self, where: Json, bound: int | None) -> tuple[list[int] | None, int]:
        field = next((field for field in self.fields if field in where), None)
        if field is None:
            return None, len(self.ids) if bound is None else bound
        positions = self.index.get((field, where[field]), [])
        return positions, len(positions) if bound is None else bisect.bisect_left(positions, bound)

    def _at(self, position: int, where: Json) -> Iterator[Json]:
        thing = self.objects.get(self.ids[position])
        if thing is not None and all(thing.get(field) == value for field, value in where.items()):
            yield thing


class Store:
    """All collections, one lock, and all-or-nothing changes."""

    def __init__(self, path: str | None = None) -> None:
        self.lock = threading.RLock()
        self.collections: dict[Name, Collection] = {}
        self._undo: list[tuple[Name, str, Json | None]] = []
        self._after: list[Callable[[], None]] = []
        self._depth = 0
        self._file = _open(path) if path else None
        self._load()

    def collection(self, kind: str, mode: str) -> Collection:
        """Return the objects of one kind and mode."""
        return self.collections.setdefault((kind, mode), Collection(kind))

    def get(self, kind: str, mode: str, object_id: str) -> Json | None:
        """Return one object, or None."""
        return self.collection(kind, mode).objects.get(object_id)

    def put(self, kind: str, mode: str, object_id: str, thing: Json | None) -> None:
        """Set or (with None) remove an object. Only inside `transaction()`."""
        before = self.collection(kind, mode).put(object_id, thing)
        self._undo.append(((kind, mode), object_id, before))

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call this when the present transaction has ended well."""
        self._after.append(call)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes inside happen, or none. Inner transactions are part of the outer one."""
        with self.lock:
            self._depth += 1
            try:
                yield
                if self._depth == 1:
                    self._write()
            except BaseException:
                if self._depth == 1:
                    self._roll_back()
                raise
            finally:
                self._depth -= 1
            if self._depth == 0:
                self._settle()

    def _settle(self) -> None:
        # Still under the lock, so that what follows from two transactions keeps their order.
        calls, self._after = self._after, []
        self._undo.clear()
        for call in calls:
            call()

    def _roll_back(self) -> None:
        for (kind, mode), object_id, before in reversed(self._undo):
            self.collection(kind, mode).put(object_id, before)
        self._undo.clear()
        self._after.clear()

    def _write(self) -> None:
        if self._file is None or not self._undo:
            return
        touched = dict.fromkeys((kind, mode, object_id) for (kind, mode), object_id, _ in self._undo)
        with self._file:
            self._file.executemany(
                "INSERT INTO objects (kind, mode, id, body) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (kind, mode, id) DO UPDATE SET body = excluded.body",
                [(*name, _json(self.get(*name))) for name in touched],
            )

    def _load(self) -> None:
        if self._file is None:
            return
        for kind, mode, object_id, body in self._file.execute(
            "SELECT kind, mode, id, body FROM objects WHERE body IS NOT NULL ORDER BY place"
        ):
            self.collection(kind, mode).put(object_id, json.loads(body))

    def clear(self) -> None:
        """Forget everything, on the disk too."""
        with self.lock:
            self.collections.clear()
            self._undo.clear()
            if self._file is not None:
                with self._file:
                    self._file.execute("DELETE FROM objects")

    def close(self) -> None:
        """Close the file."""
        with self.lock:
            if self._file is not None:
                self._file.close()
                self._file = None


def _json(thing: Json | None) -> str | None:
    return None if thing is None else json.dumps(thing, separators=(",", ":"))


def _open(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS objects (place INTEGER PRIMARY KEY, kind TEXT NOT NULL, mode TEXT NOT NULL, "
        "id TEXT NOT NULL, body TEXT, UNIQUE (kind, mode, id))"
    )
    return connection
