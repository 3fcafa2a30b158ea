"""Commands end with a sentence when what they need is not as they need it: never with a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from tests import forks
from tests.databases import Postgres
from tests.people import PASSWORD
from tests.ports import free_port
from tests.processes import Process, umstripe
from umstripe.cli import failures, main

COMMANDS = {
    "migrate": ("migrate",),
    "web": ("web",),
    "worker": ("worker",),
    "setup-link": ("setup-link",),
    "create-admin": (
        *("create-admin", "--username", "ann", "--email", "ann@example.org"),
        *("--password", PASSWORD),
    ),
    "connect": (
        *(
            "connect",
            "test",
            "--publishable-key",
            f"pk_test_{'a' * 30}",
            "--secret-key",
            f"sk_test_{'a' * 30}",
        ),
        *("--site-url", "https://members.example.org"),
    ),
    "rotate-secret": ("rotate-secret", "test", "--site-url", "https://members.example.org"),
    "this-is": ("this-is", "copy", "--yes", "--force"),
    "import-prices": ("import-prices", "test", "--wait", "1"),
    "catch-up": ("catch-up", "test", "--wait", "1"),
    "audit": ("audit", "test", "--wait", "1"),
    "doctor": ("doctor",),
    "rotate-key": ("rotate-key", "secret"),
    "site-url": ("site-url", "https://members.example.org"),
}
STARTING_OTHERS = {"serve", "run", "simulator"}


def test_the_commands_are_all_those_of_the_program():
    assert set(COMMANDS) | STARTING_OTHERS == set(main.commands)


def away(database, environ, folder):
    port = free_port()
    sqlite = f"sqlite:///{folder}/missing/umstripe.sqlite"
    gone = f"postgresql://nobody@127.0.0.1:{port}/umstripe"
    environ["UMSTRIPE_DATABASE_URL"] = gone if isinstance(database, Postgres) else sqlite
    return "cannot be reached" if isinstance(database, Postgres) else "is missing"


def unmigrated(database, environ, folder):
    environ["UMSTRIPE_DATABASE_URL"] = database.empty()
    return "Run “umstripe migrate”."


def of_another_version(number):
    def prepare(database, environ, folder):
        from sqlalchemy import text

        from umstripe import create_app
        from umstripe.database import db, write

        with create_app(environ).app_context():
            with write() as tx:
                tx.execute(text("UPDATE alembic_version SET version_num = :number"), {"number": number})
            db.engine.dispose()
        return "earlier version" if number == "0001" else "newer version"

    return prepare


def read_only(database, environ, folder):
    url = environ["UMSTRIPE_DATABASE_URL"]
    if isinstance(database, Postgres):
        name = url.rpartition("/")[2].partition("?")[0]
        database._run(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    else:
        path = url.removeprefix("sqlite:///")
        environ["UMSTRIPE_DATABASE_URL"] = f"sqlite:///file:{path}?mode=ro&uri=true"
    return "read-only"


def keys_unreadable(database, environ, folder):
    del environ["UMSTRIPE_ENCRYPTION_KEYS"]
    instance = Path(environ["UMSTRIPE_INSTANCE"])
    instance.mkdir(exist_ok=True, parents=True)
    (instance / "encryption_keys").write_bytes(b"\xff\xfe\x00")
    return "encryption_keys"


def keys_in_the_way(database, environ, folder):
    del environ["UMSTRIPE_ENCRYPTION_KEYS"]
    (Path(environ["UMSTRIPE_INSTANCE"]) / "encryption_keys").mkdir(parents=True)
    return "encryption_keys"


SITUATIONS = {
    "away": away,
    "unmigrated": unmigrated,
    "older": of_another_version("0001"),
    "newer": of_another_version("9999"),
    "read-only": read_only,
    "keys unreadable": keys_unreadable,
    "keys a folder": keys_in_the_way,
}
WORKS = {("migrate", "unmigrated"), ("migrate", "older")}
READS = {("doctor", "read-only"), ("web", "read-only"), ("worker", "read-only"), ("migrate", "read-only")} | {
    ("rotate-key", "read-only")
}
"""What changes nothing of the site's tables, or writes to the worker's alone, which are another file on SQLite."""
WRITES_AT_ONCE = ("setup-link", "create-admin", "this-is")
"""The others say first that there are no Stripe keys."""


@pytest.mark.parametrize("situation", SITUATIONS)
def test_each_command_ends_with_a_sentence(database, environ, tmp_path, situation):
    words = SITUATIONS[situation](database, environ, tmp_path)
    environ["UMSTRIPE_BIND"] = f"127.0.0.1:{free_port()}"
    for name, command in COMMANDS.items():
        if (name, situation) in WORKS | READS:
            continue
        done = forks.run(umstripe(*command), environ)
        output = done.stdout + done.stderr
        assert "Traceback" not in output, (name, output)
        assert done.returncode == 1, (name, output)
        assert "umstripe: " in done.stderr, (name, output)
        if situation != "read-only" or name in WRITES_AT_ONCE:
            assert words in done.stderr, (name, output)


@pytest.mark.one_database
def test_a_full_disk_is_said(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/small.sqlite")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 3")
        with pytest.raises(OperationalError) as error:
            connection.exec_driver_sql("CREATE TABLE big AS SELECT zeroblob(100000) AS content")
    assert failures.message(error.value).endswith("is full. Free some space, then try again.")


@pytest.mark.parametrize("situation", ["away", "newer", "keys unreadable"])
def test_serve_ends_with_the_sentence_of_what_it_starts(database, environ, tmp_path, situation):
    words = SITUATIONS[situation](database, environ, tmp_path)
    served = Process("serve", umstripe("serve"), environ, tmp_path)
    served.begin()
    assert served.process.wait(60) == 1, served.log()
    assert words in served.log() and "Traceback" not in served.log()


@pytest.mark.parametrize("number", ["0001", "9999"])
def test_readyz_refuses_another_schema(database, environ, app, tmp_path, number):
    client = app.test_client()
    assert client.get("/readyz").json == {"status": "ok"}
    of_another_version(number)(database, environ, tmp_path)
    answer = client.get("/readyz")
    assert answer.status_code == 503 and answer.json["status"] == SCHEMAS[number]


SCHEMAS = {"0001": "older schema", "9999": "newer schema"}


def test_this_is_copy_asks_and_refuses_where_the_site_lives(app, environ):
    from umstripe.database import writing
    from umstripe.models import Settings, site_identity

    def run(*options):
        return forks.run(umstripe("this-is", "copy", *options), environ)

    asked = run()
    assert (
        asked.returncode == 1 and "Forget the Stripe keys" in asked.stdout and "Traceback" not in asked.stderr
    )
    with app.app_context(), writing():
        site_identity.confirm()
    refused = run("--yes")
    assert refused.returncode == 1 and "The site lives here." in refused.stderr
    with app.app_context():
        assert Settings.get().home
    assert "This is a copy" in run("--yes", "--force").stdout
