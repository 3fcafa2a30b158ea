"""Nobody learns whether an address has an account: pages read the same and take the same work; mails tell its owner.

Here is a mail server, so that registering and a new address are finished by mail. Its worker does not run.
"""

from __future__ import annotations

import contextlib

import pytest
from sqlalchemy import event

from tests.people import PASSWORD, Browserless, Page, make_user
from tests.selling import rows
from tests.shop import Shop, offer, users

NEW = "another horse battery"


@pytest.fixture
def environ(environ):
    return {**environ, "UMSTRIPE_MAIL_URL": "smtp://127.0.0.1:9", "UMSTRIPE_SITE_URL": "http://localhost"}


def with_password(app, username):
    from umstripe.database import writing
    from umstripe.models import User

    make_user(app, username)
    with app.app_context(), writing():
        User.with_username(username).set_password(PASSWORD)


def visitor(app):
    return Browserless(app.test_client())


def asks(app, email, username="karl", address="/register", **more):
    """Somebody registers. Gives the answer's status, headers without cookies, and what the page that follows says."""
    person = visitor(app)
    fields = person.get(address).form("username")["fields"]
    answer = person.client.post(address, data={**fields, "username": username, "email": email, **more})
    page = person.get(answer.headers.get("Location", "/register/mail"))
    headers = {name: value for name, value in answer.headers if name not in ("Date", "Set-Cookie")}
    return answer.status_code, headers, sorted(cookies(person)), page.text


def cookies(person):
    return [cookie.key for cookie in person.client._cookies.values()]


def link_of(app, kind, number=-1):
    """The path of the link in a mail."""
    from umstripe.database import db
    from umstripe.emails import outbox
    from umstripe.models import Mail

    with app.app_context():
        mail = db.session.scalars(db.select(Mail).where(Mail.kind == kind).order_by(Mail.id)).all()[number]
        return outbox.SECRET_LINKS[kind](mail).removeprefix("http://localhost")


@contextlib.contextmanager
def work(app, monkeypatch):
    """Count what takes time: statements of the database, and passwords that are hashed."""
    from umstripe.database import db

    done = {"statements": [], "passwords": 0}
    context = app.extensions["security"].pwd_context

    def count(call):
        def counted(*args, **kwargs):
            done["passwords"] += 1
            return call(*args, **kwargs)

        return counted

    def executed(_connection, _cursor, statement, *_more):
        done["statements"].append(" ".join(statement.split()[:3]))

    with app.app_context():
        engine = db.engine
    with monkeypatch.context() as patch:
        for name in ("hash", "verify"):
            patch.setattr(context, name, count(getattr(context, name)))
        event.listen(engine, "before_cursor_execute", executed)
        yield done
        event.remove(engine, "before_cursor_execute", executed)


def test_registering_reads_the_same_for_a_new_address_and_one_with_an_account(app):
    make_user(app, "jane")
    new, known = asks(app, "new@example.org"), asks(app, "JANE@example.org")
    assert new == known and new[0] == 303 and "We have sent you a mail" in new[3]
    assert users(app) == ["jane"], "the account is made by the link in the mail"
    mails = rows(app, "SELECT kind, address FROM mail ORDER BY id")
    assert [kind for kind, _ in mails] == ["register", "known_address"]
    assert mails[0][1] == "new@example.org" and mails[1][1].lower() == "jane@example.org"


def test_registering_with_a_plan_reads_the_same(app):
    make_user(app, "jane")
    key = offer(app, "Gold")
    address = f"/register?plan={key}"
    assert asks(app, "new@example.org", address=address) == asks(app, "jane@example.org", address=address)


def test_a_taken_username_says_no_more_with_its_own_address(app):
    make_user(app, "jane")
    pages = [
        visitor(app).submit("/register", username="jane", email=f"{name}@example.org")
        for name in ("jane", "new")
    ]
    assert all("This username is taken." in page.text for page in pages)
    assert rows(app, "SELECT id FROM mail") == []


def test_registering_takes_the_same_work_for_both(app, monkeypatch):
    make_user(app, "jane")
    done = []
    for name in ("new", "jane"):
        with work(app, monkeypatch) as counted:
            asks(app, f"{name}@example.org")
        done.append(counted)
    assert done[0] == done[1] and done[0]["passwords"] == 0 and len(done[0]["statements"]) > 3


