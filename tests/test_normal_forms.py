"""Whatever is typed in one form of Unicode works in every other: addresses, names, roles, search."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.earlier_passwords import to_version_before, typed_raw, upgrade
from tests.people import PASSWORD, Browserless, make_user, send_emails
from tests.selling import make_plan, rows
from umstripe.normalization import email_key, name_key, password_form, text_key

LETTERS = st.characters(categories=("L", "M", "N"), include_characters=" -'")
FORMS = ("NFC", "NFD", "NFKC", "NFKD")
TEXTS = st.text(LETTERS, min_size=1, max_size=40)


@given(TEXTS, st.sampled_from(FORMS))
def test_a_text_has_one_key_in_every_form_and_case(text, form):
    typed = unicodedata.normalize(form, text)
    assert text_key(typed) == text_key(text) == text_key(text_key(text))
    assert text_key(typed.casefold()) == text_key(text)
    assert text_key(f"  {typed}\n") == text_key(text)


@given(
    TEXTS,
    st.sampled_from("\u200b\u200d\u2060\ufeff\u00ad\u202e\x00\x07\ud800\ufe0f\u3164"),
    st.integers(0, 40),
)
def test_characters_that_nobody_sees_make_no_difference(text, unseen, place):
    text = unicodedata.normalize("NFC", text)
    assert text_key(text[:place] + unseen + text[place:]) == text_key(text)


@given(TEXTS, st.sampled_from(FORMS))
def test_a_password_has_one_form(text, form):
    assert password_form(unicodedata.normalize(form, text)) == password_form(text)


@given(TEXTS, st.sampled_from(FORMS), st.booleans())
def test_an_address_has_one_key(text, form, capitals):
    local = "".join(text.split())
    address = f"{local}@example.org"
    typed = unicodedata.normalize(form, address)
    assert email_key(f" {typed.upper() if capitals and local.isascii() else typed} ") == email_key(address)


@given(st.text(max_size=600))
def test_every_key_fits_its_column(text):
    assert len(name_key(text)) <= 255 and len(email_key(text)) <= 255
    assert not set(name_key(text)) & {"\x00", "\ud800"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("müller", "MÜLLER"),
        ("Straße", "STRASSE"),
        ("łukasiewicz", "ŁUKASIEWICZ"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("Förderer", "FÖRDERER"),
        ("Ｊａｎｅ", "jane"),
        ("\ufdfa", "\ufdfa"),
    ],
)
def test_what_people_read_as_equal_is_equal(one, other):
    assert text_key(one) == text_key(other)


def lets_in(app, identity):
    person = Browserless(app.test_client())
    fields = person.get("/login").form("email", "password")["fields"]
    typed = {**fields, "email": identity, "password": PASSWORD}
    return person.client.post("/login", data=typed).status_code == 302


def account(app, username, email, name=""):
    from umstripe.database import db, writing
    from umstripe.models import User

    with app.app_context(), writing():
        user = User(username=username, email=email, name=name)
        user.set_password(PASSWORD)
        db.session.add(user)
        db.session.flush()
        return user.id


@pytest.mark.parametrize(
    "typed",
    [
        "Özil@example.org",
        "özil@EXAMPLE.org",
        "O\u0308zil@example.org",
        "  ÖZIL@Example.Org ",
        "özil@example.org\u200b",
    ],
)
def test_an_address_with_an_umlaut_logs_in_and_is_taken_in_every_form(app, admin, typed):
    account(app, "mesut", "Özil@example.org")
    assert lets_in(app, typed)
    page = admin.submit("/admin/users/add", username="second", email=typed, password="")
    assert "Another user has this mail address." in page.text


@pytest.mark.parametrize("typed", ["JANE", " jane ", "ｊａｎｅ", "jane\u200b"])
def test_a_username_logs_in_and_is_taken_in_every_form(app, admin, typed):
    account(app, "Jane", "jane@example.org")
    assert lets_in(app, typed)
    page = admin.submit("/admin/users/add", username=typed, email="second@example.org", password="")
    assert rows(app, "SELECT count(*) FROM \"user\" WHERE email = 'second@example.org'") == [(0,)], page.text


@pytest.mark.parametrize("typed", ["Özil@example.org", "özil@example.org", "ÖZIL@EXAMPLE.ORG"])
def test_a_reset_is_sent_whatever_form_the_address_is_typed_in(app, typed, tmp_path):
    account(app, "mesut", "Özil@example.org")
    person = Browserless(app.test_client())
    person.submit("/reset", email=typed)
    send_emails(app)
    assert list((tmp_path / "instance" / "mail").glob("*"))


@pytest.mark.parametrize("typed", ["FÖRDERER", "Fo\u0308rderer", "Förd\u200berer", " förderer ", "Ｆörderer"])
def test_a_role_is_made_once_in_whatever_form_it_is_typed(app, admin, typed):
    admin.submit("/admin/roles/", name="Förderer")
    page = admin.submit("/admin/roles/", name=typed)
    assert "There is already a role called “Förderer”." in page.text


def test_a_role_of_characters_that_nobody_sees_is_refused(app, admin):
    assert "Please type a name for the role." in admin.submit("/admin/roles/", name="\u200b\u2060").text


PEOPLE = {
    "oez": ("Özlem Çelik", ["özlem çelik", "ÖZLEM ÇELIK", "O\u0308zlem"]),
    "mul": ("Jörg MÜLLER", ["müller", "Mu\u0308ller", "jörg  müller"]),
    "zoe": ("Zoë Łukasiewicz", ["łukasiewicz", "ZOË"]),
    "pct": ("100% Sure_x", ["100%", "sure_"]),
    "quo": ('Ann "Nan" O\'Hara', ["o'hara", '"nan"']),
    "nfd": ("Rene\u0301 Dupont", ["René", "rené dupont"]),
    "fam": ("👨\u200d👩\u200d👧 \u202eAbc", ["👨\u200d👩\u200d👧", "abc"]),
}


def test_people_are_found_in_every_list_whatever_form_is_typed(app, admin):
    from umstripe.database import writing
    from umstripe.models import Activity

    for username, (name, _) in PEOPLE.items():
        user_id = account(app, username, f"{username}@example.org", name)
        with app.app_context(), writing():
            Activity.add("user.changed", f"A line about {name}", trigger="admin", user_id=user_id)
    for username, (_, searches) in PEOPLE.items():
        for search in searches:
            for address in ("/admin/users/", "/admin/activity/"):
                answer = admin.client.get(address, query_string={"search": search}).text
                found = [one for one in PEOPLE if f">{one}<" in answer or f"{one}@example.org" in answer]
                assert found == [username] or (address.endswith("activity/") and search in answer), (
                    address,
                    search,
                )
    for search in ("sure-x", "0%_S"):
        assert "@example.org" not in admin.client.get(
            "/admin/users/", query_string={"search": search}
        ).text.replace("admin@example.org", "")


def test_plans_are_found_by_title_product_and_price_in_every_form(app, admin):
    from umstripe.database import writing
    from umstripe.models import Price, Product
    from umstripe.models.snapshot import Snapshot

    make_plan(app, "price_a", (), nickname="Förderkreis", interval="month")
    with app.app_context(), writing():
        from umstripe.database import db

        product = {"id": "prod_of_price_a", "name": "GRÜNE Mitte", "active": True}
        Product.sync_from_stripe(db.session.connection(), Snapshot("test", product, 1_700_000_000))
        price = db.session.query(Price).one()
        assert price.nickname_key == "förderkreis"
    for search in ("grüne", "Gru\u0308ne", "FÖRDERKREIS", "price_A"):
        page = admin.client.get("/admin/plans/", query_string={"search": search}).text
        assert "GRÜNE Mitte" in page, search
    with app.app_context(), writing():
        product = {"id": "prod_of_price_a", "name": "Über uns", "active": True}
        Product.sync_from_stripe(db.session.connection(), Snapshot("test", product, 1_700_009_000))
    assert "Über uns" in admin.client.get("/admin/plans/", query_string={"search": "ÜBER"}).text


def test_a_new_name_is_found_by_its_new_form(app, admin):
    user_id = account(app, "anna", "anna@example.org", "Anna Groß")
    admin.submit(f"/admin/users/{user_id}", name="Anna MÜLLER", email="Änna@example.org")
    assert "anna" in admin.client.get("/admin/users/?search=müller").text
    assert lets_in(app, "änna@example.org") and not lets_in(app, "anna@example.org")


def test_what_reads_the_same_in_an_earlier_database_stays_and_is_reported(app, admin):
    key = app.config["SECRET_KEY"]
    pairs = [("groß", "Groß@example.org"), ("gross", "GROSS@example.org")]
    to_version_before(
        app, *((name, email, typed_raw(PASSWORD, key)) for name, email in pairs), role_names=("Groß", "GROSS")
    )
    upgrade(app)
    assert all(lets_in(app, identity) for pair in pairs for identity in pair)
    assert lets_in(app, "gross@example.org")
    keys = rows(
        app, "SELECT username, email_key FROM \"user\" WHERE username IN ('groß', 'gross') ORDER BY id"
    )
    assert keys[0] == ("groß", "gross@example.org") and keys[1][1].startswith("gross@example.org#")
    admin.enter("admin")  # there were no logins in the version before
    said = admin.get("/admin/health/").text
    assert (
        "GROSS@example.org" in said
        and "There is another role that reads the same as each of these: GROSS." in said
    )
    number = rows(app, "SELECT id FROM \"user\" WHERE username = 'gross'")[0][0]
    admin.submit(f"/admin/users/{number}", username="gross2", email="gross2@example.org")
    assert "Addresses that read the same" not in admin.get("/admin/health/").text
    assert lets_in(app, "gross2@example.org")


def test_somebody_with_accents_gets_a_username_without_them(app):
    make_user(app, "someone")
    from umstripe.database import write
    from umstripe.models.payment_link_session import PaymentLinkSession
    from umstripe.models.snapshot import Snapshot
    from umstripe.webhooks.payment_links import _username

    session = {"id": "cs_1", "customer_details": {"email": "Özil@example.org"}}
    with app.app_context(), write() as tx:
        assert _username(tx, PaymentLinkSession(Snapshot("test", session, 1), "price")) == "Ozil"
