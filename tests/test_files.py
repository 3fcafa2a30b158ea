"""Keys, database and mails can be read by the site's own user alone."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from tests import forks
from tests.databases import environ_for
from tests.processes import umstripe


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def open_to_others(folder):
    return [path for path in (folder, *folder.rglob("*")) if mode(path) & 0o077]


@pytest.mark.one_database
def test_all_that_a_site_makes_is_closed(tmp_path):
    instance = tmp_path / "instance"
    environ = environ_for(f"sqlite:///{instance}/umstripe.sqlite", instance)
    del environ["UMSTRIPE_ENCRYPTION_KEYS"], environ["UMSTRIPE_SECRET_KEY"]
    assert forks.run(umstripe("migrate"), environ).returncode == 0
    assert {"secret_key", "encryption_keys", "umstripe.sqlite", "umstripe.sqlite.work"} <= {
        path.name for path in instance.iterdir()
    }
    assert mode(instance) == 0o700 and open_to_others(instance) == []


@pytest.mark.one_database
def test_the_folder_of_a_fresh_clone_is_closed_without_a_warning(tmp_path):
    instance = tmp_path / "instance"
    instance.mkdir(mode=0o755)
    (instance / "README").write_text("What a site writes here.")
    environ = environ_for(f"sqlite:///{instance}/umstripe.sqlite", instance)
    del environ["UMSTRIPE_ENCRYPTION_KEYS"], environ["UMSTRIPE_SECRET_KEY"]
    done = forks.run(umstripe("migrate"), environ)
    assert done.returncode == 0 and "could be read" not in done.stderr
    assert mode(instance) == 0o700


@pytest.mark.one_database
def test_what_is_open_is_closed_and_said_by_doctor(database_url, environ):
    database, instance = Path(database_url.removeprefix("sqlite:///")), Path(environ["UMSTRIPE_INSTANCE"])
    (instance / "mail").mkdir(parents=True)
    (instance / "mail" / "1.log").write_text("a link")
    for path in (instance, database, instance / "mail", instance / "mail" / "1.log"):
        path.chmod(0o755)
    said = forks.run(umstripe("doctor"), environ).stdout
    assert re.search(
        r"look\s+Files: Other users of this machine could read .*mail/1\.log.*closed now", said
    ), said
    assert open_to_others(instance) == [] and mode(database) == 0o700 & 0o755
    assert "ok      Files" in forks.run(umstripe("doctor"), environ).stdout


def test_the_health_page_closes_what_was_opened_meanwhile(app, admin):
    secret = Path(app.config["INSTANCE"]) / "secret_key"
    secret.parent.mkdir(exist_ok=True)
    secret.write_text("x")
    secret.chmod(0o644)
    assert "Only the site’s own user can read keys" in admin.get("/admin/health/").text
    assert mode(secret) == 0o600


def test_files_of_somebody_else_are_said(app, admin, monkeypatch):
    secret = Path(app.config["INSTANCE"]) / "secret_key"
    secret.parent.mkdir(exist_ok=True)
    secret.write_text("x")
    secret.chmod(0o644)

    def refuse(*_arguments, **_more):
        raise PermissionError(1, "Operation not permitted", str(secret))

    monkeypatch.setattr("pathlib.Path.chmod", refuse)
    assert f"Other users of this machine can read {secret}" in admin.get("/admin/health/").text