def test_a_new_password_is_asked_for_with_the_same_page_and_work(app, monkeypatch):
    with_password(app, "jane")
    done, pages = [], []
    for name in ("new", "jane"):
        with work(app, monkeypatch) as counted:
            pages.append(visitor(app).submit("/reset", email=f"{name}@example.org").text)
        done.append(counted)
    assert pages[0] == pages[1] and done[0]["passwords"] == done[1]["passwords"] == 1
    assert done[0]["statements"] == done[1]["statements"]


def test_the_link_in_the_mail_makes_the_account_and_logs_in(app):
    asks(app, "karl@example.org")
    person = visitor(app)
    page = person.submit(link_of(app, "register"), password=PASSWORD)
    assert "Your password is set, and you are logged in." in page.text
    assert rows(app, 'SELECT username, email, confirmed_at IS NULL FROM "user"') in (
        [("karl", "karl@example.org", 0)],
        [("karl", "karl@example.org", False)],
    )
    assert "karl" in person.get("/account/").text
    assert "Account" in visitor(app).log_in("karl").text


def test_opening_the_link_alone_changes_nothing(app):
    asks(app, "karl@example.org")
    page = visitor(app).get(link_of(app, "register"))
    assert "Choose a password" in page.text and "karl@example.org" in page.text and users(app) == []


def test_a_link_works_once(app):
    asks(app, "karl@example.org")
    link = link_of(app, "register")
    visitor(app).submit(link, password=PASSWORD)
    page = visitor(app).get(link, status=404)
    assert "This link does not work any more" in page.text and "log in" in page.text


@pytest.mark.parametrize("token", ["x", "a.b.c", "é", "x" * 3000])
def test_a_link_that_somebody_made_up_works_not_at_all(app, token):
    assert "does not work any more" in visitor(app).get(f"/register/finish/{token}", status=404).text


def test_a_link_of_another_kind_does_not_register(app):
    with_password(app, "jane")
    jane = visitor(app)
    jane.enter("jane")
    jane.submit("/account/", email="doe@example.org", password=PASSWORD)
    token = link_of(app, "confirm_address").rpartition("/")[2]
    visitor(app).get(f"/register/finish/{token}", status=404)


def test_a_weak_password_is_refused_and_the_link_goes_on_working(app):
    asks(app, "karl@example.org")
    link = link_of(app, "register")
    assert "easy to guess" in visitor(app).submit(link, password="password123").text
    assert "logged in" in visitor(app).submit(link, password=PASSWORD).text


def test_a_username_that_was_taken_since_is_chosen_anew(app):
    asks(app, "karl@example.org")
    make_user(app, "karl-2")
    make_user(app, "other")
    from umstripe.database import writing
    from umstripe.models import User

    with app.app_context(), writing():
        User.with_username("other").username = "KARL"
    link = link_of(app, "register")
    assert "This username is taken." in visitor(app).submit(link, password=PASSWORD).text
    assert "logged in" in visitor(app).submit(link, username="karl3", password=PASSWORD).text


def test_two_people_with_one_username_get_one_each(app):
    asks(app, "a@example.org")
    asks(app, "b@example.org")
    first, second = link_of(app, "register", 0), link_of(app, "register", 1)
    visitor(app).submit(first, password=PASSWORD)
    assert "taken" in visitor(app).submit(second, password=PASSWORD).text
    visitor(app).submit(second, username="karl2", password=PASSWORD)
    assert rows(app, 'SELECT username, email FROM "user" ORDER BY id') == [
        ("karl", "a@example.org"),
        ("karl2", "b@example.org"),
    ]


def test_who_registers_with_an_address_of_somebody_else_gets_no_account(app):
    """Whoever reads the mail chooses the password: nobody waits in an account for its owner to come."""
    asks(app, "victim@example.org", username="mallory")
    page = visitor(app).get("/register")
    assert "password" not in page.form("username")["names"]
    visitor(app).submit(link_of(app, "register"), username="victim", password=PASSWORD)
    assert users(app) == ["victim"]


def test_one_person_gets_five_mails_an_hour_and_the_page_reads_the_same(app):
    make_user(app, "jane")
    for name, kind in (("new", "register"), ("jane", "known_address")):
        pages = {asks(app, f"{name}@example.org")[3] for _ in range(7)}
        assert len(pages) == 1
        assert rows(app, f"SELECT count(*) FROM mail WHERE kind = '{kind}'") == [(5,)]
    asks(app, "other@example.org")
    assert rows(app, "SELECT count(*) FROM mail WHERE kind = 'register'") == [(6,)]


@pytest.fixture
def jane(app):
    with_password(app, "jane")
    person = visitor(app)
    person.enter("jane")
    return person


