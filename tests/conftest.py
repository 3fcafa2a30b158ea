"""What every test of the site starts with: a migrated database of its own, on SQLite and on Postgres."""

from __future__ import annotations

import gc
import logging
from pathlib import Path

import pytest

from tests import caches
from tests.databases import Postgres, Sqlite, environ_for

QUICK_PASSWORDS = {
    f"argon2_nfkd__{name}": cost for name, cost in (("time_cost", 1), ("memory_cost", 64), ("parallelism", 1))
}
"""A login takes a tenth of a second on purpose; a thousand logins in tests need not."""
DATABASES = {"sqlite": Sqlite, "postgres": Postgres}
caches.install()


def pytest_collection_finish():
    """What is there by now stays until the end: the collector of garbage need not look through it again and again,
    which would take a seventh of the tests' time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_addoption(parser):
    parser.addoption("--database", choices=(*DATABASES, "both"), default="both", help="which to run on")


def pytest_generate_tests(metafunc):
    if "database" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--database")
        names = _databases_for(metafunc.definition) if chosen == "both" else [chosen]
        metafunc.parametrize("database", names, indirect=True, scope="session")


def _databases_for(test: pytest.Item) -> list[str]:
    """Both; one for what is marked so. What a browser shows is the same on both, and costs most: there the main job
    alone is tried on both."""
    in_browser = test.path.parent.name == "browser" and test.path.stem != "test_main_job_in_browser"
    return ["sqlite"] if in_browser or test.get_closest_marker("one_database") else list(DATABASES)


@pytest.fixture(scope="session")
def databases(tmp_path_factory):
    """Both servers, each started when the first test wants it."""
    running: dict[str, Sqlite | Postgres] = {}

    def get(name: str):
        if name not in running:
            running[name] = DATABASES[name](tmp_path_factory.mktemp(name))
        return running[name]

    yield get
    for one in running.values():
        one.close()


@pytest.fixture(scope="session")
def database(request, databases):
    return databases(request.param)


@pytest.fixture
def database_url(database):
    """The address of a fresh migrated database."""
    url = database.new()
    yield url
    database.drop(url)


@pytest.fixture
def environ(database_url, tmp_path) -> dict[str, str]:
    """The environment of a site. Tests add to it before they ask for `app`."""
    return environ_for(database_url, Path(tmp_path) / "instance")


@pytest.fixture
def app(environ):
    from umstripe import create_app, extensions
    from umstripe.database import db

    extensions.SECURITY["SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS"] = QUICK_PASSWORDS
    app = create_app(environ)
    logging.getLogger().handlers.clear()
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def client(app):
    from tests.people import Browserless

    return Browserless(app.test_client())


@pytest.fixture
def admin(app):
    """A client that is logged in as an administrator."""
    from tests.people import logged_in, make_administrator

    make_administrator(app)
    return logged_in(app, "admin")


@pytest.fixture
def site(database_url, tmp_path):
    """A site at a real simulator, where Jane has the Basic Plan."""
    from tests.members import AtBilling

    world = AtBilling(database_url, tmp_path)
    yield world
    world.stop()


@pytest.fixture
def jane(site):
    """Jane, logged in."""
    from tests.members import member

    return member(site.app)
