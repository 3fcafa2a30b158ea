"""Guessing is limited for all processes together, by address and account, and locks nobody out of their own browser."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import requests

from tests.people import PASSWORD, Browserless, Page, make_administrator
from tests.processes import Site, start_together
from tests.selling import rows, settings
from tests.shop import TYPED, offer

WRONG = "not the password"
WAIT = "Too many tries. Try again in"


def people(app, *usernames):
    """Members who all have the tests' password."""
    from flask_security import hash_password

    from umstripe.database import db, writing
    from umstripe.models import User

    with app.app_context(), writing():
        hashed = hash_password(PASSWORD)
        for name in usernames:
            db.session.add(User(username=name, email=f"{name}@example.org", password=hashed))


def visitor(app, address="192.0.2.1", device=None):
    """Somebody at an address, in a browser that is known by this cookie or new."""
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = address
    if device is not None:
        client.set_cookie("known_device", device)
    return Browserless(client)


def answers(person, username, password=WRONG, times=1):
    """The statuses of as many tries to log in."""
    fields = {**person.get("/login").form("email")["fields"], "email": username, "password": password}
    return [person.client.post("/login", data=fields).status_code for _ in range(times)]


def device_of(app, username, address="192.0.2.1"):
    """The cookie of a browser that has logged in as this user, and out."""
    owner = visitor(app, address)
    owner.enter(username)
    return owner.client.get_cookie("known_device").value


def attacked(app, username, addresses=6):
    """Try wrong passwords from several addresses until none is looked at any more."""
    for number in range(addresses):
        answers(visitor(app, f"198.51.100.{number}"), username, times=10)


@pytest.mark.one_database
def test_nobody_waits_for_the_database_while_a_password_is_checked(app, monkeypatch):
    """On SQLite one process writes at a time, and argon2 takes a tenth of a second on purpose."""
    from umstripe.database import db
    from umstripe.models import password_schemes

    people(app, "jane")
    owner = visitor(app)
    owner.enter("jane")
    checked = []
    for name in ("hash", "verify"):
        original = getattr(password_schemes.NormalizedArgon2, name)

        def recorded(self, *args, _original=original, **kwargs):
            checked.append(db.session().in_transaction())
            return _original(self, *args, **kwargs)

        monkeypatch.setattr(password_schemes.NormalizedArgon2, name, recorded)
    for username, password in (("jane", PASSWORD), ("jane", WRONG), ("nobody", WRONG)):
        answers(visitor(app), username, password)
    owner.submit("/account/password", "password", password=WRONG, new_password="x", new_password_confirm="x")
    owner.submit("/account/", "name", email="other@example.org", password=WRONG)
    assert len(checked) >= 5 and not any(checked), checked


def test_two_processes_share_a_limit_to_the_last_try(app, environ, tmp_path):
    people(app, "jane")
    sites = [Site(environ, tmp_path / str(number)) for number in range(2)]
    for site in sites:
        (tmp_path / str(sites.index(site))).mkdir()
    try:
        start_together(*sites)
        opened = requests.get(f"{sites[0].url}/login", timeout=30)
        fields = {**Page(opened.text).form("email")["fields"], "email": "jane", "password": WRONG}

        def guess(number):
            url = f"{sites[number % 2].url}/login"
            return requests.post(url, data=fields, cookies=opened.cookies, timeout=60).status_code

        with ThreadPoolExecutor(50) as threads:
            codes = list(threads.map(guess, range(50)))
    finally:
        for site in sites:
            site.stop()
    assert (codes.count(200), codes.count(429)) == (10, 40)


@pytest.mark.parametrize("name", ["jane", "jane@example.org"])
def test_no_number_of_invisible_characters_makes_another_account_of_it(app, name):
    people(app, "jane")
    assert answers(visitor(app), name, times=10) == [200] * 10
    assert answers(visitor(app), name[:2] + "\u200b" * 600 + name[2:], PASSWORD) == [429]


def test_tries_of_an_account_are_limited_by_either_name_and_however_they_are_typed(app):
    people(app, "jane")
    assert answers(visitor(app), "jane", times=8) == [200] * 8
    assert answers(visitor(app), " JANE ", times=2) == [200] * 2
    assert answers(visitor(app), "ｊane\u200b", PASSWORD) == [429]
    assert answers(visitor(app), "jane", PASSWORD) == [429], "the right password is not looked at either"


def test_a_limit_says_nothing_about_accounts(app):
    people(app, "jane")
    known, unknown = (answers(visitor(app), name, times=12) for name in ("jane", "nobody"))
    assert known == unknown == [200] * 10 + [429] * 2
    assert answers(visitor(app), "jane@example.org") == [200], "whose address this is stays unsaid"


