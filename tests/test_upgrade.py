"""A site of the version before, with people, plans and a membership, goes on after its migration.

`data/version_0005.json` holds the rows as that version wrote them: passwords as set-up and invitations hashed them,
with umlauts in two forms of Unicode, and names that are the same in their normal form.
"""

from __future__ import annotations

import json
import time
import unicodedata
from pathlib import Path

import pytest
from flask_migrate import upgrade
from sqlalchemy import inspect, text

from tests.databases import environ_for, migrate
from tests.people import PASSWORD, Browserless
from tests.selling import rows
from tests.stripe_events import deliver, subscription_event
from umstripe import create_app
from umstripe.database import db
from umstripe.memberships.effective_roles import effective_roles
from umstripe.models import Connection, Role, User

DATA = json.loads((Path(__file__).parent / "data" / "version_0005.json").read_text())
SITE = {"UMSTRIPE_SITE_URL": "https://club.example.org"}
UMLAUTS = "schöne Gärten im Mai"


@pytest.fixture
def app(database, tmp_path):
    url = database.empty()
    environ = environ_for(url, tmp_path / "instance", **SITE)
    before = create_app(environ)
    with before.app_context():
        upgrade(revision="0005")
        load(before)
        db.engine.dispose()
    migrate(url, tmp_path / "instance")
    after = create_app(environ)
    yield after
    with after.app_context():
        db.session.remove()
        db.engine.dispose()
    database.drop(url)


def load(app) -> None:
    """Put the rows in the place of those that a new database begins with."""
    with db.engine.begin() as connection:
        postgres = connection.dialect.name == "postgresql"
        tables = inspect(connection).get_table_names()
        if postgres:
            connection.execute(text("SET session_replication_role = replica"))
        else:
            connection.execute(text("PRAGMA defer_foreign_keys = ON"))
        for table in set(tables) - {"alembic_version"}:
            connection.execute(text(f'DELETE FROM "{table}"'))
        for table, found in DATA.items():
            for row in found:
                names = ", ".join(f'"{name}"' for name in row)
                values = ", ".join(f":{name}" for name in row)
                connection.execute(text(f'INSERT INTO "{table}" ({names}) VALUES ({values})'), row)
            if postgres and "id" in found[0]:
                sequence = f"pg_get_serial_sequence('\"{table}\"', 'id')"
                connection.execute(text(f'SELECT setval({sequence}, (SELECT max(id) FROM "{table}"))'))


def visitor(app) -> Browserless:
    client = app.test_client()
    client.environ_base |= {"wsgi.url_scheme": "https", "HTTP_HOST": "club.example.org"}
    return Browserless(client)


@pytest.mark.parametrize(
    ("username", "password"),
    [("plain", PASSWORD), ("admin", PASSWORD), ("umlaut", UMLAUTS), ("decomposed", UMLAUTS)],
)
def test_passwords_are_still_right_in_each_form_of_unicode(app, username, password):
    stored = unicodedata.normalize("NFD" if username == "decomposed" else "NFC", password)
    visitor(app).enter(username, stored)
    for form in ("NFC", "NFD"):
        visitor(app).enter(username, unicodedata.normalize(form, password))


def test_nobody_and_no_role_is_lost_and_the_membership_goes_on(app):
    names = {row["username"] for row in DATA["user"]}
    assert {name for (name,) in rows(app, 'SELECT username FROM "user"')} == names
    assert len(rows(app, "SELECT id FROM role")) == len(DATA["role"])
    with app.app_context():
        assert [role.name for role in effective_roles(User.with_username("jane"), int(time.time()))] == [
            "Active Member"
        ]
        assert [role.name for role in effective_roles(User.with_username("umlaut"), int(time.time()))] == [
            "Förderer"
        ]
        assert Role.named("Förderer").name == "Förderer"


def test_the_keys_can_be_read_and_deliveries_count(app):
    with app.app_context():
        assert Connection.of("test").secret_key == "sk_test_" + "b" * 30
    event = subscription_event(
        "past_due", 1_760_000_100, price="price_basic", customer="cus_jane", id_="sub_1"
    )
    event["id"] = "evt_after_the_upgrade"
    assert deliver(app.test_client(), event).json == {"result": "processed"}


def test_the_password_of_a_plan_is_still_right(app):
    key = DATA["plan"][0]["short_key"]
    person = visitor(app)
    page = person.submit(f"/subscribe/{key}", plan_password=unicodedata.normalize("NFD", "Träume"))
    assert "not the password" not in page.text and "Email Address" in page.text
