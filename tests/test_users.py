"""Users: the list, adding, editing, and the customer at Stripe, against a real simulator."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from pathlib import Path

import pytest
from sqlalchemy import event

from tests.databases import Sqlite, environ_for
from tests.people import PASSWORD, Browserless, make_administrator, make_user
from tests.processes import Simulator, wait_until
from tests.selling import make_plan, open_shop, rows, settings
from tests.stripe_events import deliver, subscription_event

LIST, ADD = "/admin/users/", "/admin/users/add"
JANE = {"username": "jane", "email": "jane@example.org", "name": "Jane Doe"}
LATER = "Then press “Create customer at Stripe”."


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
def environ(database_url, tmp_path, running):
    return environ_for(database_url, tmp_path, UMSTRIPE_STRIPE_API_BASE=running.url)


@pytest.fixture
def connected(app, simulator):
    """A site whose sandbox is connected."""
    from umstripe.database import now, writing
    from umstripe.models import Connection

    with app.app_context(), writing():
        connection = Connection.of("test")
        connection.keep_keys(simulator.key("test", "publishable"), simulator.key())
        connection.connected_at = now()
    return simulator


@pytest.fixture
def shop(app):
    open_shop(app)


def customers(simulator, email="jane@example.org"):
    return simulator.call("GET", "/customers", email=email)["data"]


def id_of(app, username="jane"):
    return rows(app, 'SELECT id FROM "user" WHERE username = :name', name=username)[0][0]


def address_of(app, username="jane"):
    return f"{LIST}{id_of(app, username)}"


def role_id(app, name):
    return str(rows(app, "SELECT id FROM role WHERE name = :name", name=name)[0][0])


def log_of(app, action):
    return [line for (line,) in rows(app, "SELECT description FROM activity WHERE action = :a", a=action)]


def usernames(page):
    return re.findall(r'class="row-title"[^>]*>([^<]*)</a>', page.html)


def line_of(page, username):
    """What the list says of a user, from the username to the row's end."""
    html = page.html[page.html.index(f">{username}</a>") :].split("</tr>")[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html.partition(">")[2])).split())


def subscribe(app, status="active", price="price_basic", at=None, **more):
    answer = deliver(app.test_client(), subscription_event(status, at=at, price=price, **more))
    assert answer.status_code == 200, answer.text


# The list


def test_the_list_has_the_columns_of_the_plugin(app, admin, shop):
    page = admin.get(LIST)
    assert re.findall(r'<th scope="col">([^<]+)</th>', page.html) == [
        *("Username", "Name", "Email", "Role", "Subscription status")
    ]
    assert "All (2) Administrator (1)" in page.text.replace(" |", "")
    assert line_of(page, "admin").endswith("admin@example.org Administrator Inactive")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("active", "Active Member Active"),
        ("trialing", "Trialing Member Trialing"),
        ("past_due", "Past Due Member Past Due"),
        ("unpaid", "Unpaid Member Unpaid"),
        ("canceled", "Canceled Member Canceled"),
        ("incomplete", "None Incomplete"),
    ],
)
def test_a_line_shows_the_role_now_and_the_status_with_its_plan_and_price(app, admin, shop, status, words):
    subscribe(app, status)
    assert f"{words} Basic – $9.99 / month Sandbox View on Stripe" in line_of(admin.get(LIST), "jane")


def test_a_paused_collection_is_shown_as_paused(app, admin, shop):
    subscribe(app, "active", pause_collection={"behavior": "void"})
    assert "Paused Member Paused" in line_of(admin.get(LIST), "jane")


def test_the_way_to_stripe_opens_in_a_new_tab_of_the_right_mode(app, admin, shop):
    make_user(app, "lena", mode="live")
    settings(app, sandbox=False)
    html = admin.get(LIST).html
    link = 'href="https://dashboard.stripe.com/customers/cus_lena" target="_blank" rel="noopener"'
    assert link in html and "cus_jane" not in html
    settings(app, sandbox=True)
    assert 'href="https://dashboard.stripe.com/test/customers/cus_jane"' in admin.get(LIST).html


