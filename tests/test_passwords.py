"""One form and one rule for every password, wherever it is set; and the passwords of earlier versions."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote, urlsplit

import pytest

from tests import forks
from tests.databases import environ_for
from tests.earlier_passwords import normalized, to_version_before, typed_raw, upgrade
from tests.people import PASSWORD, Browserless, make_user
from tests.processes import umstripe
from tests.selling import open_shop, rows

ACCENTED = unicodedata.normalize("NFC", "schöne Gärten über Nürnberg ½ ﬁ")
UMLAUTS = unicodedata.normalize("NFC", "schöne Gärten über Nürnberg")
"""Without letters that NFKC replaces: what was hashed raw with these is found only as it was typed, or decomposed."""
FORMS = ("NFC", "NFD", "NFKC", "NFKD")
FORMER_KEY = "the key of a year ago, the key of a year ago"


def in_every_form(password):
    return {unicodedata.normalize(form, password) for form in FORMS}


def lets_in(app, username, password):
    person = Browserless(app.test_client())
    fields = person.get("/login").form("email", "password")["fields"]
    answer = person.client.post("/login", data={**fields, "email": username, "password": password})
    return answer.status_code == 302


def works_in_every_form(app, username, password=ACCENTED):
    return all(lets_in(app, username, typed) for typed in in_every_form(password))


def invitation_of(app, username):
    from umstripe.accounts import invitation
    from umstripe.models import User

    with app.app_context():
        return urlsplit(invitation.link(User.with_username(username))).path


def reset_link(app, username):
    from flask_security.recoverable import generate_reset_password_token

    from umstripe.models import User

    with app.app_context():
        return f"/reset/{generate_reset_password_token(User.with_username(username))}"


def setup_link(app):
    from umstripe.accounts.setup import new_token
    from umstripe.database import writing

    with app.app_context(), writing():
        return f"/setup?token={new_token()}"


def with_password(app, username, password=PASSWORD):
    from umstripe.database import writing
    from umstripe.models import User

    make_user(app, username)
    with app.app_context(), writing():
        User.with_username(username).set_password(password)


def by_setup(app, environ, password):
    typed = {"username": "anna", "email": "anna@example.org", "site_name": "Chor Harmonia"}
    page = Browserless(app.test_client())
    return page.submit(setup_link(app), **typed, password=password, password_again=password)


def by_command(app, environ, password):
    words = ("--username", "anna", "--email", "anna@example.org", "--password", password)
    return forks.run(umstripe("create-admin", *words), environ)


def by_invitation(app, environ, password):
    make_user(app, "anna")
    person = Browserless(app.test_client())
    return person.submit(invitation_of(app, "anna"), password=password, password_again=password)


def by_administrator_adding(app, environ, password):
    return administrator(app).submit(
        "/admin/users/add", username="anna", email="anna@example.org", password=password
    )


def by_administrator_editing(app, environ, password):
    user_id = make_user(app, "anna")
    return administrator(app).submit(f"/admin/users/{user_id}", username="anna", password=password)


def by_registering(app, environ, password):
    person = Browserless(app.test_client())
    return person.submit("/register", username="anna", email="anna@example.org", password=password)


def by_reset(app, environ, password):
    with_password(app, "anna")
    person = Browserless(app.test_client())
    return person.submit(reset_link(app, "anna"), password=password, password_confirm=password)


def by_changing(app, environ, password):
    with_password(app, "anna")
    person = Browserless(app.test_client())
    person.enter("anna")
    new = {"new_password": password, "new_password_confirm": password}
    return person.submit("/account/password", password=PASSWORD, **new)


WAYS = [
    by_setup,
    by_command,
    by_invitation,
    by_administrator_adding,
    by_administrator_editing,
    by_registering,
    by_reset,
    by_changing,
]


def administrator(app):
    from tests.people import make_administrator

    make_administrator(app, "boss")
    boss = Browserless(app.test_client())
    boss.enter("boss")
    return boss


def words_of(answer):
    return answer.stderr if hasattr(answer, "stderr") else answer.text


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_password_with_accents_lets_its_owner_in_wherever_it_was_chosen(app, environ, way):
    way(app, environ, ACCENTED)
    assert works_in_every_form(app, "anna")
    assert not lets_in(app, "anna", ACCENTED.replace("ö", "o"))


@pytest.mark.one_database
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("kurz", "Use 10 to 128 characters."),
        ("x" * 129, "Use 10 to 128 characters."),
        ("password1234", "This password is easy to guess"),
        ("Anna@Example.org!7?", "out of the password"),
        ("tulpe ANNA sieben wolke", "out of the password"),
    ],
)
def test_one_rule_refuses_bad_passwords_wherever_they_are_set(app, environ, way, password, sentence):
    assert sentence in words_of(way(app, environ, password))
    assert not lets_in(app, "anna", password)


@pytest.mark.one_database
@pytest.mark.parametrize(
    "password", ["member site sieben wolke", "tulpe memberSITE wolke 7", "tulpe ＭＥＭＢＥＲ site wolke"]
)
def test_the_site_s_name_is_no_part_of_a_password(app, environ, password):
    assert "out of the password" in words_of(by_registering(app, environ, password))


def test_a_member_with_accents_in_the_password_can_change_the_address(app, environ):
    by_invitation(app, environ, ACCENTED)
    person = Browserless(app.test_client())
    person.log_in("anna", ACCENTED)
    person.submit("/account/", email="new@example.org", password=unicodedata.normalize("NFD", ACCENTED))
    assert rows(app, "SELECT email FROM \"user\" WHERE username = 'anna'") == [("new@example.org",)]


def hash_of(app, username):
    return rows(app, 'SELECT password FROM "user" WHERE username = :name', name=username)[0][0]


@pytest.mark.parametrize("made", [typed_raw, normalized])
@pytest.mark.parametrize("password", [PASSWORD, UMLAUTS])
@pytest.mark.parametrize("form", FORMS)
def test_a_password_of_the_version_before_is_right_and_stored_anew(app, made, password, form):
    key = app.config["SECRET_KEY"]
    to_version_before(app, ("anna", "anna@example.org", made(password, key)))
    upgrade(app)
    before = hash_of(app, "anna")
    assert not lets_in(app, "anna", f"{password}.")
    assert hash_of(app, "anna") == before
    assert lets_in(app, "anna", unicodedata.normalize(form, password))
    after = hash_of(app, "anna")
    assert after != before and works_in_every_form(app, "anna", password)
    assert hash_of(app, "anna") == after


def test_a_password_of_before_can_be_changed_and_be_asked_for(app):
    key = app.config["SECRET_KEY"]
    to_version_before(app, ("anna", "anna@example.org", typed_raw(ACCENTED, key)))
    upgrade(app)
    person = Browserless(app.test_client())
    person.log_in("anna", ACCENTED)
    new = {"new_password": PASSWORD, "new_password_confirm": PASSWORD}
    person.submit("/account/password", password=ACCENTED, **new)
    assert lets_in(app, "anna", PASSWORD) and not lets_in(app, "anna", ACCENTED)


def site_with(environ, **more):
    from umstripe import create_app

    return create_app({**environ, **more})


def test_with_another_secret_key_everybody_can_still_log_in(app, environ):
    users = [
        (name, f"{name}@example.org", typed_raw(ACCENTED, app.config["SECRET_KEY"]))
        for name in ("anna", "bert")
    ]
    to_version_before(app, *users)
    upgrade(app)
    with_password(app, "carl", ACCENTED)
    other = site_with(environ, UMSTRIPE_SECRET_KEY=FORMER_KEY)
    assert all(lets_in(other, name, ACCENTED) for name in ("anna", "bert", "carl"))


def test_a_restored_dump_without_any_key_lets_in_whoever_logged_in_since_the_upgrade(app, environ, tmp_path):
    users = [
        (name, f"{name}@example.org", typed_raw(ACCENTED, app.config["SECRET_KEY"]))
        for name in ("anna", "bert")
    ]
    to_version_before(app, *users)
    upgrade(app)
    assert lets_in(app, "anna", ACCENTED)
    bare = environ_for(environ["UMSTRIPE_DATABASE_URL"], tmp_path / "elsewhere")
    del bare["UMSTRIPE_ENCRYPTION_KEYS"], bare["UMSTRIPE_SECRET_KEY"]
    restored = site_with(bare)
    assert lets_in(restored, "anna", ACCENTED) and not lets_in(restored, "bert", ACCENTED)
    with restored.app_context():
        from umstripe import health

        (check,) = [one for one in health.site_checks() if one.name == "Passwords"]
    assert "1 user cannot be checked" in check.message
    old_key = f"{restored.config['SECRET_KEY']}\n{app.config['SECRET_KEY']}"
    assert lets_in(site_with(bare, UMSTRIPE_SECRET_KEY=old_key), "bert", ACCENTED)


def test_a_dump_does_not_tell_the_secret_key(app):
    key = app.config["SECRET_KEY"]
    to_version_before(app, ("anna", "anna@example.org", typed_raw(PASSWORD, key)))
    upgrade(app)
    (kept,) = rows(app, "SELECT password_salt FROM settings")[0]
    assert kept and key not in kept


def test_a_new_site_keeps_no_key_for_passwords(app):
    assert rows(app, "SELECT password_salt FROM settings") == [(None,)]


@pytest.mark.parametrize("made", [typed_raw, normalized])
def test_a_plan_s_password_works_in_every_form_and_is_stored_anew(app, made):
    from umstripe.database import write
    from umstripe.models import Plan

    open_shop(app)
    with app.app_context(), write() as tx:
        hashed = made(UMLAUTS, app.config["SECRET_KEY"])
        tx.execute(Plan.__table__.update().values(visibility="password", password_hash=hashed))
    key = rows(app, "SELECT short_key FROM plan ORDER BY id")[0][0]
    for number, typed in enumerate(sorted(in_every_form(UMLAUTS))):
        person = Browserless(app.test_client())
        page = person.submit(f"/register?plan={key}", plan_password=typed)
        assert "This is not the password" not in page.text and "Email Address" in page.text, number
    stored = rows(app, "SELECT password_hash FROM plan ORDER BY id")[0][0]
    assert stored != hashed and not stored.startswith("$argon2")


@pytest.mark.parametrize(
    "password", ["\ud800 lone surrogate", "nul \x00 in it", "x" * 100_000, "\ufdfa" * 3000, ""]
)
def test_no_password_that_is_typed_breaks_the_log_in(app, password):
    with_password(app, "anna")
    for username in ("anna", "nobody"):
        client = app.test_client()
        fields = Browserless(client).get("/login").form("email", "password")["fields"]
        sent = {"email": username, "csrf_token": fields["csrf_token"][0], "password": password}
        body = "&".join(
            f"{name}={quote(text.encode('utf-8', 'surrogatepass'))}" for name, text in sent.items()
        )
        answer = client.post("/login", data=body, content_type="application/x-www-form-urlencoded")
        assert answer.status_code == 200 and "Log In" in answer.text, answer.text[:300]
