"""New secret and encryption keys while the site runs: nobody is logged out, no link breaks, nothing is unreadable."""

from __future__ import annotations

import os
import stat
from urllib.parse import urlsplit

import pytest
from cryptography.fernet import Fernet

from tests import forks
from tests.databases import environ_for
from tests.people import PASSWORD, Browserless, Page, make_administrator, make_user
from tests.processes import umstripe
from tests.selling import rows

STRIPE_KEY = "sk_test_the_key_of_stripe"
OLD, NEW = "the earlier secret key, " * 2, "the newest secret key of all of them"


@pytest.fixture
def environ(database_url, tmp_path):
    """A site that keeps its keys in files."""
    found = environ_for(database_url, tmp_path / "instance")
    del found["UMSTRIPE_SECRET_KEY"], found["UMSTRIPE_ENCRYPTION_KEYS"]
    return found


@pytest.fixture
def site(app):
    from umstripe.database import writing
    from umstripe.models import Connection, User, site_identity

    make_administrator(app)
    make_user(app, "jane")
    with app.app_context(), writing():
        User.with_username("jane").set_password(PASSWORD)
        Connection.of("test").secret_key = STRIPE_KEY
        site_identity.confirm()
    return app


def rotate(environ, *arguments):
    done = forks.run(umstripe("rotate-key", *arguments), environ)
    assert done.returncode == 0, done.stderr
    return done.stdout


def restarted(environ, **more):
    from umstripe import create_app

    return create_app({**environ, **more})


def cookies_of(client, *names):
    found = {cookie.key: cookie.value for cookie in client._cookies.values()}
    return {name: found[name] for name in names if name in found}


def with_cookies(app, cookies):
    client = app.test_client()
    for name, value in cookies.items():
        client.set_cookie(name, value)
    return client


def is_logged_in(client):
    return client.get("/account/").status_code == 200


def logged_in(app, **more):
    person = Browserless(app.test_client())
    fields = person.get("/login").form("email", "password")["fields"]
    person.client.post("/login", data={**fields, "email": "jane", "password": PASSWORD, **more})
    return person.client


def links_of(app):
    from flask_security.recoverable import generate_reset_password_token

    from umstripe.accounts import invitation, payment_claim
    from umstripe.models import User

    with app.app_context():
        jane = User.with_username("jane")
        urls = [invitation.link(jane), payment_claim.link(jane, "test", "cs_1")]
        reset = f"/reset/{generate_reset_password_token(jane)}"
    return [reset, *(urlsplit(url).path for url in urls)]


def opens(app, link):
    answer = app.test_client().get(link)
    return answer.status_code == 200 and "password" in Page(answer.text).text.lower()


def stripe_key_of(app):
    from umstripe.database import db
    from umstripe.models import Connection

    with app.app_context():
        db.session.expire_all()
        return Connection.of("test").secret_key


def test_after_a_rotation_sessions_remember_cookies_links_and_keys_are_good(site, environ):
    sessions, remembered = logged_in(site), logged_in(site, remember="y")
    links = links_of(site)
    rotate(environ)
    after = restarted(environ)
    assert after.config["SECRET_KEY"] != site.config["SECRET_KEY"]
    assert is_logged_in(with_cookies(after, cookies_of(sessions, "session")))
    assert is_logged_in(with_cookies(after, cookies_of(remembered, "remember_token")))
    assert all(opens(after, link) for link in links)
    assert stripe_key_of(after) == STRIPE_KEY
    with after.app_context():
        from umstripe.models import site_identity

        assert site_identity.mismatches() == []


def test_a_page_that_was_open_during_a_rotation_can_be_sent(site, environ):
    person = Browserless(site.test_client())
    fields = person.get("/login").form("email", "password")["fields"]
    rotate(environ, "secret")
    client = with_cookies(restarted(environ), cookies_of(person.client, "session"))
    answer = client.post("/login", data={**fields, "email": "jane", "password": PASSWORD})
    assert answer.status_code == 302


def test_whoever_comes_back_meanwhile_stays_logged_in_when_the_earlier_key_is_dropped(site, environ):
    came, stayed_away = logged_in(site, remember="y"), logged_in(site)
    rotate(environ, "secret")
    between = restarted(environ)
    returned = with_cookies(between, cookies_of(came, "session"))
    remembered = with_cookies(between, cookies_of(came, "remember_token"))
    assert is_logged_in(returned) and is_logged_in(remembered)
    links = links_of(between)
    rotate(environ, "secret", "--drop-earlier")
    after = restarted(environ)
    assert after.config["SECRET_KEY_FALLBACKS"] == []
    assert is_logged_in(with_cookies(after, cookies_of(returned, "session")))
    assert is_logged_in(with_cookies(after, cookies_of(remembered, "remember_token")))
    assert not is_logged_in(with_cookies(after, cookies_of(stayed_away, "session")))
    assert all(opens(after, link) for link in links), "the newest key had not signed these"
    with after.app_context():
        from umstripe.models import site_identity

        assert site_identity.mismatches() == []