def test_the_page_of_a_limit_says_when_to_try_again_and_keeps_what_was_typed(app):
    people(app, "jane")
    person = visitor(app)
    answers(person, "jane", times=10)
    fields = {**person.get("/login").form("email")["fields"], "email": "jane", "password": WRONG}
    answer = person.client.post("/login", data=fields)
    page = Page(answer.text)
    assert answer.status_code == 429 and f"{WAIT} 10 minutes." in page.text
    assert "Lost your password?" in page.text and page.form("email")["fields"]["email"] == ["jane"]
    assert 0 < int(answer.headers["Retry-After"]) <= 600
    assert WRONG not in answer.text


def test_a_limit_ends_by_itself(app):
    people(app, "jane")
    answers(visitor(app), "jane", times=11)
    expire(app)
    assert answers(visitor(app), "jane", PASSWORD) == [302]


def expire(app):
    from umstripe.database import write
    from umstripe.models import RateLimit

    with app.app_context(), write() as tx:
        tx.execute(RateLimit.__table__.update().values(expires_at=time.time() - 1))


def test_sixty_people_at_one_address_log_in_with_a_slip_each(app):
    names = [f"singer{number}" for number in range(60)]
    people(app, *names)
    for name in names:
        person = visitor(app)
        assert answers(person, name) == [200] and answers(person, name, PASSWORD) == [302], name


def test_right_passwords_use_up_no_limit(app):
    people(app, "jane")
    assert answers(visitor(app), "jane", PASSWORD, times=1) * 25 == [302] * 25
    for _ in range(25):
        assert answers(visitor(app), "jane", PASSWORD) == [302]
    hits = {hits for (hits,) in rows(app, "SELECT hits FROM rate_limit")}
    assert hits == {0}


def test_one_address_cannot_try_one_password_on_everybody(app):
    codes = [answers(visitor(app), f"user{number}")[0] for number in range(102)]
    assert codes == [200] * 100 + [429] * 2
    assert answers(visitor(app, "192.0.2.2"), "user0") == [200]


def test_guesses_never_lock_the_owner_out_of_a_browser_that_is_known(app):
    people(app, "jane")
    device = device_of(app, "jane")
    attacked(app, "jane")
    answers(visitor(app), "jane", times=100)
    assert answers(visitor(app, "203.0.113.9"), "jane", PASSWORD) == [429], "to new browsers it is closed"
    assert answers(visitor(app, "192.0.2.1", device), "jane", PASSWORD) == [302]
    assert answers(visitor(app, "203.0.113.9", device), "JANE@example.org", PASSWORD) == [302]


def test_strangers_at_many_addresses_share_a_limit(app):
    people(app, "jane")
    codes = [answers(visitor(app, f"198.51.100.{number}"), "jane")[0] for number in range(52)]
    assert codes == [200] * 50 + [429] * 2


def test_a_known_browser_has_a_limit_of_its_own(app):
    people(app, "jane")
    device = device_of(app, "jane")
    assert answers(visitor(app, device=device), "jane", times=12) == [200] * 10 + [429] * 2
    assert answers(visitor(app, device=device), "jane@example.org") == [429], "by either name"
    assert answers(visitor(app), "jane", PASSWORD) == [302], "strangers' limits are others"


@pytest.mark.parametrize("device", ["", "x", "e30.x.y", "{", "é" * 10])
def test_a_cookie_that_somebody_made_up_is_no_known_browser(app, device):
    people(app, "jane")
    assert answers(visitor(app, device=device), "jane", times=11) == [200] * 10 + [429]


def test_a_browser_known_to_one_account_is_a_stranger_to_another(app):
    people(app, "jane", "mallory")
    device = device_of(app, "mallory")
    assert answers(visitor(app, device=device), "jane", times=11) == [200] * 10 + [429]


def test_a_browser_is_known_to_all_who_share_it(app):
    people(app, "jane", "karl")
    person = visitor(app)
    for name in ("jane", "karl"):
        person.enter(name)
        person.press("/account/", "/logout")
    attacked(app, "jane")
    assert answers(person, "jane", PASSWORD) == [302]


def test_a_new_password_by_mail_is_the_way_in_while_an_account_is_attacked(app):
    people(app, "jane")
    attacked(app, "jane")
    owner = visitor(app, "203.0.113.9")
    assert answers(owner, "jane", PASSWORD) == [429]
    owner.submit("/reset", email="jane@example.org")
    new = "another horse battery"
    owner.submit(link_in_last_mail(app), password=new, password_confirm=new)
    assert answers(owner, "jane", new) == [302]


def link_in_last_mail(app):
    from umstripe.accounts import password_reset
    from umstripe.database import db
    from umstripe.models import Mail

    with app.app_context():
        mail = db.session.scalars(db.select(Mail).order_by(Mail.id.desc())).first()
        return "/reset/" + password_reset.link(mail).rpartition("/")[2]


