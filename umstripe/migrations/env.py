"""Alembic's way in: the site's own engine and models."""

import warnings

from alembic import context

from umstripe.database import db, writing

# Tables are made anew in batches, and beside them SQLAlchemy looks at others. It cannot read their unique indexes over
# lower(…). These stay as they are, which tests/test_migrations.py holds.
warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based index")


def run() -> None:
    with writing(), db.engine.connect() as connection, _loose(connection), connection.begin():
        context.configure(
            connection=connection, target_metadata=db.metadata, render_as_batch=True, compare_type=True
        )
        with context.begin_transaction():
            context.run_migrations()
        _must_be_whole(connection)


class _loose:
    """On SQLite a changed table is made anew and the old one dropped, which would take with it the rows of other
    tables that point to it. So foreign keys rest meanwhile, and are checked before the end."""

    def __init__(self, connection) -> None:
        self.raw = connection.connection.dbapi_connection if connection.dialect.name == "sqlite" else None

    def __enter__(self) -> None:
        if self.raw:
            self.raw.execute("PRAGMA foreign_keys=OFF")

    def __exit__(self, *_error) -> None:
        if self.raw:
            self.raw.execute("PRAGMA foreign_keys=ON")


def _must_be_whole(connection) -> None:
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if broken:
            raise RuntimeError(f"The migration would leave rows that point nowhere: {broken[:5]}")


run()
