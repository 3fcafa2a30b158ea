"""A login ends when it is ended: every copy of its cookies, and no other login."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.people import PASSWORD, Browserless, make_administrator, make_user
from tests.selling import rows

NEW = "another horse battery"
COOKIES = ("session", "remember_token")


def make_member(app, username="jane") -> int:
    from umstripe.database import writing
    from umstripe.models import User

    user_id = make_user(app, username, "Subscriber")
    with app.app_context(), writing():
        User.with_username(username).set_password(PASSWORD)
    return user_id


def logged_in(app, username="jane", **more) -> Browserless:
    browser = Browserless(app.test_client())
    browser.submit("/login", email=username, password=PASSWORD, **more)
    assert is_in(browser)
    return browser


def copy_of(app, browser, *names) -> Browserless:
    """Another browser with the cookies of this one, as a thief has them."""
    thief = Browserless(app.test_client())
    for name in names or COOKIES:
        cookie = browser.client.get_cookie(name)
        if cookie is not None:
            thief.client.set_cookie(name, cookie.value)
    return thief


def is_in(browser) -> bool:
    return browser.client.get("/account/").status_code == 200


def log_out(browser) -> None:
    browser.press("/account/", "/logout")


@pytest.fixture
def jane_id(app):
    return make_member(app)


def test_a_copy_of_the_cookie_is_logged_out_with_the_original(app, jane_id):
    browser = logged_in(app)
    thief = copy_of(app, browser)
    assert is_in(thief)
    log_out(browser)
    assert not is_in(thief) and not is_in(browser)


def test_a_copy_of_the_remember_cookie_is_logged_out_with_the_original(app, jane_id):
    browser = logged_in(app, remember="y")
    thief = copy_of(app, browser, "remember_token")
    later = copy_of(app, browser, "remember_token")
    assert is_in(thief)
    log_out(browser)
    assert not is_in(thief) and not is_in(later)


def test_logging_out_after_the_remember_cookie_logged_in_ends_it(app, jane_id):
    restored = copy_of(app, logged_in(app, remember="y"), "remember_token")
    assert is_in(restored)
    thief = copy_of(app, restored)
    log_out(restored)
    assert not is_in(thief) and not is_in(copy_of(app, thief, "remember_token"))


def test_logging_out_leaves_other_devices_logged_in(app, jane_id):
    phone, desk = logged_in(app), logged_in(app)
    log_out(phone)
    assert is_in(desk) and not is_in(phone)


def test_a_member_logs_out_on_all_devices(app, jane_id):
    phone, desk, remembered = logged_in(app), logged_in(app), logged_in(app, remember="y")
    assert "You are logged in with 3 browsers." in desk.get("/account/").text
    page = desk.press("/account/", "/account/log-out-everywhere")
    assert "You are logged out on all devices." in page.text
    assert not any(map(is_in, (phone, desk, remembered, copy_of(app, remembered, "remember_token"))))
    assert is_in(logged_in(app))


def test_an_administrator_logs_a_user_out_on_all_devices_and_nobody_else(app, admin, jane_id):
    make_member(app, "anna")
    jane, anna = logged_in(app), logged_in(app, "anna")
    page = admin.press(f"/admin/users/{jane_id}", f"/admin/users/{jane_id}/log-out-everywhere")
    assert "jane is logged out on all devices." in page.text and "Not logged in anywhere." in page.text
    assert not is_in(jane) and is_in(anna) and is_in(admin)
    assert rows(app, "SELECT count(*) FROM activity WHERE action = 'security.logged_out_everywhere'") == [
        (1,)
    ]


def test_a_member_cannot_log_out_somebody_else(app, jane_id):
    make_administrator(app)
    jane = logged_in(app)
    jane.send(
        "/account/",
        jane.get("/account/"),
        "name",
        to=f"/admin/users/{jane_id}/log-out-everywhere",
        status=403,
    )


def test_a_changed_password_keeps_this_browser_and_ends_all_others(app, jane_id):
    here, phone, remembered = logged_in(app), logged_in(app), logged_in(app, remember="y")
    before = copy_of(app, here)
    here.submit("/account/password", password=PASSWORD, new_password=NEW, new_password_confirm=NEW)
    assert is_in(here)
    assert not any(map(is_in, (phone, remembered, before, copy_of(app, remembered, "remember_token"))))


def test_a_password_that_an_administrator_sets_ends_all_logins(app, admin, jane_id):
    jane, remembered = logged_in(app), logged_in(app, remember="y")
    admin.submit(f"/admin/users/{jane_id}", username="jane", password=NEW)
    assert not is_in(jane) and not is_in(copy_of(app, remembered, "remember_token"))


def test_another_email_address_ends_all_other_logins(app, jane_id):
    here, phone = logged_in(app), logged_in(app)
    here.submit("/account/", email="jane2@example.org", password=PASSWORD)
    assert is_in(here) and not is_in(phone)


def test_who_may_not_log_in_any_more_is_out_at_once(app, jane_id):
    from umstripe.database import db, writing
    from umstripe.models import User

    jane = logged_in(app)
    with app.app_context(), writing():
        db.session.get_one(User, jane_id).active = False
    assert not is_in(jane)


@pytest.mark.parametrize("place", ["query", "header", "json", "form"])
def test_no_auth_token_logs_anybody_in(app, jane_id, place):
    from umstripe.models import User

    with app.test_request_context():
        token = User.with_username("jane").get_auth_token()
    client = app.test_client()
    sent = {
        "query": {"path": f"/account/?auth_token={token}"},
        "header": {"path": "/account/", "headers": {"Authentication-Token": token}},
        "json": {"path": "/account/", "json": {"auth_token": token}},
        "form": {"path": "/account/", "data": {"auth_token": token}},
    }[place]
    answer = client.get(**sent)
    assert answer.status_code == 302 and answer.location.startswith("/login"), answer.status


@pytest.mark.parametrize("body", [b"[1]", b"{", b"\xff\xfe", b'"text"', b"null", b"[" * 100_000])
def test_a_bad_json_body_is_never_read_to_find_out_who_is_logged_in(app, body):
    answer = app.test_client().get("/account/", data=body, content_type="application/json")
    assert answer.status_code == 302 and answer.location.startswith("/login")


@pytest.mark.parametrize("token", ["", "x", "\x00", "é", "x" * 3000, None, 7, ["a"]])
def test_a_session_that_names_no_login_logs_nobody_in(app, jane_id, token):
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = token
    assert client.get("/account/").status_code == 302


def test_the_identity_of_a_user_is_no_login(app, jane_id):
    """Before this version the cookie held `fs_uniquifier`, which no logout could end."""
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = rows(app, 'SELECT fs_uniquifier FROM "user"')[0][0]
    assert client.get("/account/").status_code == 302


def test_the_database_holds_nothing_that_logs_in(app, jane_id):
    browser = logged_in(app)
    with browser.client.session_transaction() as session:
        token = session["_user_id"]
    assert token not in str(rows(app, "SELECT * FROM login_session"))


def test_logging_in_again_ends_the_earlier_login_of_the_browser(app, jane_id):
    browser = logged_in(app)
    before = copy_of(app, browser)
    browser.submit("/account/password", password=PASSWORD, new_password=NEW, new_password_confirm=NEW)
    assert not is_in(before) and rows(app, "SELECT count(*) FROM login_session") == [(1,)]


@pytest.mark.parametrize(("remember", "days"), [({}, 31), ({"remember": "y"}, 365)])
def test_a_login_ends_by_itself_and_its_row_is_deleted_at_night(app, jane_id, remember, days):
    from umstripe.database import now, write
    from umstripe.jobs import steps, upkeep
    from umstripe.models import LoginSession

    browser, other = logged_in(app, **remember), logged_in(app)
    with app.app_context(), write() as tx:
        table = LoginSession.__table__
        first = min(tx.execute(table.select()), key=lambda row: row.created_at)
        assert timedelta(days=days - 1) < first.expires_at - now() <= timedelta(days=days)
        expired = table.update().where(table.c.token_hash == first.token_hash)
        tx.execute(expired.values(expires_at=now()))
    assert not is_in(browser) and is_in(other)
    steps.use_app(app)
    upkeep.delete_expired_logins.__wrapped__()
    assert rows(app, "SELECT count(*) FROM login_session") == [(1,)]


def test_a_deleted_user_takes_the_logins_along(app, jane_id):
    from umstripe.database import write
    from umstripe.models import User

    logged_in(app)
    with app.app_context(), write() as tx:
        for table in ("customer", "manual_role", "mail", "activity"):
            tx.exec_driver_sql(f"DELETE FROM {table} WHERE user_id IS NOT NULL")
        tx.execute(User.__table__.delete())
    assert rows(app, "SELECT count(*) FROM login_session") == [(0,)]


@pytest.mark.parametrize(
    "next_", ["https://evil.example/", "//evil.example", "\\\\evil.example", "/\\evil.example"]
)
def test_logging_out_leads_to_no_other_site(app, jane_id, next_):
    browser = logged_in(app)
    form = next(one for one in browser.get("/account/").forms if one["action"] == "/logout")
    answer = browser.client.post("/logout", data={**form["fields"], "next": next_})
    assert answer.status_code == 302 and "//evil" not in answer.location and "\\evil" not in answer.location


def test_nothing_of_a_member_stays_in_the_cookie_after_the_logout(app, jane_id):
    browser = logged_in(app)
    with browser.client.session_transaction() as session:
        session["unlocked_plans"] = [1]
    log_out(browser)
    with browser.client.session_transaction() as session:
        assert not set(session) - {"csrf_token", "fs_cc", "_fresh"}, dict(session)


def test_who_is_logged_in_is_found_with_one_query_on_the_index(app, jane_id):
    from umstripe.models import LoginSession

    browser = logged_in(app)
    with browser.client.session_transaction() as session:
        token = session["_user_id"]
    asked = []
    with app.app_context():
        from sqlalchemy import event

        from umstripe.database import db

        event.listen(db.engine, "before_cursor_execute", lambda *line: asked.append(line[2]))
        assert LoginSession.user_of(token).id == jane_id
    selects = [statement for statement in asked if statement.startswith("SELECT")]
    assert len(selects) == 2, selects  # the second loads the user's roles, as it did before