def move(person, email, password=PASSWORD):
    return person.submit("/account/", email=email, password=password).text.replace(email, "ADDRESS")


def test_a_change_of_address_reads_the_same_for_a_free_one_and_one_with_an_account(app, jane):
    make_user(app, "bert")
    free, taken = move(jane, "free@example.org"), move(jane, "bert@example.org")
    assert free == taken and "We have sent an email to ADDRESS." in free
    assert rows(app, "SELECT email FROM \"user\" WHERE username = 'jane'") == [("jane@example.org",)]
    mails = rows(app, "SELECT kind, address FROM mail ORDER BY id")
    assert mails == [("confirm_address", "free@example.org"), ("address_in_use", "bert@example.org")]


def test_a_change_of_address_takes_the_same_work_for_both(app, jane, monkeypatch):
    make_user(app, "bert")
    done = []
    for name in ("free", "bert"):
        with work(app, monkeypatch) as counted:
            move(jane, f"{name}@example.org")
        done.append(counted)
    assert done[0] == done[1] and done[0]["passwords"] == 1


def test_the_link_in_the_mail_changes_the_address(app, jane):
    other = visitor(app)
    other.enter("jane")
    move(jane, "doe@example.org")
    page = jane.submit(link_of(app, "confirm_address"))
    assert "Your email address is changed." in page.text
    assert rows(app, 'SELECT email FROM "user"') == [("doe@example.org",)]
    assert "jane" in jane.get("/account/").text and "Log In" in other.get("/account/").text
    assert rows(app, "SELECT address FROM mail WHERE kind = 'address_changed'") == [("jane@example.org",)]
    assert "does not work any more" in jane.get(link_of(app, "confirm_address"), status=404).text


def test_the_name_changes_at_once_and_the_address_later(app, jane):
    jane.submit("/account/", name="Jane Doe", email="doe@example.org", password=PASSWORD)
    assert rows(app, 'SELECT name, email FROM "user"') == [("Jane Doe", "jane@example.org")]
    assert "Your account is updated." in jane.submit("/account/", name="J. Doe").text


def test_a_link_to_change_an_address_is_worth_nothing_to_others(app, jane):
    make_user(app, "bert")
    with_password(app, "carla")
    move(jane, "doe@example.org")
    link = link_of(app, "confirm_address")
    carla = visitor(app)
    carla.enter("carla")
    assert "belongs to another account" in carla.get(link, status=404).text
    assert "Log In" in visitor(app).get(link).text
    make_user(app, "doe")
    assert "does not work any more" in jane.get(link, status=404).text, "somebody has the address by now"


def test_an_earlier_link_does_not_bring_an_address_back(app, jane):
    move(jane, "first@example.org")
    move(jane, "second@example.org")
    jane.submit(link_of(app, "confirm_address", 1))
    jane.get(link_of(app, "confirm_address", 0), status=404)


def test_an_address_may_change_its_capitals(app, jane):
    move(jane, "Jane@example.org")
    jane.submit(link_of(app, "confirm_address"))
    assert rows(app, 'SELECT email FROM "user"') == [("Jane@example.org",)]


@pytest.mark.one_database
def test_the_mail_says_what_to_do(app, jane):
    from umstripe.database import db
    from umstripe.emails import outbox
    from umstripe.models import Mail

    make_user(app, "bert")
    asks(app, "new@example.org")
    move(jane, "doe@example.org")
    move(jane, "bert@example.org")
    with app.app_context():
        texts = [
            outbox.render_mail(mail, with_secrets=True).text
            for mail in db.session.scalars(db.select(Mail).order_by(Mail.id))
        ]
    assert "Hello karl" in texts[0] and "/register/finish/" in texts[0]
    assert "Hello jane" in texts[1] and "/account/address/" in texts[1]
    assert "Hello bert" in texts[2] and "jane" not in texts[2]


def test_whoever_finishes_goes_straight_on_to_pay_what_was_chosen(database_url, tmp_path):
    shop = Shop(database_url, tmp_path)
    try:
        shop.app.config.update(MAIL_BACKEND="smtp", SITE_URL="http://localhost")
        key = shop.offer("Gold")
        asks(shop.app, "karl@example.org", address=f"/register?plan={key}")
        person = shop.visitor()
        link = link_of(shop.app, "register")
        form = person.get(link).form("password")
        answer = person.client.post(link, data={**form["fields"], "password": PASSWORD})
        assert answer.status_code == 303 and shop.simulator.url in answer.headers["Location"], Page(
            answer.text
        ).text
        assert users(shop.app) == ["jane", "karl"]
    finally:
        shop.stop()
