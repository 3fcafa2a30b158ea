"""Settings > Extensions > Stripe: keys, connect, rights, the endpoint, disconnect, against a real simulator."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from tests.databases import environ_for
from tests.people import Browserless, make_administrator
from tests.ports import free_port
from tests.processes import Simulator
from tests.selling import rows
from umstripe.webhooks import HANDLERS

ADDRESS = "/admin/settings/stripe"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    one = Simulator(tmp_path_factory.mktemp("simulator"))
    one.start()
    yield one
    one.stop()


@pytest.fixture
def simulator(running):
    running.mend()
    running.do("/reset")
    return running


@pytest.fixture
def environ(database_url, tmp_path, simulator):
    environ = environ_for(database_url, tmp_path, UMSTRIPE_STRIPE_API_BASE=simulator.url)
    return {**environ, "UMSTRIPE_SITE_URL": "http://members.example.org"}


@pytest.fixture
def keys(simulator):
    return {
        "test_publishable_key": simulator.key("test", "publishable"),
        "test_secret_key": simulator.key("test", "secret"),
    }


def connect(person, **keys):
    return person.submit(ADDRESS, "test_secret_key", **keys, action="connect")


def endpoints(simulator, mode="test"):
    return simulator.call("GET", "/webhook_endpoints", simulator.key(mode))["data"]


def stored(app, what):
    return rows(app, f"SELECT {what} FROM connection WHERE mode = 'test'")[0][0]


LABELS = """
Sandbox/Test Mode | Test Publishable Key | Test Secret Key | Connect with Stripe | Webhook Endpoints
Replace existing roles when a subscription status changes | Test Clock | Test Clock ID | Disable Activity Logs
Stripe Embedded Checkout | Enable an option to change the payment collection method | Save Changes
"""


def test_the_screen_has_the_plugin_s_rows_in_the_plugin_s_order(admin):
    page = admin.get(ADDRESS).text
    place = page.index("Settings General")
    for label in LABELS.replace("\n", "|").split("|"):
        place = page.index(label.strip(), place)


@pytest.mark.parametrize(
    ("address", "entry", "current"),
    [
        (ADDRESS, "Settings", "page"),
        ("/admin/settings/", "Settings", "true"),
        ("/admin/settings/selling/", "Settings", "true"),
        ("/admin/settings/texts/page.success", "Settings", "true"),
        ("/admin/users/add", "Add User", "page"),
        ("/admin/users/1", "All Users", "true"),
        ("/admin/health/", "Health", "page"),
    ],
)
def test_the_menu_marks_the_entry_of_the_page(admin, address, entry, current):
    menu = admin.get(address).html.partition('id="menu"')[2].partition("</nav>")[0]
    assert re.findall(r'aria-current="(\w+)">([^<]+)', menu) == [(current, entry)]


def test_without_javascript_the_fields_are_relabelled_after_save(admin):
    assert 'data-mode="live" hidden' in admin.get(ADDRESS).html
    page = admin.submit(ADDRESS, "test_secret_key", sandbox=None)
    assert 'data-mode="test" hidden' in page.html and 'data-mode="live" hidden' not in page.html


def test_every_setting_is_saved(app, admin):
    values = {"replace_roles": "y", "test_clock": "y", "activity_off": "y", "embedded_checkout": "y"}
    page = admin.submit(
        ADDRESS, "test_secret_key", **values, collection_method_choice="y", test_clock_id="clock_1A"
    )
    assert "Settings have been saved successfully." in page.text
    fields = page.form("test_secret_key")["fields"]
    assert {*values, "collection_method_choice", "sandbox"} <= set(fields)
    assert fields["test_clock_id"] == ["clock_1A"]


def test_keys_are_encrypted_masked_and_never_sent_back(app, admin, keys):
    page = admin.submit(ADDRESS, "test_secret_key", **keys)
    for key in keys.values():
        assert key not in page.html and f"{key[:6]}{'•' * 25}{key[-4:]}" in page.html
        assert key[8:] not in stored(app, "publishable_key || secret_key")


def test_an_empty_field_keeps_the_key_and_each_mode_keeps_its_own(app, admin, keys, simulator):
    admin.submit(ADDRESS, "test_secret_key", **keys)
    before = stored(app, "secret_key")
    admin.submit(ADDRESS, "test_secret_key", live_secret_key=simulator.key("live", "secret"))
    assert stored(app, "secret_key") == before
    assert rows(app, "SELECT secret_key FROM connection WHERE mode = 'live'")[0][0] not in (None, before)


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("test_secret_key", "pk_test_51abcdefgh", "it belongs in the other field"),
        ("test_publishable_key", "sk_test_51abcdefgh", "it belongs in the other field"),
        ("test_secret_key", "sk_live_51abcdefgh", "This key is for live mode"),
        ("test_publishable_key", "pk_live_51abcdefgh", "This key is for live mode"),
        ("test_secret_key", "hello", "must start with sk_test_ or rk_test_"),
        ("test_secret_key", "sk_test_", "incomplete"),
        ("test_secret_key", "sk_test_51abc def gh", "incomplete"),
        ("test_secret_key", "sk_test_" + "x" * 10_000, "incomplete"),
        ("test_secret_key", "sk_test_\x00abcdefgh", "incomplete"),
        ("test_clock_id", "my clock", "starts with clock_"),
    ],
)
@pytest.mark.parametrize("action", [None, "connect"])
def test_a_wrong_key_gets_a_sentence_at_its_field_and_nothing_is_lost(
    app, admin, field, typed, sentence, action
):
    page = admin.submit(ADDRESS, "test_secret_key", **{field: typed, "replace_roles": "y"}, action=action)
    assert sentence in page.html.split(f'id="{field}-error"')[1].split("</p>")[0]
    fields = page.form("test_secret_key")["fields"]
    kept = [typed] if field == "test_clock_id" else [""]
    assert "replace_roles" in fields and fields[field] == kept
    assert kept[0] or f'value="{typed[:20]}' not in page.html  # it may be another secret, in the wrong field
    assert stored(app, "secret_key") is None


def test_a_key_of_the_hidden_mode_that_is_wrong_is_shown(admin):
    page = admin.submit(ADDRESS, "test_secret_key", live_secret_key="sk_test_51abcdefgh")
    assert "This key is for sandbox" in page.text


def test_spaces_around_a_key_do_no_harm(admin, keys):
    page = connect(admin, **{name: f" \u200b{key}\r\n " for name, key in keys.items()})
    assert "Connected with Stripe." in page.text


def test_connect_without_keys_says_which_are_missing(admin):
    page = connect(admin)
    assert (
        "Please type the Test Publishable Key" in page.text and "Please type the Test Secret Key" in page.text
    )


def test_connect_makes_one_endpoint_with_all_events_and_keeps_its_secret(app, admin, keys, simulator):
    page = connect(admin, **keys)
    assert "Connected with Stripe." in page.text and "Umstripe Simulator" in page.text
    (endpoint,) = endpoints(simulator)
    assert endpoint["url"] == "http://members.example.org/webhooks/stripe/test"
    assert sorted(endpoint["enabled_events"]) == sorted(HANDLERS)
    assert endpoint["api_version"] == "2026-10-28.endive"
    with app.app_context():
        from umstripe.models import Connection

        assert Connection.signing_secrets("test")[0].startswith("whsec_")
    assert "whsec_" not in stored(app, "endpoint_secret")


def test_a_second_connect_keeps_the_endpoint_and_its_secret(app, admin, keys, simulator):
    connect(admin, **keys)
    before = (stored(app, "endpoint_secret"), endpoints(simulator)[0]["id"])
    connect(admin)
    assert (stored(app, "endpoint_secret"), endpoints(simulator)[0]["id"]) == before
    assert len(endpoints(simulator)) == 1


def test_a_second_connect_mends_what_has_drifted(admin, keys, simulator):
    connect(admin, **keys)
    (endpoint,) = endpoints(simulator)
    drift = {"enabled_events[]": "price.updated", "disabled": "true", "url": "http://old.example.org/x"}
    simulator.call("POST", f"/webhook_endpoints/{endpoint['id']}", **drift)
    connect(admin)
    (mended,) = endpoints(simulator)
    assert mended["id"] == endpoint["id"] and mended["status"] == "enabled"
    assert sorted(mended["enabled_events"]) == sorted(HANDLERS) and mended["url"] == endpoint["url"]


def test_an_endpoint_that_was_deleted_at_stripe_is_made_again(app, admin, keys, simulator):
    connect(admin, **keys)
    before = stored(app, "endpoint_secret")
    simulator.call("DELETE", f"/webhook_endpoints/{endpoints(simulator)[0]['id']}")
    connect(admin)
    assert len(endpoints(simulator)) == 1 and stored(app, "endpoint_secret") != before


def test_two_administrators_who_connect_at_once_make_one_endpoint(app, admin, keys, simulator):
    make_administrator(app, "other")
    other = Browserless(app.test_client())
    other.log_in("other")
    with ThreadPoolExecutor(2) as threads:
        pages = list(threads.map(lambda person: connect(person, **keys).text, (admin, other)))
    assert any("Connected with Stripe." in page for page in pages)
    assert len(endpoints(simulator)) == 1


def test_a_connect_that_died_half_way_does_not_lock_the_next_one_out(app, admin, keys, simulator):
    from umstripe.database import write

    connect(admin, **keys)
    with app.app_context(), write() as tx:
        tx.execute(text("UPDATE connection SET busy_until = '2020-01-01 00:00:00', endpoint_secret = NULL"))
    assert "Connected with Stripe." in connect(admin).text
    assert len(endpoints(simulator)) == 1


def test_an_unknown_key_is_refused_at_its_field_and_the_old_one_stays(app, admin, keys, simulator):
    connect(admin, **keys)
    before = stored(app, "secret_key")
    page = connect(admin, test_secret_key="sk_test_51thisIsNotAKeyOfAnybody")
    assert "Stripe: The connection failed. Stripe does not know this key." in page.text
    assert 'id="test_secret_key-error"' in page.html
    assert stored(app, "secret_key") == before and stored(app, "connected_at")


def test_an_unknown_publishable_key_is_refused_at_its_field(admin, keys):
    page = connect(admin, **{**keys, "test_publishable_key": "pk_test_51thisIsNotAKeyOfAnybody"})
    assert 'id="test_publishable_key-error"' in page.html and "does not know this key" in page.text


def test_an_expired_key_has_its_own_sentence(admin, keys, simulator):
    simulator.do("/keys/expire", key=keys["test_secret_key"])
    assert "This key has expired at Stripe." in connect(admin, **keys).text


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"kind": "500"}, "Stripe has a problem at the moment"),
        ({"kind": "429"}, "Stripe asks us to slow down"),
        ({"kind": "drop"}, "Stripe could not be reached"),
        ({"kind": "hang", "seconds": 11}, "Stripe did not answer within 10 seconds"),
    ],
)
def test_when_stripe_is_in_trouble_the_page_says_so_and_keeps_what_was_typed(
    admin, keys, simulator, fault, sentence
):
    simulator.do("/faults", **fault, path="/v1/tokens", times=5)
    began = time.monotonic()
    page = connect(admin, **keys, replace_roles="y")
    assert time.monotonic() - began < 15
    assert sentence in page.text
    fields = page.form("test_secret_key")["fields"]
    assert keys["test_secret_key"] not in page.html and "replace_roles" in fields
    assert "The keys are stored." in page.text and f"{keys['test_secret_key'][:6]}•••" in page.html
    simulator.mend()
    assert "Connected with Stripe." in connect(admin).text


def test_without_a_network_the_page_says_so(database_url, tmp_path):
    from umstripe import create_app

    base = f"http://127.0.0.1:{free_port()}"
    app = create_app(environ_for(database_url, tmp_path, UMSTRIPE_STRIPE_API_BASE=base))
    make_administrator(app)
    person = Browserless(app.test_client())
    person.log_in("admin")
    typed = {"test_publishable_key": "pk_test_51abcdefgh", "test_secret_key": "sk_test_51abcdefgh"}
    assert "Stripe could not be reached from this server." in connect(person, **typed).text
    assert (
        "There is no simulator at" in person.submit(ADDRESS, "test_secret_key", action="simulator_keys").text
    )


RIGHTS = {
    "Customers": "customer_write",
    "Checkout Sessions": "checkout_session_write",
    "Customer portal": "customer_portal_write",
    "Prices": "plan_read",
    "Products": "product_read",
    "Subscriptions": "subscription_write",
    "Invoices": "invoice_write",
    "Payment Intents": "payment_intent_write",
    "Charges": "charge_read",
    "Events": "event_read",
    "Webhook Endpoints": "webhook_write",
}


BREAKS = {
    "Customers": "so they cannot pay",
    "Checkout Sessions": "Nobody can pay",
    "Customer portal": "Members cannot manage their billing",
    "Prices": "Prices cannot be imported",
    "Products": "Plans have no names",
    "Invoices": "nor what a switch costs",
    "Payment Intents": "nor approved or refused",
    "Charges": "only when their delivery comes",
    "Events": "by the nightly audit only",
    "Subscriptions": "so a role may be late",
    "Webhook Endpoints": "nobody’s role changes",
}


def rights_shown(page):
    body = page.text.split("The key has it ")[1].split("Webhook Endpoints http")[0]
    return {label: body.split(f"{label} ")[1].split()[1].strip(".") for label in RIGHTS}


def test_a_restricted_key_with_all_rights_has_a_tick_at_each(admin, keys, simulator):
    page = connect(admin, **{**keys, "test_secret_key": simulator.key("test", "restricted")})
    assert rights_shown(page) == dict.fromkeys(RIGHTS, "Yes")


@pytest.mark.one_database
@pytest.mark.parametrize("lacking", RIGHTS)
def test_a_right_that_a_restricted_key_lacks_is_shown_with_what_it_breaks(admin, keys, simulator, lacking):
    rights = [right for label, right in RIGHTS.items() if label != lacking]
    key = simulator.do("/keys", rights=rights, mode="test")["key"]
    page = connect(admin, **{**keys, "test_secret_key": key})
    shown = rights_shown(page)
    assert shown.pop(lacking) == "No" and set(shown.values()) == {"Yes"}
    assert BREAKS[lacking] in page.text
    if lacking == "Webhook Endpoints":
        assert "The key may not create the webhook endpoint." in page.text


def test_when_stripe_s_answer_does_not_tell_the_right_is_unknown(admin, keys, simulator):
    simulator.do("/faults", kind="500", path="/v1/billing_portal/sessions", times=5)
    page = connect(admin, **{**keys, "test_secret_key": simulator.key("test", "restricted")})
    assert rights_shown(page)["Customer portal"] == "Unknown"


def test_a_secret_key_has_all_rights_so_there_is_no_table(admin, keys):
    assert "The key has it" not in connect(admin, **keys).text


def test_probing_changes_nothing_at_stripe(admin, keys, simulator):
    before = simulator.tell("/state")["modes"]["test"]
    connect(admin, **{**keys, "test_secret_key": simulator.key("test", "restricted")})
    after = simulator.tell("/state")["modes"]["test"]
    assert {name for name in after if after[name] != before[name]} == {"webhook_endpoint"}


def test_a_local_site_is_connected_for_import_and_told_what_to_do(database_url, tmp_path):
    from umstripe import create_app

    strict = Simulator(tmp_path)
    strict.command.remove("--allow-local-endpoints")
    strict.start()
    try:
        environ = environ_for(database_url, tmp_path, UMSTRIPE_STRIPE_API_BASE=strict.url)
        app = create_app(environ)
        make_administrator(app)
        person = Browserless(app.test_client())
        person.log_in("admin")
        typed = {f"test_{which}_key": strict.key("test", which) for which in ("publishable", "secret")}
        page = connect(person, **typed)
        assert "Stripe cannot reach this site at http://127.0.0.1:8000/webhooks/stripe/test" in page.text
        assert "forward deliveries with the Stripe CLI" in page.text
        assert "Import Prices from your Stripe Account" in page.text
        assert endpoints(strict) == []
    finally:
        strict.stop()


def disconnect(person):
    return person.submit(f"{ADDRESS}/test/disconnect")


def test_disconnect_asks_first_and_says_what_stays_and_what_stops(admin, keys, simulator):
    connect(admin, **keys)
    page = admin.get(f"{ADDRESS}/test/disconnect").text
    assert "Members keep their roles" in page and "What stops" in page
    assert len(endpoints(simulator)) == 1


def test_disconnect_deletes_the_endpoint_and_forgets_the_keys(app, admin, keys, simulator):
    connect(admin, **keys)
    page = disconnect(admin)
    assert "Disconnected from Stripe. Members keep their roles." in page.text
    assert endpoints(simulator) == []
    columns = ("publishable_key", "secret_key", "endpoint_secret", "stripe_endpoint_id", "connected_at")
    assert [stored(app, name) for name in columns] == [None] * 5


@pytest.mark.parametrize("trouble", ["down", "expired"])
def test_disconnect_works_without_stripe_and_says_what_is_left_there(app, admin, keys, simulator, trouble):
    connect(admin, **keys)
    if trouble == "down":
        simulator.do("/faults", kind="drop", path="/v1/webhook_endpoints", times=5)
    else:
        simulator.do("/keys/expire", key=keys["test_secret_key"])
    page = disconnect(admin)
    assert "Disconnected from Stripe." in page.text
    assert "http://members.example.org/webhooks/stripe/test could not be deleted at Stripe" in page.text
    assert stored(app, "secret_key") is None


def test_connecting_again_after_that_replaces_the_endpoint_that_was_left(admin, keys, simulator):
    connect(admin, **keys)
    simulator.do("/faults", kind="drop", path="/v1/webhook_endpoints", times=1)
    disconnect(admin)
    simulator.mend()
    connect(admin, **keys)
    assert len(endpoints(simulator)) == 1


def test_live_mode_is_the_same_with_live_words(admin, simulator):
    admin.submit(ADDRESS, "test_secret_key", sandbox=None)
    typed = {
        "live_publishable_key": simulator.key("live", "publishable"),
        "live_secret_key": simulator.key("live", "restricted"),
    }
    page = admin.submit(ADDRESS, "test_secret_key", **typed, action="connect")
    assert "(Live)" in page.text and "Live Restricted or Secret Key" in page.text


def test_the_simulator_s_keys_are_offered_and_fill_the_fields(admin):
    assert "Fill in the simulator’s keys" in admin.get(ADDRESS).text
    admin.submit(ADDRESS, "test_secret_key", action="simulator_keys")
    assert "Connected with Stripe." in connect(admin).text


def test_without_a_simulator_its_keys_are_not_offered(database_url, tmp_path):
    from umstripe import create_app

    app = create_app(environ_for(database_url, tmp_path))
    make_administrator(app)
    person = Browserless(app.test_client())
    person.log_in("admin")
    assert "simulator" not in person.get(ADDRESS).text


def test_every_write_to_stripe_and_every_change_of_keys_leaves_a_line(app, admin, keys):
    connect(admin, **keys)
    disconnect(admin)
    actions = [action for (action,) in rows(app, "SELECT action FROM activity ORDER BY id")]
    assert "stripe.connected" in actions and "stripe.disconnected" in actions
    said = " ".join(repr(row) for row in rows(app, "SELECT * FROM activity"))
    assert not any(key in said for key in keys.values())


def test_the_general_settings_are_saved(admin):
    page = admin.submit("/admin/settings/", site_name="Choir", default_role_id="2")
    assert "Settings have been saved successfully." in page.text and "Choir" in page.text


@pytest.mark.parametrize("typed", [{"site_name": ""}, {"site_name": "x" * 81}, {"default_role_id": "1"}])
def test_wrong_general_settings_get_a_sentence(admin, typed):
    page = admin.submit("/admin/settings/", "site_name", **typed)
    assert "Settings have been saved" not in page.text and 'class="field-error"' in page.html