def test_a_live_membership_is_shown_before_a_newer_one_that_has_ended(app, admin, shop):
    make_plan(app, "price_gold", ("active", "canceled"), nickname="Gold", interval="year")
    subscribe(app, "active", id_="sub_old", created=1_700_000_000)
    subscribe(app, "canceled", "price_gold", id_="sub_new", created=1_750_000_000, ended_at=1_760_000_000)
    assert "Active Member Active Basic" in line_of(admin.get(LIST), "jane")
    assert usernames(admin.get(f"{LIST}?status=active")) == ["jane"]
    assert usernames(admin.get(f"{LIST}?status=canceled")) == []


def test_of_ended_memberships_the_one_that_ended_last_is_shown(app, admin, shop):
    make_plan(app, "price_gold", (), nickname="Gold", interval="year")
    subscribe(app, "canceled", id_="sub_old", created=1_700_000_000, ended_at=1_770_000_000)
    subscribe(app, "canceled", "price_gold", id_="sub_new", created=1_750_000_000, ended_at=1_760_000_000)
    assert "Canceled Member Canceled Basic" in line_of(admin.get(LIST), "jane")


def test_a_sandbox_membership_is_shown_only_while_the_sandbox_is_on(app, admin, shop):
    subscribe(app, "active")
    settings(app, sandbox=False)
    assert line_of(admin.get(LIST), "jane").endswith("None Inactive")
    assert usernames(admin.get(f"{LIST}?status=inactive")) == ["admin", "jane"]


def test_filters_and_search_narrow_the_list_and_keep_each_other(app, admin, shop):
    subscribe(app, "past_due")
    make_user(app, "john", "Subscriber")
    role = role_id(app, "Past Due Member")
    assert usernames(admin.get(f"{LIST}?status=past_due")) == ["jane"]
    assert usernames(admin.get(f"{LIST}?status=inactive")) == ["admin", "john"]
    page = admin.get(f"{LIST}?role={role}&search=JANE%40")
    assert usernames(page) == ["jane"] and f'name="role" value="{role}"' in page.html
    assert usernames(admin.get(f"{LIST}?role={role_id(app, 'Subscriber')}&status=past_due")) == []


@pytest.mark.parametrize(("typed", "found"), [("%25", ["odd"]), ("_", ["odd"]), ("Doe%5C", ["slash"])])
def test_search_takes_signs_literally(app, admin, typed, found):
    admin.submit(ADD, **{**JANE, "username": "odd", "name": "100%_"}, notify=None)
    admin.submit(ADD, username="slash", email="s@example.org", notify=None, name="Doe\\")
    assert usernames(admin.get(f"{LIST}?search={typed}")) == found


def test_the_list_is_sorted_by_username_and_has_pages_of_20(app, admin):
    for number in range(45):
        make_user(app, f"{'MEMBER' if number % 2 else 'member'}{number:02}")
    names = [name for page in (1, 2, 3) for name in usernames(admin.get(f"{LIST}?page={page}"))]
    assert len(usernames(admin.get(LIST))) == 20 and len(names) == 46
    assert names == sorted(names, key=str.lower)
    assert "46 items" in admin.get(LIST).text and "2 of 3" in admin.get(f"{LIST}?page=2").text


def test_a_longer_page_takes_no_more_queries(app, admin, shop):
    subscribe(app, "active")
    admin.get(LIST)
    few = _queries(app, admin)
    for number in range(18):
        make_user(app, f"member{number}", "Subscriber")
        if number % 2:
            subscribe(app, "past_due", customer=f"cus_member{number}", id_=f"sub_{number}")
    assert _queries(app, admin) == few


def _queries(app, admin):
    from umstripe.database import db

    said = []

    def count(_connection, _cursor, statement, *_):
        said.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", count)
    admin.get(LIST)
    event.remove(engine, "before_cursor_execute", count)
    return len(said)


@pytest.mark.parametrize(
    "query",
    [
        *("page=0", "page=-1", "page=abc", "page=1000000000000", "page=99999", "page=", "page=²", "page=٣"),
        *("role=abc", "role=-1", "role=99999999999999999999", "role=1&role=2", "status=nothing", "status="),
        *("search=%00", "search=" + "x" * 10_000, "search=%F0%9F%A6%8A", "search='; DROP TABLE user;--"),
        *("role=%00&status=%00&page=%00", "search=%FF%FE"),
    ],
)
def test_whatever_stands_in_the_address_it_is_a_list(admin, query):
    assert "Users" in admin.get(f"{LIST}?{query}").text


