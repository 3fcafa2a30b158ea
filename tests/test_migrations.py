"""Migrations: an empty database and one with data, on both servers, end in what the models say."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from tests.databases import environ_for, migrate
from tests.selling import open_shop, rows, snapshot


def made(url, folder):
    from umstripe import create_app

    return create_app(environ_for(url, folder))


def names_that_are_held_unique(app):
    """The keys that the database itself holds unique."""
    from umstripe.database import db

    with app.app_context():
        look = inspect(db.engine)
        return {one["name"] for table in ("user", "role") for one in look.get_unique_constraints(table)}


def test_the_migrations_make_what_the_models_say(database_url, tmp_path):
    from umstripe.database import Model, db

    with made(database_url, tmp_path).app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, Model.metadata)
    assert differences == []


def test_migrating_again_keeps_every_row(database_url, tmp_path):
    app = made(database_url, tmp_path)
    open_shop(app)
    before = snapshot(app)
    migrate(database_url, tmp_path)
    assert snapshot(app) == before


def test_down_and_up_again_gives_an_empty_site(database, tmp_path):
    from flask_migrate import downgrade, upgrade

    from umstripe.database import db

    url = database.new()
    app = made(url, tmp_path)
    open_shop(app)
    with app.app_context():
        downgrade(revision="base")
        upgrade()
    found = snapshot(app)
    assert len(found["role"]) == 2 and len(found["connection"]) == 2 and found["user"] == []
    with app.app_context():
        db.engine.dispose()
    database.drop(url)


def test_readyz_tells_when_the_database_is_not_there(database, tmp_path):
    url = database.empty()
    answer = made(url, tmp_path).test_client().get("/readyz")
    assert (answer.status_code, answer.json) == (503, {"status": "not migrated"})
    database.drop(url)


def test_an_error_page_comes_up_even_without_a_database(database, tmp_path):
    url = database.empty()
    client = made(url, tmp_path).test_client()
    assert "Page not found" in client.get("/nothing").text
    broken = client.get("/login")
    assert broken.status_code in (200, 500) and "Traceback" not in broken.text
    database.drop(url)


def test_an_older_database_with_data_keeps_all_of_it(database, tmp_path):
    """From the version before the last one: what was there is there, with what is new at its default."""
    from flask_migrate import downgrade, upgrade

    from umstripe.database import db

    url = database.new()
    app = made(url, tmp_path)
    open_shop(app)
    before = snapshot(app)
    with app.app_context():
        downgrade(revision="0002")
        upgrade()
    after = snapshot(app)
    for table in ("plan_role", "manual_role", "customer", "user", "price", "role", "settings", "connection"):
        assert len(before[table]) == len(after[table]), table
    assert before["plan_role"] == after["plan_role"] and before["customer"] == after["customer"]
    assert len(set(rows(app, "SELECT short_key FROM plan"))) == 2
    assert names_that_are_held_unique(app) >= {
        *("uq_role_name_key", "uq_user_email_key", "uq_user_username_key", "uq_user_public_id"),
    }
    with app.app_context():
        db.engine.dispose()
    database.drop(url)
