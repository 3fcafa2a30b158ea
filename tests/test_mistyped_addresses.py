"""A mail address that was mistyped and put right: whoever has the first one gets nothing more, and nothing of theirs works."""

from __future__ import annotations

import re

import pytest

from tests.people import PASSWORD, Browserless
from tests.selling import rows

MAILS = "/admin/mails/"


@pytest.fixture
def invited(app, admin):
    """Jane was invited at an address that is somebody else's. Gives the path of the link that went there."""
    admin.submit("/admin/users/add", username="jane", email="jane@gmial.example")
    return _sent(app, "jane@gmial.example")


def _sent(app, address):
    """Let the worker send what waits. Gives the path of the link in the last mail, which went to this address."""
    from umstripe import post

    with app.app_context():
        post.send_due()
        kept = sorted(app.config["INSTANCE"].joinpath("mail").iterdir())[-1].read_text()
    assert f"To: {address}" in kept
    return re.search(r"/invitation/[^\s>\"]+", kept.replace("=\n", "").replace("=3D", "="))[0]


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