def test_addresses_of_ipv6_are_counted_by_network(app):
    people(app, "jane")
    same = [answers(visitor(app, f"2001:db8:1:1::{number}"), "jane")[0] for number in range(11)]
    assert same == [200] * 10 + [429]
    assert answers(visitor(app, "2001:db8:1:2::1"), "jane") == [200]


def test_an_address_of_ipv4_is_one_however_it_is_written(app):
    people(app, "jane")
    answers(visitor(app, "192.0.2.1"), "jane", times=10)
    assert answers(visitor(app, "::ffff:192.0.2.1"), "jane") == [429]


def test_no_address_and_no_name_lies_in_the_table(app):
    people(app, "jane")
    answers(visitor(app), "jane@example.org")
    found = rows(app, "SELECT key FROM rate_limit")
    assert len(found) == 3 and all(len(key) == 64 and key.isalnum() for (key,) in found)


def test_the_current_password_cannot_be_guessed_by_who_found_an_open_session(app):
    people(app, "jane")
    person = visitor(app)
    person.enter("jane")
    new = {"new_password": "another horse battery", "new_password_confirm": "another horse battery"}
    page = person.get("/account/password")
    for _ in range(10):
        person.send("/account/password", page, password=WRONG, **new)
    refused = person.send("/account/password", page, password=PASSWORD, **new, status=429)
    assert WAIT in refused.text
    moved = person.submit("/account/", email="doe@example.org", password=PASSWORD, status=429)
    assert WAIT in moved.text and rows(app, 'SELECT email FROM "user"') == [("jane@example.org",)]


def test_new_passwords_that_are_refused_are_no_guesses(app):
    people(app, "jane")
    person = visitor(app)
    person.enter("jane")
    weak = {"new_password": "password123", "new_password_confirm": "password123"}
    page = person.get("/account/password")
    for _ in range(12):
        refused = person.send("/account/password", page, password=PASSWORD, **weak)
        assert "easy to guess" in refused.text


def test_what_is_not_used_is_no_address(app):
    people(app, "jane")
    person = visitor(app)
    person.enter("jane")
    person.get("/verify", status=404)


def test_the_password_of_a_plan_cannot_be_guessed(app):
    key = offer(app, "Choir", visibility="password", password="soprano")
    person = visitor(app)
    page = person.get(f"/subscribe/{key}")
    for _ in range(20):
        wrong = person.send(f"/subscribe/{key}", page, plan_password="alto")
        assert "This is not the password" in wrong.text
    refused = person.send(f"/subscribe/{key}", page, plan_password="soprano", status=429)
    assert WAIT in refused.text
    other = visitor(app, "192.0.2.2").submit(f"/subscribe/{key}", plan_password="soprano")
    assert "people who have its password" not in other.text


def test_a_choir_at_one_address_opens_a_plan_with_its_password(app):
    key = offer(app, "Choir", visibility="password", password="soprano")
    for _ in range(60):
        page = visitor(app).submit(f"/subscribe/{key}", plan_password="soprano")
        assert "people who have its password" not in page.text


def test_people_who_are_logged_in_are_counted_one_by_one(app):
    people(app, "jane", "karl")
    jane, karl = visitor(app), visitor(app)
    jane.enter("jane")
    karl.enter("karl")
    fields = {**jane.get("/account/").form("name")["fields"], "name": ""}
    codes = [jane.client.post("/account/", data=fields).status_code for _ in range(21)]
    assert codes == [303] * 20 + [429]
    assert "Your account is updated." in karl.submit("/account/", name="Karl").text


def test_any_other_limit_says_when_to_try_again(app):
    people(app, "jane")
    person = visitor(app)
    person.enter("jane")
    fields = {**person.get("/account/").form("name")["fields"], "name": ""}
    answer = [person.client.post("/account/", data=fields) for _ in range(21)][-1]
    assert f"{WAIT}" in answer.text and "what you typed is still there" in answer.text
    assert 0 < int(answer.headers["Retry-After"]) <= 61


@pytest.mark.one_database
def test_the_limit_of_accounts_from_one_address_is_generous(app):
    fields = {**visitor(app).get("/register").form("username")["fields"], **TYPED, "username": ""}
    person = visitor(app)
    fields["csrf_token"] = person.get("/register").form("username")["fields"]["csrf_token"]
    codes = [person.client.post("/register", data=fields).status_code for _ in range(101)]
    assert codes == [200] * 100 + [429]


