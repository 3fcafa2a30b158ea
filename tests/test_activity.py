"""The activity log: its lines, filters, search and pages."""

from __future__ import annotations

import re
from html import unescape

import pytest

from tests.people import make_user
from tests.selling import open_shop, rows, settings
from tests.stripe_events import deliver, subscription_event

LOG = "/admin/activity/"


def lines(page):
    """What each line of the log says, cell by cell."""
    found = []
    for row in page.html.partition("<tbody>")[2].split("<tr>")[1:]:
        cells = re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)
        found.append([" ".join(unescape(re.sub(r"<[^>]+>", " ", cell)).split()) for cell in cells])
    return found


def write(app, *many, **values):
    """Lines in the log, the first one the oldest."""
    from umstripe.database import writing
    from umstripe.models import Activity

    with app.app_context(), writing():
        for description in many:
            Activity.add("test.done", description, **{"trigger": "command", **values})


def test_what_an_administrator_does_is_a_line_with_who_where_and_from_where(app, admin):
    make_user(app, "jane", "Subscriber")
    admin.submit("/admin/users/2", "username", name="Jane Doe")
    newest = lines(admin.get(LOG))[0]
    assert newest[1:] == [
        *("user.changed", "jane: name none → Jane Doe", "Administrator admin", "jane"),
        "127.0.0.1 /admin/users/2",
    ]
    assert newest[0].endswith("UTC")


def test_what_stripe_sends_is_a_line_with_the_mode_and_the_details(app, admin):
    open_shop(app)
    assert deliver(app.test_client(), subscription_event("active")).status_code == 200
    page = admin.get(f"{LOG}?trigger=stripe")
    when, action, what, trigger, user, _ = lines(page)[0]
    assert when.endswith("Sandbox") and (trigger, user) == ("Stripe", "jane")
    assert action == "customer.subscription.updated" and "Subscription is Active" in what
    assert "<details><summary>Details</summary>" in page.html


def test_the_newest_line_comes_first_and_a_page_has_50(app, admin):
    write(app, *(f"Line {number}" for number in range(120)))
    pages = [lines(admin.get(f"{LOG}?page={number}&action=test.done")) for number in (1, 2, 3)]
    assert [len(page) for page in pages] == [50, 50, 20]
    assert [line[2] for page in pages for line in page] == [f"Line {119 - number}" for number in range(120)]
    assert "120 items" in admin.get(f"{LOG}?action=test.done").text


def test_action_trigger_and_search_narrow_the_log_and_keep_each_other(app, admin):
    make_user(app, "jane")
    jane = rows(app, "SELECT id FROM \"user\" WHERE username = 'jane'")[0][0]
    write(app, "By hand", "100% done", user_id=jane)
    write(app, "In the background", trigger="work")
    assert [line[2] for line in lines(admin.get(f"{LOG}?trigger=work"))] == ["In the background"]
    assert [line[2] for line in lines(admin.get(f"{LOG}?action=test.done&search=JANE"))] == [
        *("100% done", "By hand")
    ]
    assert [line[2] for line in lines(admin.get(f"{LOG}?search=%25"))] == ["100% done"]
    page = admin.get(f"{LOG}?action=test.done&trigger=command&search=hand")
    assert [line[2] for line in lines(page)] == ["By hand"]
    assert 'name="search" value="hand"' in page.html and 'name="trigger" value="command"' in page.html


def test_everything_in_a_line_is_shown_as_text(app, admin):
    write(app, "<script>alert(1)</script>", details={"<b>name</b>": "<img src=x onerror=alert(1)>"})
    html = admin.get(LOG).html
    assert "<script>alert" not in html and "<img src=x" not in html and "<b>name" not in html
    assert "&lt;script&gt;alert(1)" in html and "&lt;img src=x" in html


def test_an_empty_log_and_a_search_without_a_find_say_so(app, admin):
    assert "No line fits." in admin.get(f"{LOG}?search=nothing-like-this").text
    assert "There is nothing on this page of the log." in admin.get(f"{LOG}?page=9").text
    from umstripe.database import db, writing
    from umstripe.models import Activity

    with app.app_context(), writing():
        db.session.query(Activity).delete()
    assert "Nothing is written here yet." in admin.get(LOG).text


def test_while_the_log_is_off_the_page_says_so_with_the_way_to_the_setting(app, admin):
    assert "turned off" not in admin.get(LOG).text
    settings(app, activity_off=True)
    page = admin.get(LOG)
    assert "The activity log is turned off; only security events are written." in page.text
    assert 'turned off; only security events are written. <a href="/admin/settings/stripe">' in page.html
    admin.submit("/admin/users/1", "username", name="Ada")
    admin.submit("/admin/users/1", "username", password="another horse battery")
    assert [action for (action,) in rows(app, "SELECT action FROM activity ORDER BY id")][1:] == [
        "security.password_set"
    ]


def test_a_longer_page_takes_no_more_queries(app, admin):
    from sqlalchemy import event

    from umstripe.database import db

    said = []
    admin.get(LOG)
    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", lambda *about: said.append(about[2]))
    counts = []
    for name in ("jane", "john"):
        for number in range(8):
            user = make_user(app, f"{name}{number}", "Subscriber")
            write(app, f"Done {number}", user_id=user, by_id=user)
        said.clear()
        admin.get(LOG)
        counts.append(len(said))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    "query",
    [
        *("page=0", "page=-1", "page=abc", "page=1000000000000", "page=99999", "page=", "page=²"),
        *("action=nothing", "trigger=nothing", "action=%00", "trigger=" + "x" * 10_000, "search=%00"),
        *("search=" + "x" * 10_000, "search=%F0%9F%A6%8A", "search=%FF%FE", "search=';--", "search=%5C"),
    ],
)
def test_whatever_stands_in_the_address_it_is_a_log(admin, query):
    assert "Activity Log" in admin.get(f"{LOG}?{query}").text


def test_the_log_is_for_administrators_only(client):
    assert "Log In" in client.get(LOG).text
