"""What every site of the tests would make anew, made once: compiled routes, SQL and templates.

A test's site is made by `create_app` like any other, and shares no state with those before it. Only what is computed
from the code alone, and so is the same for each of them, is kept: it was half of the time of a test.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

TEMPLATES = Path(tempfile.gettempdir()) / "umstripe-tests-templates"


def install() -> None:
    """Make every site of this process use the caches."""
    TEMPLATES.mkdir(exist_ok=True)
    Flask.jinja_options = {"bytecode_cache": TemplateCache(str(TEMPLATES))}
    _keep_routes()
    _keep_sql()


class TemplateCache(FileSystemBytecodeCache):
    """Templates' code, for all test processes in files, and in memory once it has been read."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self.code: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self.code.get((bucket.key, bucket.checksum))
        if bucket.code is None:
            super().load_bytecode(bucket)
            self._keep(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        super().dump_bytecode(bucket)
        self._keep(bucket)

    def _keep(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self.code[bucket.key, bucket.checksum] = bucket.code


def _keep_routes() -> None:
    """What builds a rule's addresses depends on nothing but its parts: Werkzeug's own converters are looked up later."""
    compile_builder: Callable[[Rule, bool], Any] = Rule._compile_builder
    builders: dict[tuple, Any] = {}

    def kept(rule: Rule, append_unknown: bool = True) -> Any:
        key = (tuple(rule._trace), append_unknown, repr(rule.defaults))
        if key not in builders:
            builders[key] = compile_builder(rule, append_unknown)
        return builders[key]

    Rule._compile_builder = kept  # type: ignore[method-assign]


def _keep_sql() -> None:
    """A statement is compiled for a dialect, and those of all the tests' databases of a kind are the same."""
    for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):
        dialect.__eq__ = lambda self, other: type(self) is type(other)  # type: ignore[method-assign]
        dialect.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign]
    make_engine, compiled = SQLAlchemy._make_engine, LRUCache(5000)

    def sharing(*arguments: Any) -> Any:
        engine = make_engine(*arguments)
        engine._compiled_cache = compiled
        return engine

    SQLAlchemy._make_engine = sharing  # type: ignore[method-assign]