def test_a_page_behind_the_last_one_says_so(admin):
    assert "There is nothing on this page of the list." in admin.get(f"{LIST}?page=7").text
    assert "No users found." in admin.get(f"{LIST}?search=nobody").text


@pytest.mark.parametrize("address", [LIST, ADD, f"{LIST}1"])
def test_users_are_for_administrators_only(app, client, address):
    from umstripe.database import writing
    from umstripe.models import User

    assert "Log In" in client.get(address).text
    make_user(app, "jane", "Subscriber")
    with app.app_context(), writing():
        User.with_username("jane").set_password(PASSWORD)
    client.log_in("jane")
    client.get(address, status=403)


# Adding


def test_an_added_user_has_the_default_role_and_can_log_in_with_the_password(app, admin):
    page = admin.submit(ADD, **JANE, password=PASSWORD, notify=None)
    assert "jane is added." in page.text and "Edit User jane" in page.text
    assert line_of(admin.get(LIST), "jane") == "jane Edit jane Jane Doe jane@example.org Subscriber Inactive"
    assert log_of(app, "user.created") == ["jane added, roles: Subscriber"]
    assert "jane@example.org" in _logged_in(app, "jane", PASSWORD).html


def _logged_in(app, username, password):
    person = Browserless(app.test_client())
    person.log_in(username, password)
    return person.get("/account/")


def test_without_a_password_nobody_logs_in_until_the_link_in_the_mail_was_used(app, admin, environ):
    admin.submit(ADD, **JANE)
    assert "Log In" in _logged_in(app, "jane", "").text
    assert "Log In" in _logged_in(app, "jane", "None").text
    mail = _mails(app, environ)
    assert "To: jane@example.org" in mail and PASSWORD not in mail
    link = re.search(r"http://[^\s\"<]*(/invitation/[^\s\"<>]+)", mail).group(1)
    Browserless(app.test_client()).submit(link, password=PASSWORD, password_again=PASSWORD)
    assert "jane@example.org" in _logged_in(app, "jane", PASSWORD).html


def test_without_the_tick_no_mail_is_sent(app, admin, environ):
    admin.submit(ADD, **JANE, notify=None)
    assert _mails(app, environ) == ""


def _mails(app, environ):
    """What the worker sends, as files: there is no mail server."""
    from umstripe.emails import outbox

    with app.app_context():
        outbox.send_pending()
    folder = Path(environ["UMSTRIPE_INSTANCE"]) / "mail"
    texts = [one.read_text() for one in sorted(folder.iterdir())] if folder.is_dir() else []
    return "".join(texts).replace("=\n", "").replace("=3D", "=")


def test_roles_are_given_by_hand(app, admin, shop):
    ticked = [role_id(app, "Active Member"), role_id(app, "Paid Member")]
    admin.submit(ADD, **{**JANE, "username": "lena", "email": "l@example.org"}, roles=ticked, notify=None)
    assert "Active Member, Paid Member Inactive" in line_of(admin.get(LIST), "lena")
    admin.submit(address_of(app, "lena"), "username", roles=[])
    assert "None Inactive" in line_of(admin.get(LIST), "lena")


WRONG = [
    ("username", "", "Please type a username."),
    ("username", "   ", "Please type a username."),
    ("username", "x" * 10_000, "At most 60 characters."),
    ("username", "two words", "Use only letters"),
    ("username", "jäne", "Use only letters"),
    ("username", "<script>alert(1)</script>", "Use only letters"),
    ("username", "jane@example.org", "Use only letters"),
    ("username", "ADMIN", "This username is taken."),
    ("email", "", "Please type a mail address."),
    ("email", "nobody", "This is not a mail address."),
    ("email", "a@b@c.org", "This is not a mail address."),
    ("email", "jane@example.org\r\nBcc: all@example.org", "This is not a mail address."),
    ("email", "x" * 10_000 + "@example.org", "At most 255 characters."),
    ("email", " Admin@Example.ORG ", "Another user has this mail address."),
    ("name", "x" * 10_000, "At most 120 characters."),
    ("password", "short", "Use 10 to 128 characters."),
    ("password", "x" * 129, "Use 10 to 128 characters."),
    ("roles", ["999999"], "One of the roles does not exist any more."),
    ("roles", ["abc"], "One of the roles does not exist any more."),
    ("roles", ["1", "9" * 10_000], "One of the roles does not exist any more."),
    ("roles", ["-1"], "One of the roles does not exist any more."),
    ("roles", ["\x00"], "One of the roles does not exist any more."),
]


