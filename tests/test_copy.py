"""A copy of the site writes nothing to Stripe; a new signing secret loses no delivery."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from sqlalchemy.engine import make_url

from tests import forks
from tests.at_stripe import AtStripe
from tests.databases import environ_for
from tests.people import Browserless, make_administrator, make_user
from tests.processes import umstripe
from tests.selling import rows
from tests.stripe_events import body_of, signature

HOST = "members.example.org"
URL = f"https://{HOST}"
STAGING = "http://127.0.0.1:8999"
COPY = "/admin/settings/copy/"
STRIPE = "/admin/settings/stripe"
BANNER = "This looks like a copy of a site that lives somewhere else."


@pytest.fixture
def site(database_url, tmp_path):
    world = AtStripe(database_url, tmp_path, "--resolve", f"{HOST}=http://127.0.0.1:9")
    world.database_url, world.folder = database_url, tmp_path
    make_administrator(world.app)
    connect(world, world.app)
    yield world
    world.stop()


def connect(site, app):
    from umstripe import webhooks
    from umstripe.models import Connection

    app.config["SITE_URL"] = URL
    with app.app_context():
        keys = {"publishable": site.simulator.key("test", "publishable"), "secret": site.simulator.key()}
        Connection.of("test").connect(URL, webhooks.HANDLERS, **keys)


def environ(site, **more):
    base = site.simulator.url
    return environ_for(site.database_url, site.folder / "copy", UMSTRIPE_STRIPE_API_BASE=base, **more)


@pytest.fixture
def copy(site):
    """The same database, started for another address."""
    from umstripe import create_app
    from umstripe.database import db

    app = create_app(environ(site, UMSTRIPE_SITE_URL=STAGING))
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def logged_in(app):
    person = Browserless(app.test_client())
    person.log_in("admin")
    return person


def at_stripe(site):
    state = site.simulator
    return (
        [(one["id"], one["url"], one["status"]) for one in state.call("GET", "/webhook_endpoints")["data"]],
        [one["id"] for one in state.call("GET", "/customers")["data"]],
    )


def secrets_of(app):
    from umstripe.models import Connection

    with app.app_context():
        return Connection.signing_secrets("test")


def test_a_copy_changes_nothing_at_stripe_whatever_is_pressed(site, copy):
    from umstripe.errors import ClonedSite
    from umstripe.models import Connection, User

    before, person = at_stripe(site), logged_in(copy)
    form = person.get(STRIPE).form("sandbox")["fields"]
    answer = person.client.post(STRIPE, data={**form, "action": "connect"}, follow_redirects=True)
    assert "say which of the two it is" in answer.text
    person.client.post("/admin/health/test/mend", data={"csrf_token": form["csrf_token"]})
    person.client.post(f"{STRIPE}/test/secret", data={"csrf_token": form["csrf_token"]})
    make_user(copy, "karl")
    with copy.app_context():
        with pytest.raises(ClonedSite):
            Connection.of("test").create_customer(User.with_username("karl"))
        assert "looks like a copy" in Connection.of("test").disconnect()
    assert at_stripe(site) == before


@pytest.mark.one_database
@pytest.mark.parametrize("page", ["/admin/", "/admin/users/", STRIPE, "/admin/health/", "/admin/deliveries/"])
def test_every_admin_page_of_a_copy_says_so_and_none_at_home(site, copy, page):
    assert BANNER in logged_in(copy).get(page).text
    assert BANNER not in logged_in(site.app).get(page).text


@pytest.mark.parametrize(
    "more, different",
    [
        ({"UMSTRIPE_SITE_URL": URL}, []),
        ({}, []),
        ({"UMSTRIPE_SITE_URL": "https://staging.example.org"}, ["its address is another one"]),
        ({"UMSTRIPE_SECRET_KEY": "another key" * 5}, ["its secret key is another one"]),
    ],
)
def test_another_address_or_key_is_another_place(site, more, different):
    from umstripe import create_app
    from umstripe.models import site_identity

    app = create_app(environ(site, **more))
    with app.app_context():
        assert site_identity.mismatches() == different


def test_another_database_is_another_place(site, databases):
    from umstripe import create_app
    from umstripe.database import writing
    from umstripe.models import Settings, site_identity

    with site.app.app_context():
        lives = dict(Settings.get().home)
    restored = databases("sqlite" if site.database_url.startswith("sqlite") else "postgres")
    url = restored.new()
    app = create_app({**environ(site), "UMSTRIPE_DATABASE_URL": url})
    with app.app_context(), writing():
        Settings.get().home = lives
        assert site_identity.mismatches() == ["its database is another one"]
    restored.drop(url)


def test_this_is_the_site_now_takes_everything_over(site, copy):
    person = logged_in(copy)
    assert "its address is another one" in person.get(COPY).text
    assert "This is the site now." in person.press(COPY, f"{COPY}site").text
    assert BANNER not in person.get("/admin/").text
    assert BANNER in logged_in(site.app).get("/admin/").text
    make_user(copy, "karl")
    from umstripe.models import Connection, User

    with copy.test_request_context(method="POST"):
        assert Connection.of("test").create_customer(User.with_username("karl")).stripe_customer_id


def test_this_is_a_copy_forgets_the_account_and_leaves_stripe_alone(site, copy):
    before = at_stripe(site)
    old = rows(site.app, "SELECT instance_id FROM settings")
    person = logged_in(copy)
    assert "knows nothing of the Stripe account any more" in person.press(COPY, f"{COPY}copy").text
    assert BANNER not in person.get("/admin/").text
    assert at_stripe(site) == before
    assert rows(copy, "SELECT count(*) FROM connection WHERE secret_key IS NOT NULL") == [(0,)]
    assert rows(copy, "SELECT instance_id FROM settings") != old
    assert secrets_of(copy) == []


def test_the_command_says_it_too_and_the_doctor_notices(site, copy):
    env = environ(site, UMSTRIPE_SITE_URL=STAGING)

    def run(*arguments):
        return forks.run(umstripe(*arguments), env)

    assert "WRONG   Copy of a site" in run("doctor").stdout
    assert run("this-is", "site").stdout == "This is the site now.\n"
    assert "Copy of a site" not in run("doctor").stdout


def test_a_copy_sends_no_mail_about_silence(site, copy):
    from umstripe.jobs import catch_up, steps

    event = site.events()[-1]
    steps.use_app(copy)
    catch_up.catch_up.__wrapped__("test")
    folder = site.folder / "copy" / "mail"
    assert rows(copy, "SELECT count(*) FROM delivery WHERE stripe_event_id = :id", id=event["id"]) == [(1,)]
    assert not list(folder.glob("*")) if folder.exists() else True
    assert rows(copy, "SELECT silence_told_at FROM connection WHERE mode = 'test'") == [(None,)]


def sent(app, event, secret):
    body = body_of(event)
    headers = {"Stripe-Signature": signature(body, secret)}
    return app.test_client().post("/webhooks/stripe/test", data=body, headers=headers).status_code


def test_a_new_signing_secret_leaves_the_earlier_one_good_for_a_day(site):
    from umstripe.database import now, writing
    from umstripe.models import Connection

    (before,) = at_stripe(site)[0]
    (first,) = secrets_of(site.app)
    page = logged_in(site.app)
    page.client.post(f"{STRIPE}/test/secret", data=page.get(STRIPE).form("sandbox")["fields"])
    (after,) = at_stripe(site)[0]
    assert after[0] != before[0] and after[1:] == before[1:]
    second, earlier = secrets_of(site.app)
    assert earlier == first != second
    assert [sent(site.app, event, one) for event in site.events()[:2] for one in (first, second)] == [200] * 4
    with site.app.app_context(), writing():
        Connection.of("test").previous_secret_until = now() - timedelta(seconds=1)
    assert secrets_of(site.app) == [second]
    assert sent(site.app, site.events()[0], first) == 400
    assert rows(site.app, "SELECT state FROM job WHERE mode = 'test' AND kind = 'catch_up'") == [("queued",)]


def test_a_change_of_the_secret_that_stripe_refuses_leaves_the_earlier_one(site):
    before, secrets = at_stripe(site), secrets_of(site.app)
    site.simulator.do("/faults", kind="500", path="/v1/webhook_endpoints", times=20)
    page = logged_in(site.app)
    answer = page.client.post(
        f"{STRIPE}/test/secret", data=page.get(STRIPE).form("sandbox")["fields"], follow_redirects=True
    )
    site.simulator.mend()
    assert "The signing secret could not be changed." in answer.text
    assert (at_stripe(site), secrets_of(site.app)) == (before, secrets)


def test_a_copy_without_the_encryption_key_says_so_and_can_become_one(site):
    """The database alone was copied: its Stripe keys cannot be read, and need not be."""
    from umstripe import create_app

    more = {"UMSTRIPE_SITE_URL": STAGING, "UMSTRIPE_ENCRYPTION_KEYS": Fernet.generate_key().decode()}
    app = create_app(environ(site, **more))
    person = logged_in(app)
    for page in ("/admin/", STRIPE, "/admin/health/", "/admin/deliveries/"):
        assert BANNER in person.get(page).text
    assert "cannot be read with UMSTRIPE_ENCRYPTION_KEYS" in person.get("/admin/health/").text
    assert sent(app, site.events()[0], "whsec_of_somebody") == 500, "nobody can say that it is not Stripe’s"
    assert "knows nothing of the Stripe account any more" in person.press(COPY, f"{COPY}copy").text
    assert "cannot be read" not in person.get("/admin/health/").text


def test_a_copy_sends_none_of_the_mails_that_the_site_has_still_to_send(site, copy):
    from umstripe.database import write
    from umstripe.emails import outbox as post
    from umstripe.models import Mail

    with copy.app_context(), write() as tx:
        Mail.write(tx, "health", "one", address="jane@example.org", what="this", says="that")
    with copy.app_context():
        assert post.send_pending() == 0
    logged_in(copy).press(COPY, f"{COPY}copy")
    with copy.app_context():
        assert post.send_pending() == 0


def test_where_postgres_does_not_tell_its_number_the_rest_tells(site):
    from sqlalchemy import text

    from umstripe import create_app
    from umstripe.database import db, write
    from umstripe.models import site_identity

    if site.database_url.startswith("sqlite"):
        pytest.skip("SQLite has no such right")
    with site.app.app_context(), write() as tx:
        tx.execute(text("CREATE ROLE plain LOGIN"))
        tx.execute(text("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC"))
        tx.execute(text("GRANT ALL ON ALL TABLES IN SCHEMA public TO plain"))
    url = make_url(site.database_url).set(username="plain").render_as_string(hide_password=False)
    app = create_app({**environ(site), "UMSTRIPE_DATABASE_URL": url})
    try:
        with app.app_context():
            assert site_identity.current()["database"] == "" and site_identity.mismatches() == []
            db.session.remove()
            db.engine.dispose()
    finally:
        with site.app.app_context(), write() as tx:
            tx.execute(text("DROP OWNED BY plain"))
            tx.execute(text("DROP ROLE plain"))
            tx.execute(text("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC"))
