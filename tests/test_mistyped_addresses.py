"""A mail address that was mistyped and put right: whoever has the first one gets nothing more, and nothing of theirs works."""

from __future__ import annotations

import re

import pytest

from tests.people import PASSWORD, Browserless, make_user
from tests.selling import rows

MAILS = "/admin/mails/"


@pytest.fixture
def invited(app, admin):
    """Jane was invited at an address that is somebody else's. Gives the path of the link that went there."""
    admin.submit("/admin/users/add", username="jane", email="jane@gmial.example")
    return _sent(app, "jane@gmial.example")


def _sent(app, address, kind="invitation"):
    """Let the worker send what waits. Gives the path of the link in the last invitation to this address."""
    from umstripe.emails import outbox

    with app.app_context():
        outbox.send_pending()
    return _link_to(kind, app, address)


def _link_to(path, app, address):
    files = sorted(app.config["INSTANCE"].joinpath("mail").iterdir())
    kept = "".join(file.read_text() for file in files).replace("=\n", "").replace("=3D", "=")
    mails = [one for one in re.split(r"\n-{70,}\n", kept) if f"To: {address}" in one and f"/{path}/" in one]
    assert mails, kept
    return re.search(rf"/{path}/[^\s<>\"]+", mails[-1])[0]


def _put_right(app, admin, **more):
    user_id = rows(app, "SELECT id FROM \"user\" WHERE username = 'jane'")[0][0]
    assert "User updated." in admin.submit(f"/admin/users/{user_id}", email="jane@gmail.example", **more).text


def test_the_link_that_a_stranger_got_is_worth_nothing_when_the_address_is_put_right(app, admin, invited):
    stranger = Browserless(app.test_client())
    assert "Choose a password" in stranger.get(invited).text
    _put_right(app, admin)
    stranger.get(invited, status=404)


def test_sent_again_an_invitation_goes_to_the_address_that_the_user_has_now(app, admin, invited):
    _put_right(app, admin)
    number = rows(app, "SELECT id FROM mail WHERE kind = 'invitation'")[0][0]
    admin.press(f"{MAILS}{number}", f"{MAILS}{number}/send")
    line = rows(app, "SELECT description FROM activity WHERE action = 'mail.sent_again'")
    assert line[0][0].endswith("is sent again to jane@gmail.example")
    link = _sent(app, "jane@gmail.example")
    page = Browserless(app.test_client()).submit(link, password=PASSWORD, password_again=PASSWORD)
    assert "you are logged in" in page.text


def test_what_waits_for_its_next_try_goes_to_the_address_that_the_user_has_by_then(app, admin):
    admin.submit("/admin/users/add", username="jane", email="jane@gmial.example")
    _put_right(app, admin)
    _sent(app, "jane@gmail.example")
    assert rows(app, "SELECT address FROM mail WHERE kind = 'invitation'") == [("jane@gmail.example",)]


@pytest.fixture
def jane(app):
    one = Browserless(app.test_client())
    one.submit("/register", username="jane", email="jane@example.org", password=PASSWORD)
    return one


def test_the_earlier_address_is_told_and_other_browsers_are_logged_out(app, jane):
    other = Browserless(app.test_client())
    other.log_in("jane")
    assert (
        "Your account is updated."
        in jane.submit("/account/", email="doe@example.org", password=PASSWORD).text
    )
    assert "Log In" in other.get("/account/").text and "jane" in jane.get("/account/").text
    told = rows(app, "SELECT address FROM mail WHERE kind = 'address_changed'")
    assert told == [("jane@example.org",)]


def test_a_notice_to_an_earlier_address_goes_there_when_it_is_sent_again_too(app, admin, jane):
    jane.submit("/account/", email="doe@example.org", password=PASSWORD)
    number = rows(app, "SELECT id FROM mail WHERE kind = 'address_changed'")[0][0]
    admin.press(f"{MAILS}{number}", f"{MAILS}{number}/send")
    assert rows(app, "SELECT address FROM mail WHERE kind = 'address_changed'") == [("jane@example.org",)]


def test_a_link_to_reset_the_password_dies_with_the_address(app, admin, jane):
    """A stranger who has the mistyped address can ask for one at any time."""
    jane.submit("/account/", email="doe@example.org", password=PASSWORD)
    stranger = Browserless(app.test_client())
    stranger.submit("/reset", email="doe@example.org")
    link = _sent(app, "doe@example.org", "reset")
    _put_right(app, admin)
    assert "This link does not work." in stranger.get(link).text


def test_an_administrator_who_changes_their_own_address_stays_logged_in(app, admin):
    user_id = rows(app, "SELECT id FROM \"user\" WHERE username = 'admin'")[0][0]
    assert "User updated." in admin.submit(f"/admin/users/{user_id}", email="root@example.org").text


@pytest.mark.parametrize("email", ["bob@example.org", "free@example.org"])
def test_whose_address_is_taken_is_told_to_nobody_who_lacks_the_password(app, jane, email):
    make_user(app, "bob")
    page = jane.submit("/account/", email=email, password="a wrong one")
    assert "This is not your current password." in page.text and "Another user" not in page.text


def test_who_resets_a_password_by_mail_has_confirmed_the_address(app, jane):
    other = Browserless(app.test_client())
    other.submit("/reset", email="jane@example.org")
    link = _sent(app, "jane@example.org", "reset")
    assert rows(app, "SELECT confirmed_at FROM \"user\" WHERE username = 'jane'") == [(None,)]
    other.submit(link, password="another horse battery", password_confirm="another horse battery")
    assert rows(app, "SELECT confirmed_at FROM \"user\" WHERE username = 'jane'") != [(None,)]
