"""Mails: written with what caused them, sent once by the worker, kept as a log; and the texts they are made of."""

from __future__ import annotations

import re
import time

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from tests.at_stripe import AtStripe
from tests.people import PASSWORD, Browserless, make_administrator, make_user
from tests.ports import free_port
from tests.selling import open_shop, rows
from tests.stripe_events import deliver, event, subscription_event
from umstripe.formatting import day_words

DAY = 24 * 3600
OURS = "https://members.example.org/admin/approvals/"
MAILS, TEXTS = "/admin/mails/", "/admin/settings/texts/"


class Letterbox(Message):
    """A mail server that keeps what it gets; `down` makes it refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.got, self.down = [], False

    async def handle_RCPT(self, _server, _session, envelope, address, _options):
        if self.down:
            return "451 Try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    def handle_message(self, message):
        self.got.append(message)


@pytest.fixture
def letterbox():
    box = Letterbox()
    server = Controller(box, hostname="127.0.0.1", port=free_port())
    server.start()
    box.url = f"smtp://127.0.0.1:{server.port}"
    yield box
    server.stop()


@pytest.fixture
def environ(environ, letterbox):
    return {**environ, "UMSTRIPE_MAIL_URL": letterbox.url, "UMSTRIPE_SITE_URL": "https://members.example.org"}


@pytest.fixture
def shop(app):
    open_shop(app)
    return app


def send_mails(app):
    from umstripe.database import db
    from umstripe.emails import outbox

    with app.app_context():
        number = outbox.send_pending()
        db.session.remove()
        return number


def written(app):
    return rows(app, "SELECT kind, address, state, tries FROM mail ORDER BY id")


def parts(message):
    return {
        part.get_content_type(): part.get_payload(decode=True).decode()
        for part in message.walk()
        if not part.is_multipart()
    }


def send(app, made):
    assert deliver(app.test_client(), made).status_code == 200


def test_a_failed_payment_is_one_mail_with_the_way_to_pay_however_often_it_is_delivered(shop, letterbox):
    said = {"customer": "cus_jane", "amount_due": 999, "currency": "usd", "attempt_count": 1}
    link = "https://invoice.stripe.com/i/one"
    again = int(time.time()) + 5 * DAY
    made = event("invoice.payment_failed", next_payment_attempt=again, hosted_invoice_url=link, **said)
    send(shop, made)
    send(shop, made)
    assert send_mails(shop) == 1 and send_mails(shop) == 0
    (message,) = letterbox.got
    assert (message["To"], message["Subject"]) == (
        "jane@example.org",
        "Your payment for your membership failed",
    )
    text, html = parts(message)["text/plain"], parts(message)["text/html"]
    assert "$9.99" in text and f"We try again on {day_words(again)}." in text and link in text
    assert f'href="{link}"' in html
    assert written(shop) == [("payment_failed", "jane@example.org", "sent", 1)]


def test_the_end_of_a_membership_is_told_when_it_is_planned_and_when_it_comes(shop, letterbox):
    at = int(time.time())
    send(shop, subscription_event("active", at, cancel_at=None))
    send(shop, subscription_event("active", at + 10, cancel_at=1_800_000_000))
    send(shop, subscription_event("active", at + 20, cancel_at=1_800_000_000))
    send(
        shop,
        subscription_event("canceled", at + 30, "customer.subscription.deleted", cancel_at=1_800_000_000),
    )
    send_mails(shop)
    assert [one["Subject"] for one in letterbox.got] == [
        "Your membership Basic ends on Jan 15, 2027",
        "Your membership Basic has ended",
    ]


def test_the_end_of_a_trial_is_told(shop, letterbox):
    made = subscription_event(
        "trialing", type_="customer.subscription.trial_will_end", trial_end=1_800_000_000, cancel_at=None
    )
    send(shop, made)
    send_mails(shop)
    assert [one["Subject"] for one in letterbox.got] == ["Your trial of Basic ends on Jan 15, 2027"]


def test_what_catch_up_finds_after_days_is_no_news(shop):
    send(shop, subscription_event("active", 1_700_000_000, cancel_at=1_800_000_000))
    assert written(shop) == []


def test_a_delivery_that_fails_writes_no_mail(shop):
    """The same second, and nobody can be asked which is newer: all is rolled back."""
    at = int(time.time())
    send(shop, subscription_event("active", at, cancel_at=None))
    failing = subscription_event("past_due", at, cancel_at=1_800_000_000)
    assert deliver(shop.test_client(), failing).status_code == 500
    assert written(shop) == []


def test_a_server_that_is_down_gets_the_mail_later_and_an_administrator_sees_it(app, admin, letterbox):
    letterbox.down = True
    admin.submit("/admin/users/add", username="jane", email="jane@example.org")
    assert send_mails(app) == 1 and send_mails(app) == 0
    assert written(app) == [("invitation", "jane@example.org", "queued", 1)]
    assert "451" in admin.get(MAILS).text
    assert "1 email was not accepted" in admin.get("/admin/health/").text
    letterbox.down = False
    _wait(app, minutes=2)
    assert send_mails(app) == 1
    assert len(letterbox.got) == 1 and "Sent" in admin.get(MAILS).text


def test_after_five_more_tries_a_mail_has_failed_until_somebody_sends_it_again(app, admin, letterbox):
    letterbox.down = True
    admin.submit("/admin/users/add", username="jane", email="jane@example.org")
    for _ in range(8):
        send_mails(app)
        _wait(app, minutes=400)
    assert written(app) == [("invitation", "jane@example.org", "failed", 6)]
    assert "1 e-mail could not be sent" in admin.get("/admin/health/").text
    letterbox.down = False
    page = admin.press(f"{MAILS}1", f"{MAILS}1/send")
    assert "waits for the background worker" in page.text
    send_mails(app)
    assert len(letterbox.got) == 1
    assert "could not be sent" not in admin.get("/admin/health/").text


def _wait(app, minutes):
    from datetime import timedelta

    from sqlalchemy import update

    from umstripe.database import now, write
    from umstripe.models import Mail

    with app.app_context(), write() as tx:
        tx.execute(
            update(Mail).where(Mail.tried_at.is_not(None)).values(tried_at=now() - timedelta(minutes=minutes))
        )


def test_a_mail_in_whose_last_try_the_worker_died_has_failed(app, admin, letterbox):
    from umstripe.database import write
    from umstripe.models import Mail

    admin.submit("/admin/users/add", username="jane", email="jane@example.org")
    for _ in range(6):
        with app.app_context():
            assert Mail.take_due()
        _wait(app, minutes=400)
    assert send_mails(app) == 0
    assert written(app) == [("invitation", "jane@example.org", "failed", 6)]
    assert "The background worker stopped while it sent this." in admin.get(MAILS).text
    with app.app_context(), write() as tx:
        Mail.write(tx, "membership_ended", "x", 1, plan="Gold")
    assert send_mails(app) == 1 and len(letterbox.got) == 1


def test_a_mail_that_cannot_be_rendered_fails_and_holds_up_no_other(app, admin, letterbox):
    from umstripe.database import write
    from umstripe.models import Mail

    with app.app_context(), write() as tx:
        Mail.write(tx, "claim", "cs_1", 1)
        Mail.write(tx, "membership_ended", "x", 1, plan="Gold")
    assert send_mails(app) == 2
    assert [state for _, _, state, _ in written(app)] == ["queued", "sent"]
    for _ in range(6):
        _wait(app, minutes=400)
        send_mails(app)
    assert written(app)[0] == ("claim", "admin@example.org", "failed", 6)


def test_what_was_sent_is_shown_as_it_was_sent(app, admin, letterbox):
    from umstripe.database import write
    from umstripe.models import Mail

    with app.app_context(), write() as tx:
        Mail.write(tx, "membership_ended", "x", 1, plan="Gold")
    assert "Gold has ended" in admin.get(f"{MAILS}1").text
    send_mails(app)
    admin.submit(f"{TEXTS}mail.membership_ended", title="Bye", body="Other *words*")
    page = admin.get(f"{MAILS}1")
    assert "Gold has ended" in page.text and "Other words" not in page.text and "<em>" not in page.html
    admin.press(f"{MAILS}1", f"{MAILS}1/send")
    assert "<em>words</em>" in admin.get(f"{MAILS}1").html, "what waits goes out in the words of now"


@pytest.mark.parametrize("said", ["club@example.org", "Choir <club@example.org>"])
def test_mails_are_from_who_the_environment_says(app, environ, letterbox, said):
    from umstripe import create_app
    from umstripe.database import write
    from umstripe.models import Mail

    make_user(app, "jane")
    ours = create_app({**environ, "UMSTRIPE_MAIL_FROM": said})
    with ours.app_context(), write() as tx:
        Mail.write(tx, "membership_ended", "x", 1, plan="Gold")
    send_mails(ours)
    assert letterbox.got[0]["From"] == said


def test_an_invitation_is_good_once_and_stored_nowhere(app, admin, letterbox):
    admin.submit("/admin/users/add", username="jane", email="jane@example.org")
    send_mails(app)
    link = re.search(
        r"https://members\.example\.org(/invitation/[^\s>]+)", parts(letterbox.got[0])["text/plain"]
    )[1]
    token = link.rpartition("/")[2]
    assert not [one for one in rows(app, "SELECT given, text, html FROM mail") if token in str(one)]
    assert token not in admin.get(f"{MAILS}1").html
    jane = Browserless(app.test_client())
    page = jane.submit(link, password="short", password_again="short")
    assert "Use 10 to 128 characters." in page.text
    assert "you are logged in" in jane.submit(link, password=PASSWORD, password_again=PASSWORD).text
    assert "does not work any more" in jane.get(link, status=404).text


@pytest.mark.parametrize("token", ["x", "W10.x.y", "a" * 500])
def test_a_link_that_nobody_sent_opens_nothing(app, token):
    assert app.test_client().get(f"/invitation/{token}").status_code == 404


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000"])
def test_on_a_loopback_address_the_text_with_its_link_is_shown_to_the_administrator(app, environ, url):
    from umstripe import create_app

    without = create_app({**environ, "UMSTRIPE_MAIL_URL": "", "UMSTRIPE_SITE_URL": url})
    make_administrator(without)
    admin = Browserless(without.test_client())
    admin.log_in("admin")
    admin.submit("/admin/users/add", username="jane", email="jane@example.org")
    send_mails(without)
    page = admin.get(f"{MAILS}1")
    assert "There is no mail server" in page.text and "/invitation/" in page.html
    assert [state for _, _, state, _ in written(app)] == ["kept"]


def test_elsewhere_a_kept_mail_hides_the_link_that_lets_somebody_in(app, admin, environ):
    from umstripe import create_app

    without = create_app({**environ, "UMSTRIPE_MAIL_URL": ""})
    admin.submit("/admin/users/add", username="jane", email="jane@example.org")
    send_mails(without)
    page = admin.get(f"{MAILS}1")
    assert "There is no mail server" in page.text and "/invitation/" not in page.html
    assert "(a link that only the mail itself has)" in page.text


def test_an_administrator_writes_a_text_and_takes_it_back(shop, letterbox):
    make_administrator(shop)
    admin = Browserless(shop.test_client())
    admin.log_in("admin")
    page = admin.submit(f"{TEXTS}mail.membership_ended", title="Bye, {name}", body="See *you* {name}: {link}")
    assert "The text is saved." in page.text and "<em>you</em>" in page.html
    send(shop, subscription_event("active", int(time.time()), cancel_at=None))
    send(shop, subscription_event("canceled", int(time.time()) + 10, "customer.subscription.deleted"))
    send_mails(shop)
    assert letterbox.got[0]["Subject"] == "Bye, jane"
    assert "<em>you</em>" in parts(letterbox.got[0])["text/html"]
    page = admin.press(f"{TEXTS}mail.membership_ended", f"{TEXTS}mail.membership_ended/original")
    assert "own words are used again" in page.text and "has ended" in page.html


WRONG = [
    ({"title": "", "body": "x"}, "Please type a title."),
    ({"title": "x", "body": " "}, "Please type a text."),
    ({"title": "Hello {nobody}", "body": "x"}, "Nothing can be filled in for {nobody}."),
    ({"title": "x", "body": "{amount}"}, "Nothing can be filled in for {amount}."),
    ({"title": "x" * 201, "body": "x"}, "At most 200 characters."),
]


@pytest.mark.one_database
@pytest.mark.parametrize("typed, says", WRONG)
def test_a_text_that_cannot_be_is_refused_and_what_was_typed_is_kept(app, admin, typed, says):
    page = admin.submit(f"{TEXTS}page.success", **typed)
    assert says in page.text
    assert rows(app, "SELECT count(*) FROM text_override") == [(0,)]
    assert page.form("title")["fields"]["title"] == [typed["title"]]


def test_scripts_in_a_text_and_markdown_in_a_name_come_to_nothing(app, admin):
    from umstripe.emails import render

    admin.submit(
        f"{TEXTS}page.success", title="Done", body="<script>alert(1)</script> [x](javascript:alert(1)) {name}"
    )
    with app.app_context():
        _, html = render.page("page.success", name="[win](https://evil.example) <b>")
    assert "<script" not in html and "javascript:" not in html.replace("javascript:alert(1))", "")
    assert "<a" not in html and "<b>" not in html


def test_a_name_that_begins_like_an_address_is_no_link(app, admin):
    """Only the link itself is taken as it is: a member, or a buyer at Stripe, may be called anything."""
    from umstripe.emails import render

    name = "https://a/[Approve_here](https://evil.example)"
    with app.app_context():
        for kind in ("approval", "invitation"):
            written = render.fill(
                *render.current_text(f"mail.{kind}"), {"member": name, "name": name, "link": OURS}
            )
            assert f'href="{OURS}"' in written.html
            assert "evil" in written.html and 'href="https://evil' not in written.html


def test_a_line_break_in_a_subject_adds_no_header(app, admin, letterbox):
    make_user(app, "jane")
    from umstripe.database import write
    from umstripe.models import Mail

    with app.app_context(), write() as tx:
        Mail.write(tx, "membership_ended", "x", 2, plan="Gold\r\nBcc: all@example.org")
    send_mails(app)
    assert letterbox.got[0]["Bcc"] is None and "Gold Bcc" in letterbox.got[0]["Subject"]


def test_two_workers_send_a_mail_once(app, letterbox):
    from concurrent.futures import ThreadPoolExecutor

    from umstripe.database import write
    from umstripe.models import Mail

    make_user(app, "jane")
    with app.app_context(), write() as tx:
        for number in range(20):
            Mail.write(tx, "membership_ended", str(number), 1, plan="Gold")
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: send_mails(app), range(4)))
    assert len(letterbox.got) == 20


def test_what_the_event_says_but_stripe_says_no_more_is_no_news(database_url, tmp_path):
    """Canceled, and taken back in the same second: Stripe is asked, and its answer counts."""
    site = AtStripe(database_url, tmp_path)
    try:
        at = int(time.time())
        site.deliver(site.event("trialing", at))
        canceled = site.event("active", at)
        canceled["data"]["object"]["cancel_at"] = at + 10_000_000
        assert site.deliver(canceled).json == {"result": "processed"}
        ending = {**site.event("trialing", at), "type": "customer.subscription.trial_will_end"}
        ending["data"]["object"]["trial_end"] = at + 10_000_000
        assert site.deliver(ending).json == {"result": "processed"}
        assert site.status() == "active" and written(site.app) == []
    finally:
        site.stop()