def test_a_limit_without_its_table_closes_no_page(app):
    from umstripe.database import write
    from umstripe.models import RateLimit

    people(app, "jane")
    with app.app_context(), write() as tx:
        RateLimit.__table__.drop(tx)
    assert answers(visitor(app), "jane", PASSWORD) == [302]
    person = visitor(app)
    person.enter("jane")
    assert "Your account is updated." in person.submit("/account/", name="Jane").text


def test_expired_counters_are_deleted_at_night(app):
    from umstripe.jobs import steps, upkeep

    answers(visitor(app), "jane")
    steps.use_app(app)
    upkeep.forget_expired_limits.__wrapped__()
    assert len(rows(app, "SELECT key FROM rate_limit")) == 3
    expire(app)
    upkeep.forget_expired_limits.__wrapped__()
    assert rows(app, "SELECT key FROM rate_limit") == []


@pytest.mark.parametrize("kind", ["invitation"])
def test_an_invitation_is_sent_again_five_times_an_hour_at_most(app, kind):
    make_administrator(app)
    admin = visitor(app)
    admin.enter("admin")
    admin.submit("/admin/users/add", username="jane", email="jane@example.org")
    number = rows(app, f"SELECT id FROM mail WHERE kind = '{kind}'")[0][0]
    pages = [admin.press(f"/admin/mails/{number}", f"/admin/mails/{number}/send").text for _ in range(5)]
    assert all("waits for the background worker" in page for page in pages[:4])
    assert "has received 5 of these emails within an hour" in pages[4]


def test_who_asks_for_reset_mails_without_end_sends_five_an_hour(app):
    people(app, "jane")
    for name in ("jane", "nobody"):
        pages = {visitor(app).submit("/reset", email=f"{name}@example.org").text for _ in range(7)}
        assert len(pages) == 1, "the page reads the same"
    states = rows(app, "SELECT state, count(*) FROM mail WHERE kind = 'reset' GROUP BY state ORDER BY state")
    assert states == [("no_account", 5), ("queued", 5)]


def test_what_was_asked_for_an_address_without_an_account_is_sent_to_nobody_and_forgotten(app):
    from umstripe.database import write
    from umstripe.emails import outbox
    from umstripe.jobs import steps, upkeep
    from umstripe.models import Mail

    make_administrator(app)
    visitor(app).submit("/reset", email="nobody@example.org")
    with app.app_context():
        assert outbox.send_pending() == 0
    admin = visitor(app)
    admin.enter("admin")
    assert "Not sent: no account" in admin.get("/admin/mails/").text
    number = rows(app, "SELECT id FROM mail")[0][0]
    assert (
        "Nobody has an account" in admin.press(f"/admin/mails/{number}", f"/admin/mails/{number}/send").text
    )
    steps.use_app(app)
    upkeep.forget_expired_limits.__wrapped__()
    assert len(rows(app, "SELECT id FROM mail")) == 1
    with app.app_context(), write() as tx:
        tx.execute(Mail.__table__.update().values(created_at=datetime.now(UTC) - timedelta(days=8)))
    upkeep.forget_expired_limits.__wrapped__()
    assert rows(app, "SELECT id FROM mail") == []


def test_in_the_registration_form_passwords_of_accounts_are_not_guessed_either(app):
    people(app, "jane")
    settings(app, register_without_plan=True)
    person = visitor(app)
    typed = {**TYPED, "username": "karl", "email": "jane@example.org", "password": "a wrong horse battery"}
    fields = {**person.get("/register").form("username")["fields"], **typed}
    codes = [person.client.post("/register", data=fields).status_code for _ in range(12)]
    assert codes == [303] * 10 + [429] * 2
    assert answers(visitor(app), "jane@example.org", PASSWORD) == [429], "and the log-in counts on"


def test_not_even_with_both_names_of_an_account_in_the_registration_form(app):
    people(app, "jane")
    settings(app, register_without_plan=True)
    person = visitor(app)
    typed = {**TYPED, "username": "jane", "email": "jane@example.org", "password": "a wrong horse battery"}
    fields = {**person.get("/register").form("username")["fields"], **typed}
    codes = [person.client.post("/register", data=fields).status_code for _ in range(12)]
    assert codes == [200] * 10 + [429] * 2
    assert answers(visitor(app), "jane", PASSWORD) == [429], "and the log-in counts on"


@pytest.mark.one_database
@pytest.mark.parametrize("typed", [1, ["jane"], {"a": 1}, None, True, "x" * 100_000, "\x00"])
def test_odd_names_in_a_json_body_are_no_fault_of_the_site(app, typed):
    person = visitor(app)
    token = person.get("/login").form("email")["fields"]["csrf_token"][0]
    for address in ("/login", "/reset"):
        body = {"email": typed, "password": WRONG}
        answer = person.client.post(address, json=body, headers={"X-CSRFToken": token})
        assert answer.status_code < 500, (address, answer.text)
