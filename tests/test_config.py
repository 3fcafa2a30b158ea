"""The environment: every value that is wrong stops the start with one sentence that names it."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests import forks
from tests.processes import umstripe
from umstripe.config import load
from umstripe.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("UMSTRIPE_DATABASE_URL", "mysql://localhost/x"),
        ("UMSTRIPE_DATABASE_URL", "nonsense"),
        ("UMSTRIPE_DATABASE_URL", "sqlite://"),
        ("UMSTRIPE_SECRET_KEY", "short"),
        ("UMSTRIPE_ENCRYPTION_KEYS", "not-a-key"),
        ("UMSTRIPE_ENCRYPTION_KEYS", ","),
        ("UMSTRIPE_SITE_URL", "members.example.org"),
        ("UMSTRIPE_SITE_URL", "https://members.example.org/path"),
        ("UMSTRIPE_SITE_URL", "https://[oops"),
        ("UMSTRIPE_STRIPE_API_BASE", "ftp://x"),
        ("UMSTRIPE_WEBHOOK_SECRET_TEST", "sk_test_123"),
        ("UMSTRIPE_WEBHOOK_SECRET_LIVE", "whatever"),
        ("UMSTRIPE_MAIL_URL", "mail.example.org"),
        ("UMSTRIPE_MAIL_URL", "smtp://mail.example.org:many"),
        ("UMSTRIPE_MAIL_FROM", "Choir"),
        ("UMSTRIPE_MAIL_FROM", "a@b@c"),
        ("UMSTRIPE_MAIL_FROM", "choir@example.org\nBcc: all@example.org"),
        ("UMSTRIPE_TRUSTED_PROXIES", "-1"),
        ("UMSTRIPE_TRUSTED_PROXIES", "many"),
        ("UMSTRIPE_TRUSTED_PROXIES", "6"),
        ("UMSTRIPE_HSTS", "a year"),
        ("UMSTRIPE_HSTS", "-1"),
        ("UMSTRIPE_HSTS", "²"),
        ("UMSTRIPE_HSTS", "9" * 30),
        ("UMSTRIPE_BIND", "8000"),
        ("UMSTRIPE_BIND", "127.0.0.1:99999"),
    ],
)
def test_a_bad_value_is_named_in_one_sentence(tmp_path, name, value):
    with pytest.raises(ConfigError) as error:
        load({"UMSTRIPE_INSTANCE": str(tmp_path), name: value})
    assert str(error.value).startswith(name) and "\n" not in str(error.value)


def test_a_bad_value_stops_a_command_without_a_trace(tmp_path):
    environ = {**os.environ, "UMSTRIPE_INSTANCE": str(tmp_path), "UMSTRIPE_BIND": "nonsense"}
    for command in ("migrate", "web", "worker", "serve"):
        done = forks.run(umstripe(command), environ)
        assert done.returncode == 1 and "Traceback" not in done.stderr, (command, done.stderr)
        assert "umstripe: UMSTRIPE_BIND must be host:port" in done.stderr


def test_the_keys_are_made_once_and_for_their_owner_s_eyes_only(tmp_path):
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: load({"UMSTRIPE_INSTANCE": str(tmp_path)}), range(8)))
    for name in ("SECRET_KEY", "ENCRYPTION_KEYS"):
        assert len({str(one[name]) for one in found}) == 1
    for name in ("secret_key", "encryption_keys"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_an_instance_folder_that_cannot_be_used_is_named(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ConfigError, match="UMSTRIPE_INSTANCE"):
        load({"UMSTRIPE_INSTANCE": str(blocked / "below")})


def test_without_any_variable_there_is_a_site_on_sqlite(tmp_path):
    found = load({"UMSTRIPE_INSTANCE": str(tmp_path)})
    assert found["SQLALCHEMY_DATABASE_URI"] == f"sqlite:///{tmp_path}/umstripe.sqlite"
    assert found["STRIPE_API_BASE"] == "https://api.stripe.com" and found["BIND"] == "127.0.0.1:8000"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_any_spelling_of_postgres_will_do(tmp_path, scheme):
    found = load({"UMSTRIPE_INSTANCE": str(tmp_path), "UMSTRIPE_DATABASE_URL": f"{scheme}://u:p@h/d"})
    assert found["SQLALCHEMY_DATABASE_URI"] == "postgresql+psycopg://u:p@h/d"