@pytest.mark.parametrize(("field", "typed", "sentence"), WRONG)
def test_wrong_input_gets_a_sentence_adds_nobody_and_loses_nothing(app, admin, field, typed, sentence):
    page = admin.submit(ADD, **{**JANE, "password": PASSWORD, field: typed})
    assert sentence in page.text and "Add User" in page.text
    kept, fields = {**JANE, field: typed}, page.form("username")["fields"]
    for name in JANE:
        if kept[name].strip() == kept[name]:
            assert fields[name] == [kept[name]]
    assert PASSWORD not in page.html and "<script>alert" not in page.html
    assert rows(app, 'SELECT count(*) FROM "user"') == [(1,)]


@pytest.mark.parametrize(("field", "typed", "sentence"), [one for one in WRONG if one[0] != "password"])
def test_wrong_input_on_the_edit_page_changes_nothing(app, admin, field, typed, sentence):
    make_user(app, "jane", "Subscriber")
    page = admin.submit(address_of(app), "username", **{field: typed})
    assert sentence in page.text and "User updated." not in page.text
    assert rows(app, 'SELECT username, email, name FROM "user" WHERE id > 1') == [
        ("jane", "jane@example.org", "")
    ]
    assert log_of(app, "user.changed") == []


@pytest.mark.parametrize(
    "name", ["Jöran Ωmega 🦊", "<b>Jane</b>", 'O\'Neil "J" & Co', "\u202eenaJ", "a\x00b"]
)
def test_names_are_any_text_and_shown_as_text(app, admin, name):
    page = admin.submit(ADD, **{**JANE, "name": name}, notify=None)
    assert "jane is added." in page.text
    stored = name.replace("\x00", "")
    assert page.form("username", "name")["fields"]["name"] == [stored]
    assert stored in line_of(admin.get(LIST), "jane") and "<b>Jane" not in admin.get(LIST).html


def test_a_mail_address_with_other_letters_is_one_person_in_any_capitals(app, admin):
    admin.submit(ADD, **{**JANE, "email": "ÄRGER@example.org"}, notify=None, password=PASSWORD)
    assert "ÄRGER@example.org" in _logged_in(app, "ÄRGER@example.org", PASSWORD).html
    page = admin.submit(ADD, **{**JANE, "username": "other", "email": "ÄRGER@EXAMPLE.org"})
    assert "Another user has this mail address." in page.text


def test_sending_the_form_twice_makes_one_user(app, admin, connected):
    form = admin.get(ADD).form("username")["fields"]
    answers = [admin.client.post(ADD, data={**form, **JANE}) for _ in range(2)]
    assert [one.status_code for one in answers] == [303, 200]
    assert "This username is taken." in answers[1].text
    assert len(rows(app, 'SELECT id FROM "user"')) == 2 and len(customers(connected)) == 1


def at_once(app, *requests):
    """Administrators who send their forms in the same moment. A request is (page, address, values)."""
    waiting = threading.Barrier(len(requests))

    def one(number, request):
        page, values = request
        person = Browserless(app.test_client())
        person.log_in("admin" if number == 0 else f"admin{number}")
        form = person.get(page).form("username")["fields"]
        waiting.wait(30)
        return person.client.post(page, data={**form, **values})

    for number in range(1, len(requests)):
        if not rows(app, 'SELECT id FROM "user" WHERE username = :n', n=f"admin{number}"):
            make_administrator(app, f"admin{number}")
    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(one, range(len(requests)), requests))


def test_two_administrators_who_add_the_same_user_at_once_make_one(app, admin, connected):
    answers = at_once(app, *[(ADD, JANE)] * 4)
    assert sorted(one.status_code for one in answers) == [200, 200, 200, 303]
    refused = [one.text for one in answers if one.status_code == 200]
    taken = ("This username is taken.", "Another user has this mail address.")
    assert all(any(one in text for one in taken) and 'value="Jane Doe"' in text for text in refused)
    assert len(customers(connected)) == 1
    assert len(rows(app, "SELECT id FROM \"user\" WHERE username = 'jane'")) == 1


