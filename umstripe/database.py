"""How the site speaks to its database: one kind of write transaction, on SQLite and on Postgres."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Annotated, ClassVar

from cryptography.fernet import InvalidToken
from flask import Flask, current_app, has_app_context, has_request_context, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    BigInteger,
    Connection,
    DateTime,
    Dialect,
    MetaData,
    String,
    Table,
    TypeDecorator,
    event,
    text,
)
from sqlalchemy import Row as SQLRow
from sqlalchemy.orm import DeclarativeBase, ORMExecuteState, Session, declared_attr, mapped_column

from umstripe import engine
from umstripe.keys.files import EncryptionKeys

Transaction = Connection
"""An open transaction: SQLAlchemy's name for it is also that of a model, the keys of a Stripe account."""
Row = SQLRow[*tuple[object, ...]]
"""A row as Core reads it: its columns are attributes, which no type checker knows."""
Seconds = Annotated[int, mapped_column(BigInteger)]
"""A moment of Stripe's clock: whole seconds since 1970, UTC."""

READING_METHODS = {"GET", "HEAD", "OPTIONS"}


class Model(DeclarativeBase):
    """What every model inherits. Flask-SQLAlchemy's `db.Model` would be `Any` to a type checker."""

    __table__: ClassVar[Table]

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )

    @declared_attr.directive
    def __tablename__(cls) -> str:
        """Return the class's name in small letters with underscores."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


db = SQLAlchemy(metadata=Model.metadata, session_options={"expire_on_commit": False})

_writing: ContextVar[bool | None] = ContextVar("writing", default=None)
_locked: ContextVar[bool] = ContextVar("locked", default=False)


@contextlib.contextmanager
def write() -> Iterator[Transaction]:
    """Begin a write transaction of its own, apart from the session: all or nothing (rule 2).

    Yield a connection; commits at the end, rolls back on any error. Reading inside it is reading the
    newest state: on SQLite the lock is taken at the start, on Postgres rows are locked as they are read
    with `with_for_update`. A session that has only read gives up its transaction. Raise RuntimeError inside another
    one, which it would wait for, and while the session has unsaved changes: a fault of ours.
    """
    if _writing.get() or (has_app_context() and is_writing() and not _session_is_released()):
        raise RuntimeError("A write transaction begins inside another one")
    token = _writing.set(True)
    try:
        with db.engine.begin() as connection:
            locked = _locked.set(True)
            try:
                yield connection
            finally:
                _locked.reset(locked)
    finally:
        _writing.reset(token)


@contextlib.contextmanager
def read() -> Iterator[Transaction]:
    """One short transaction that only reads, whatever the request is."""
    token = _writing.set(False)
    try:
        with db.engine.connect() as connection:
            yield connection
    finally:
        _writing.reset(token)


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """Let the session write outside a request (commands, worker): commits at the end, rolls back on any error."""
    token = _writing.set(True)
    try:
        db.session.rollback()
        yield
        db.session.commit()
    except BaseException:
        db.session.rollback()
        raise
    finally:
        _writing.reset(token)


def _session_is_released() -> bool:
    """End the session's transaction if it has only read. Return False if it has changes.

    In a POST request already loading the logged-in user begins one, so no view could call `write` otherwise.
    """
    session = db.session()
    if not session.in_transaction():
        return True
    if session.info.get("changed") or session.new or session.dirty or session.deleted:
        return False
    session.commit()
    return True


def _watch_changes(session: Session, *_context: object) -> None:
    session.info["changed"] = True


def _watch_statements(state: ORMExecuteState) -> None:
    if not state.is_select:
        state.session.info["changed"] = True


def _forget_changes(session: Session, *_context: object) -> None:
    session.info.pop("changed", None)


event.listen(db.session, "after_flush", _watch_changes)
event.listen(db.session, "do_orm_execute", _watch_statements)
event.listen(db.session, "after_commit", _forget_changes)
event.listen(db.session, "after_rollback", _forget_changes)


def advisory_lock(tx: Transaction, name: str) -> None:
    """Wait until no other write transaction that has said this name is open. On SQLite that is so already."""
    if tx.dialect.name == "postgresql":
        tx.execute(_ADVISORY_LOCK, {"name": name})


_ADVISORY_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


def is_writing() -> bool:
    """Return whether a transaction that begins now is a write transaction: any request but GET, or inside `write`."""
    explicit = _writing.get()
    return (
        explicit if explicit is not None else has_request_context() and request.method not in READING_METHODS
    )


def ensure_no_write_transaction() -> None:
    """Raise RuntimeError inside an open write transaction: Stripe is never asked there (rule 9)."""
    if _writing.get() or (is_writing() and has_app_context() and db.session().in_transaction()):
        raise RuntimeError("Stripe is asked inside an open write transaction (rule 9)")


def init_app(app: Flask) -> None:
    app.config.setdefault("SQLALCHEMY_ENGINE_OPTIONS", engine.options(app.config["SQLALCHEMY_DATABASE_URI"]))
    db.init_app(app)
    app.extensions["fernet"] = EncryptionKeys(
        app.config["ENCRYPTION_KEYS"], app.config["KEY_FILES"]["encryption"]
    )
    with app.app_context():
        engine.prepare(db.engine, _takes_lock)


def _takes_lock() -> bool:
    """Return whether a transaction that begins now writes. Raise RuntimeError where it would wait for one of ours."""
    if is_writing() and _locked.get():
        raise RuntimeError("The session is used inside a write transaction, which it would wait for")
    return is_writing()


def now() -> datetime:
    return datetime.now(UTC)


class UTCDateTime(TypeDecorator[datetime]):
    """A moment of our own clock, in UTC; always aware in Python."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value else None


class _Unreadable(str):
    """What was stored with a key that is not here: as good as nothing, but not the same as nothing."""


UNREADABLE = _Unreadable()
WITHOUT_ITS_KEY = (
    "The stored Stripe keys cannot be read with UMSTRIPE_ENCRYPTION_KEYS. "
    "Give back the encryption key that they were stored with."
)


class Encrypted(TypeDecorator[str]):
    """Text that is unreadable in the database, a dump or a backup (Fernet; several keys while one is rotated).

    Without its key it is UNREADABLE, so that the pages of a copied database come up and can say what it is.
    """

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        return current_app.extensions["fernet"].encrypt(value.encode()).decode() if value else None

    def process_result_value(self, value: str | None, _dialect: Dialect) -> str | None:
        try:
            return current_app.extensions["fernet"].decrypt(value).decode() if value else None
        except InvalidToken:
            return UNREADABLE