def test_a_running_site_goes_on_through_a_rotation_of_the_encryption_key(site, environ):
    from umstripe.database import writing
    from umstripe.models import Connection

    stored = rows(site, "SELECT secret_key FROM connection WHERE mode = 'test'")
    assert "No restart is needed." in rotate(environ, "encryption")
    assert rows(site, "SELECT secret_key FROM connection WHERE mode = 'test'") != stored
    assert stripe_key_of(site) == STRIPE_KEY
    with site.app_context(), writing():
        Connection.of("test").publishable_key = "pk_test_after_the_rotation"
    rotate(environ, "encryption", "--drop-earlier")
    after = restarted(environ)
    assert len(after.config["ENCRYPTION_KEYS"]) == 1 and stripe_key_of(after) == STRIPE_KEY
    assert stripe_key_of(site) == STRIPE_KEY


def test_the_files_are_for_their_owner_s_eyes_and_hold_the_newest_key_first(site, environ, tmp_path):
    before = {name: (tmp_path / "instance" / name).read_text() for name in ("secret_key", "encryption_keys")}
    rotate(environ)
    for name, earlier in before.items():
        path = tmp_path / "instance" / name
        newest, *others = path.read_text().splitlines()
        assert newest != earlier and others == [earlier]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not list((tmp_path / "instance").glob(".secret_key.*"))


def test_an_encryption_key_that_something_stored_needs_is_not_dropped(site, environ, tmp_path):
    from umstripe.database import write
    from umstripe.models import Connection

    foreign = Fernet(Fernet.generate_key()).encrypt(b"whsec_x").decode()
    with site.app_context(), write() as tx:
        tx.exec_driver_sql(f"UPDATE connection SET endpoint_secret = '{foreign}' WHERE mode = 'live'")
    done = forks.run(umstripe("rotate-key", "encryption", "--drop-earlier"), environ)
    assert done.returncode == 1 and "1 stored value" in done.stderr and "Traceback" not in done.stderr
    with site.app_context():
        assert Connection.of("test").secret_key == STRIPE_KEY


@pytest.mark.parametrize("kind", ["secret", "encryption"])
def test_keys_of_the_environment_are_changed_where_they_are_set(site, environ, kind):
    both = {"UMSTRIPE_SECRET_KEY": OLD, "UMSTRIPE_ENCRYPTION_KEYS": Fernet.generate_key().decode()}
    variable = "UMSTRIPE_SECRET_KEY" if kind == "secret" else "UMSTRIPE_ENCRYPTION_KEYS"
    said = rotate({**environ, **both}, kind)
    assert f"{variable} is set in the environment" in said and OLD not in said


def test_secret_keys_of_the_environment_are_read_several_at_a_time(site, environ):
    old = restarted(environ, UMSTRIPE_SECRET_KEY=OLD)
    cookies, links = cookies_of(logged_in(old), "session"), links_of(old)
    new = restarted(environ, UMSTRIPE_SECRET_KEY=f"{NEW}\n{OLD}")
    assert is_logged_in(with_cookies(new, cookies)) and all(opens(new, link) for link in links)
    both = {**environ, "UMSTRIPE_SECRET_KEY": f"{NEW}\n{OLD}"}
    fresh = links_of(new)
    rotate(both, "secret")
    alone = restarted(environ, UMSTRIPE_SECRET_KEY=NEW)
    assert all(opens(alone, link) for link in fresh) and not any(opens(alone, link) for link in links)


def test_a_key_of_the_environment_with_commas_is_one_key_as_before():
    from umstripe.keys.files import split_secret_keys

    assert split_secret_keys("short, pieces, of one key that is long enough") == [
        "short, pieces, of one key that is long enough"
    ]
    assert split_secret_keys(f"{'a' * 40},{'b' * 40}\n{'c' * 40}\n") == ["a" * 40, "b" * 40, "c" * 40]


@pytest.mark.one_database
def test_a_key_file_that_cannot_be_read_for_a_moment_is_read_the_next_time(tmp_path):
    from umstripe.keys.files import EncryptionKeys, KeyFile

    earlier, newer = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    file = KeyFile(tmp_path / "keys")
    file.replace([earlier])
    keys = EncryptionKeys([earlier], file)
    file.replace(["damaged"])
    keys.encrypt(b"a")
    inode = file.path.stat()
    file.path.write_text(f"{newer}\n{earlier}")
    os.utime(file.path, ns=(inode.st_atime_ns, inode.st_mtime_ns))
    assert Fernet(newer).decrypt(keys.encrypt(b"a")) == b"a"