def test_a_form_without_its_token_adds_nobody(app, admin):
    answer = admin.client.post(ADD, data=JANE)
    assert answer.status_code == 400 and "The form arrived incomplete" in answer.text
    make_user(app, "lena")
    for address in (address_of(app, "lena"), f"{address_of(app, 'lena')}/customer"):
        assert admin.client.post(address, data=JANE).status_code == 400
    assert len(rows(app, 'SELECT id FROM "user"')) == 2


# The customer at Stripe


def test_an_added_user_gets_a_customer_at_stripe(app, admin, connected):
    page = admin.submit(ADD, **JANE)
    (made,) = customers(connected)
    public_id = rows(app, "SELECT public_id FROM \"user\" WHERE username = 'jane'")[0][0]
    assert (made["name"], made["metadata"]["umstripe_user"]) == ("Jane Doe", public_id)
    assert made["id"] in page.text and f"test/customers/{made['id']}" in page.html
    assert log_of(app, "customer.created") == [f"Customer {made['id']} made at Stripe"]


def test_without_a_connection_nobody_asks_stripe(app, admin, simulator):
    page = admin.submit(ADD, **JANE)
    assert "No customer at Stripe." in page.text and LATER not in page.text
    assert "Create customer at Stripe" not in page.text and customers(simulator) == []


TROUBLES = [
    ({"kind": "500"}, "Stripe has a problem at the moment"),
    ({"kind": "429"}, "Stripe asks us to slow down"),
    ({"kind": "drop"}, "Stripe could not be reached"),
    ({"kind": "hang", "seconds": 11}, "Stripe did not answer within 10 seconds"),
    ({"kind": "drop", "when": "after"}, "Stripe could not be reached"),
]


@pytest.mark.parametrize(("fault", "sentence"), TROUBLES)
def test_when_stripe_is_in_trouble_the_user_stays_and_a_button_makes_one_customer_later(
    app, admin, connected, fault, sentence
):
    connected.do("/faults", **fault, path="/v1/customers", method="POST", times=1)
    page = admin.submit(ADD, **JANE)
    assert "jane is added." in page.text and sentence in page.text and LATER in page.text
    assert log_of(app, "user.created") and not log_of(app, "customer.created")
    connected.mend()
    wait_until(lambda: _press(app, admin), "the customer is made")
    (made,) = customers(connected)
    assert made["id"] in admin.get(address_of(app)).text
    assert log_of(app, "customer.created") == [f"Customer {made['id']} made at Stripe"]


def _press(app, person):
    page = person.press(address_of(app), f"{address_of(app)}/customer")
    return "The customer is made at Stripe." in page.text


def test_when_stripe_refuses_the_reason_is_told(app, admin, connected):
    connected.do("/keys/expire", key=connected.key())
    page = admin.submit(ADD, **JANE)
    assert "jane is added." in page.text and LATER in page.text and "expired" in page.text.lower()


def test_the_database_is_free_while_stripe_is_slow(app, admin, connected):
    """Rule 9: another administrator's form goes through while Stripe keeps this one waiting."""
    make_administrator(app, "other")
    other = Browserless(app.test_client())
    other.log_in("other")
    connected.do("/faults", kind="hang", seconds=6, path="/v1/customers", method="POST", times=1)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(admin.submit, ADD, **JANE, notify=None)
        while not rows(app, "SELECT id FROM \"user\" WHERE username = 'jane'"):
            time.sleep(0.02)
        began = time.monotonic()
        other.submit("/admin/roles/", name="Gold")
        took = time.monotonic() - began
        assert not slow.done() and took < 3
        assert "jane is added." in slow.result().text


def test_the_button_pressed_twice_makes_one_customer(app, admin, connected):
    make_user(app, "lena", mode="live")
    address = f"{address_of(app, 'lena')}/customer"
    token = admin.get(ADD).form("username")["fields"]["csrf_token"]
    for _ in range(2):
        assert admin.client.post(address, data={"csrf_token": token}).status_code == 303
    assert len(customers(connected, "lena@example.org")) == 1
    assert len(log_of(app, "customer.created")) == 1


def test_two_who_press_the_button_at_once_make_one_customer(app, connected):
    make_administrator(app)
    make_user(app, "lena", mode="live")
    people = [Browserless(app.test_client()) for _ in range(4)]
    for person in people:
        person.log_in("admin")
    token = [one.get(ADD).form("username")["fields"]["csrf_token"] for one in people]
    address = f"{address_of(app, 'lena')}/customer"
    with ThreadPoolExecutor(4) as pool:
        posted = pool.map(lambda n: people[n].client.post(address, data={"csrf_token": token[n]}), range(4))
        assert [one.status_code for one in posted] == [303] * 4
    assert len(customers(connected, "lena@example.org")) == 1
    assert len(rows(app, "SELECT id FROM customer WHERE mode = 'test'")) == 1


