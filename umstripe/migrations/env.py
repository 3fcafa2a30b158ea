"""Alembic's way in: the site's own engine and models."""

from alembic import context

from umstripe.database import db, writing


def run() -> None:
    with writing(), db.engine.begin() as connection:
        context.configure(
            connection=connection, target_metadata=db.metadata, render_as_batch=True, compare_type=True
        )
        with context.begin_transaction():
            context.run_migrations()


run()