def test_a_delivery_that_links_the_customer_a_moment_earlier_is_no_fault(app, connected, database):
    from umstripe.database import write
    from umstripe.models import Customer

    if isinstance(database, Sqlite):
        pytest.skip("on SQLite nobody writes between our look and our write")
    make_administrator(app)
    make_user(app, "lena", mode="live")
    admin = Browserless(app.test_client())
    admin.log_in("admin")

    def deliver_first(_mapper, _connection, customer):
        with ThreadPoolExecutor(1) as somebody_else:
            somebody_else.submit(link, customer.stripe_customer_id, customer.user.public_id).result()

    def link(stripe_customer_id, public_id):
        with app.app_context(), write() as tx:
            Customer.link(tx, "test", stripe_customer_id, public_id)

    event.listen(Customer, "before_insert", deliver_first)
    try:
        page = admin.press(address_of(app, "lena"), f"{address_of(app, 'lena')}/customer")
    finally:
        event.remove(Customer, "before_insert", deliver_first)
    assert customers(connected, "lena@example.org")[0]["id"] in page.text
    assert len(rows(app, "SELECT id FROM customer WHERE mode = 'test'")) == 1


def test_each_mode_has_its_own_customer(app, admin, connected):
    make_user(app, "lena", mode="live")
    page = admin.press(address_of(app, "lena"), f"{address_of(app, 'lena')}/customer")
    (made,) = customers(connected, "lena@example.org")
    assert f"cus_lena ( Live ) Manage on Stripe (opens in a new tab) {made['id']} ( Sandbox )" in page.text


# Editing


def test_an_edit_is_saved_and_leaves_a_line(app, admin):
    make_user(app, "jane", "Subscriber")
    page = admin.submit(address_of(app), username="Jane2", email="j2@example.org", name="Jane Doe")
    assert "User updated." in page.text and "Edit User Jane2" in page.text
    assert log_of(app, "user.changed") == [
        "Jane2: username jane → Jane2, email jane@example.org → j2@example.org, name none → Jane Doe"
    ]
    assert log_of(app, "security.roles_changed") == []


def test_saving_without_a_change_leaves_no_line(app, admin):
    make_user(app, "jane", "Subscriber")
    assert "User updated." in admin.submit(address_of(app), "username").text
    assert rows(app, "SELECT action FROM activity WHERE by_id IS NOT NULL") == []


def test_a_username_may_change_its_capitals(app, admin):
    make_user(app, "jane")
    assert "Edit User JANE" in admin.submit(address_of(app), username="JANE").text


@pytest.mark.parametrize("unknown", ["0", "999", "99999999999999999999", "abc", "-1", "1e3", "%00"])
def test_unknown_users_are_not_found(admin, unknown):
    for address in (f"{LIST}{unknown}", f"{LIST}{unknown}/customer"):
        token = admin.get(ADD).form("username")["fields"]["csrf_token"]
        assert admin.client.post(address, data={"csrf_token": token}).status_code in (404, 405)
    admin.get(f"{LIST}{unknown}", status=404)


def test_changed_roles_leave_a_line_with_before_and_after(app, admin, shop):
    both = [role_id(app, "Subscriber"), role_id(app, "Paid Member")]
    admin.submit(address_of(app), "username", roles=both)
    admin.submit(address_of(app), "username", roles=both[:1])
    admin.submit(address_of(app), "username", roles=[])
    assert log_of(app, "security.roles_changed") == [
        "jane: none → Paid Member, Subscriber",
        "jane: Paid Member, Subscriber → Subscriber",
        "jane: Subscriber → none",
    ]
    lines = rows(app, "SELECT DISTINCT trigger, by_id, page, address FROM activity WHERE by_id > 0")
    assert lines == [("admin", id_of(app, "admin"), address_of(app), "127.0.0.1")]


def test_lines_of_security_are_written_while_the_log_is_off(app, admin, shop):
    settings(app, activity_off=True)
    admin.submit(address_of(app), "username", roles=[role_id(app, "Administrator")], name="Jane")
    assert log_of(app, "security.roles_changed") == ["jane: none → Administrator"]
    assert log_of(app, "user.changed") == []


def test_the_last_administrator_keeps_the_role(app, admin):
    page = admin.submit(address_of(app, "admin"), "username", roles=[], name="Typed")
    assert "This is the only administrator. Make somebody else one first." in page.text
    assert page.form("username")["fields"]["name"] == ["Typed"]
    assert "Administrator Inactive" in line_of(admin.get(LIST), "admin")
    assert rows(app, "SELECT name FROM \"user\" WHERE username = 'admin'") == [("",)]


def test_one_of_two_administrators_may_lose_the_role_and_is_out_at_once(app, admin):
    make_administrator(app, "second")
    second = Browserless(app.test_client())
    second.log_in("second")
    admin.submit(address_of(app, "second"), "username", roles=[])
    second.get("/admin/users/", status=403)


def test_two_administrators_cannot_take_the_role_from_each_other_at_once(app):
    for name in ("admin", "admin1"):
        make_administrator(app, name)
    first, second = address_of(app, "admin"), address_of(app, "admin1")
    answers = at_once(app, (second, {"roles": []}), (first, {"roles": []}))
    assert sorted(one.status_code for one in answers) in ([200, 303], [303, 403]), answers
    left = "SELECT count(*) FROM manual_role JOIN role ON role.id = role_id WHERE is_administrator"
    assert rows(app, left) == [(1,)]


def test_two_who_edit_one_user_at_once_both_get_an_answer(app, admin, shop):
    make_user(app, "lena", "Subscriber", "Paid Member")
    address, active = address_of(app, "lena"), role_id(app, "Active Member")
    answers = at_once(app, *[(address, {"roles": [active], "name": f"Name {n}"}) for n in range(4)])
    assert [one.status_code for one in answers] == [303] * 4
    assert "Active Member Inactive" in line_of(admin.get(LIST), "lena")


def test_two_users_who_get_the_same_name_at_once_are_told_apart(app, admin):
    for name in ("lena", "lora"):
        make_user(app, name)
    wanted = [(address_of(app, name), {"username": "same"}) for name in ("lena", "lora")]
    answers = at_once(app, *wanted)
    assert sorted(one.status_code for one in answers) == [200, 303]
    assert any("This username is taken." in one.text for one in answers)


def test_a_new_password_works_and_logs_the_user_out_everywhere(app, admin):
    admin.submit(ADD, **JANE, password=PASSWORD, notify=None)
    jane = Browserless(app.test_client())
    jane.log_in("jane")
    admin.submit(address_of(app), "username", password="another horse battery")
    assert "Log In" in jane.get("/account/").text
    assert "jane@example.org" in _logged_in(app, "jane", "another horse battery").html
    assert log_of(app, "security.password_set") == ["New password for jane"]


def test_the_page_says_why_a_user_has_a_role_and_what_the_user_holds(app, admin, shop):
    subscribe(app, "active")
    page = admin.get(address_of(app)).text
    assert "Active Member Basic: Active" in page
    assert "Basic $9.99 / month Active Sandbox" in page and "Next payment" in page
    subscribe(app, "canceled", at=int(time.time()) + 60, ended_at=1_700_000_000)
    page = admin.get(address_of(app)).text
    assert "Canceled Member Basic: Canceled" in page and "Ended Nov 14, 2023" in page


def test_a_role_that_is_set_aside_is_greyed_with_the_reason(app, admin, shop):
    subscribe(app, "active")
    admin.submit(address_of(app), "username", roles=[role_id(app, "Subscriber")])
    aside = "set aside while a membership gives a role"
    assert aside not in admin.get(address_of(app)).text
    settings(app, replace_roles=True)
    page = admin.get(address_of(app))
    assert f"Subscriber {aside}" in page.text and page.text.count(aside) == 1
    assert page.form("username", "roles")["fields"]["roles"] == [role_id(app, "Subscriber")]
    assert "Active Member Active Basic" in line_of(admin.get(LIST), "jane")


def test_a_membership_that_does_not_count_says_so(app, admin, shop):
    subscribe(app, "active")
    settings(app, sandbox=False)
    page = admin.get(address_of(app)).text
    assert "gives no role while the sandbox is off" in page and "This user has no role now." in page
