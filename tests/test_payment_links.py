"""Payment Links and Buy buttons: paid by strangers, by members, by guests, in every order of the events."""

from __future__ import annotations

import random
import re

import pytest
import time_machine

from stripe_simulator.testing import CARD, Walk
from tests.at_stripe import AtStripe
from tests.people import PASSWORD, Browserless, make_administrator, make_user
from tests.selling import PURCHASE_STATUSES, make_plan, role_for, roles_of, rows
from umstripe.webhooks import HANDLERS

REFERENCE = "?client_reference_id=um_stripe_custom_checkout"
SUCCESS = "https://members.example.org/checkout/success?umm_stripe_sid={CHECKOUT_SESSION_ID}"


CHOSEN = {"password": PASSWORD, "password_again": PASSWORD}


class Shop(AtStripe):
    """The site, and Stripe's pages that a buyer walks through."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.lifetime = self.simulator.prices()["Lifetime Access"]
        make_plan(self.app, self.lifetime, PURCHASE_STATUSES, type="one_time", nickname="Lifetime Access")
        self.confirm("jane")
        self.known: set[str] = set()
        self.fresh()

    def confirm(self, username: str) -> None:
        """Somebody who read a mail to the address has chosen the password."""
        from umstripe.database import now, writing
        from umstripe.models import User

        with self.app.app_context(), writing():
            User.with_username(username).confirmed_at = now()

    def fresh(self) -> list[dict]:
        """The events since the last time, that the site asks for."""
        found = [one for one in self.events() if one["id"] not in self.known and one["type"] in HANDLERS]
        self.known |= {one["id"] for one in found}
        return found

    def make_link(self, price: str, **more) -> str:
        items = {"line_items[0][price]": price, "line_items[0][quantity]": 1}
        redirect = {"after_completion[type]": "redirect", "after_completion[redirect][url]": SUCCESS}
        return self.simulator.call("POST", "/payment_links", **items, **redirect, **more)["url"]

    def buy(self, price: str, email: str, reference: str = REFERENCE, card=CARD, **more) -> str:
        """Somebody buys through a link. Gives the session's id."""
        walk = Walk(self.make_link(price, **more) + reference)
        walk.press(email=email, **card)
        assert walk.left_for, walk.text
        return walk.left_for.rpartition("=")[2]

    def tell(self, events: list[dict] | None = None) -> dict[str, str]:
        """Deliver. Gives the results by type."""
        answers = {}
        for one in self.fresh() if events is None else events:
            answer = self.deliver(one)
            assert answer.status_code == 200, answer.json
            answers[one["type"]] = answer.json["result"]
        return answers

    def charge(self, session: str) -> dict:
        found = self.simulator.call("GET", f"/checkout/sessions/{session}", **{"expand[]": "payment_intent"})
        return self.simulator.call("GET", f"/charges/{found['payment_intent']['latest_charge']}")


@pytest.fixture
def shop(database_url, tmp_path):
    one = Shop(database_url, tmp_path)
    yield one
    one.stop()


def user(shop, email):
    found = rows(shop.app, 'SELECT username, name, password FROM "user" WHERE email = :email', email=email)
    return found[0] if found else None


def mails(shop, kind):
    return rows(shop.app, "SELECT address, about FROM mail WHERE kind = :kind", kind=kind)


def said(shop):
    return [line for (line,) in rows(shop.app, "SELECT description FROM activity ORDER BY id")]


def give_customer(shop, username, stripe_customer_id):
    """Another customer at Stripe for a user."""
    from umstripe.database import db, writing
    from umstripe.models import Customer, User

    with shop.app.app_context(), writing():
        user = User.with_username(username)
        db.session.add(Customer(mode="test", stripe_customer_id=stripe_customer_id, deleted=False, user=user))


def link_in_mail(shop, kind):
    """The address in the newest mail of a kind, without the site's own."""
    return re.search(r"https?://[^/]+(/\S+?)>", text_in_mail(shop, kind))[1]


def text_in_mail(shop, kind):
    from umstripe.database import db
    from umstripe.emails import outbox
    from umstripe.models import Mail

    with shop.app.app_context():
        mail = db.session.query(Mail).filter_by(kind=kind).order_by(Mail.id.desc()).first()
        return outbox.render_mail(mail, with_secrets=True).text


def test_a_stranger_gets_an_account_a_membership_and_a_mail(shop):
    session = shop.buy(shop.price, "lena@example.org")
    assert shop.tell()["checkout.session.completed"] == "processed"
    assert user(shop, "lena@example.org") == ("lena", "Jane Doe", None)
    assert roles_of(shop.app, "lena") == [role_for("active"), "Subscriber"]
    assert mails(shop, "invitation") == [("lena@example.org", session)]
    assert "you have paid $9.99 for your membership." in text_in_mail(shop, "invitation")
    assert "Account made from a payment link, for lena@example.org" in said(shop)
    visitor = Browserless(shop.app.test_client())
    assert "you are logged in" in visitor.submit(link_in_mail(shop, "invitation"), **CHOSEN).text


def test_an_address_with_an_umlaut_gets_an_account_and_its_owner_is_asked_in_any_form(shop):
    """SQL's lower() and Python's differ: this was a 500 for ever."""
    shop.buy(shop.price, "Özil@example.org")
    assert shop.tell()["checkout.session.completed"] == "processed"
    assert roles_of(shop.app, "Ozil") == [role_for("active"), "Subscriber"]
    for typed in ("özil@example.org", "O\u0308zil@EXAMPLE.org"):
        shop.buy(shop.lifetime, typed)
        assert shop.tell()["checkout.session.completed"] == "foreign"
    assert len(mails(shop, "claim")) == 2 and {address for address, _ in mails(shop, "claim")} == {
        "Özil@example.org"
    }


def test_a_one_time_price_works_as_well(shop):
    session = shop.buy(shop.lifetime, "lena@example.org", customer_creation="always")
    shop.tell()
    assert role_for("paid") in roles_of(shop.app, "lena")
    charge = shop.charge(session)
    found = rows(shop.app, "SELECT stripe_payment_intent_id, stripe_price_id, amount FROM purchase")
    assert found == [(charge["payment_intent"], shop.lifetime, 49900)]


def test_a_guest_becomes_a_customer_and_a_refund_finds_the_purchase(shop):
    session = shop.buy(shop.lifetime, "lena@example.org")
    assert shop.charge(session)["customer"] is None
    shop.tell()
    customer = rows(shop.app, "SELECT stripe_customer_id FROM customer ORDER BY id DESC")[0][0]
    made = shop.simulator.call("GET", f"/customers/{customer}")
    assert made["email"] == "lena@example.org" and made["metadata"]["umstripe_user"]
    shop.simulator.do(f"/charges/{shop.charge(session)['id']}/refund")
    assert shop.tell()["charge.refunded"] == "processed"
    assert role_for("refunded") in roles_of(shop.app, "lena")


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("creation", ["always", "if_required"])
def test_rule_3_in_any_order_the_same_rows(shop, creation, seed):
    """Also a refund that is told before anybody knows what was paid."""
    session = shop.buy(shop.lifetime, "lena@example.org", customer_creation=creation)
    shop.simulator.do(f"/charges/{shop.charge(session)['id']}/refund", amount=1000)
    shop.simulator.do(f"/charges/{shop.charge(session)['id']}/refund")
    events = shop.fresh()
    random.Random(seed).shuffle(events)
    shop.tell([*events, *events[:3]])
    shop.tell()
    about = shop.charge(session)
    times = [one["created"] for one in events if one["type"] == "charge.succeeded"]
    query = "SELECT status, amount_refunded, charged_at, created, capture_before, ends_at FROM purchase"
    assert rows(shop.app, query) == [("refunded", 49900, about["created"], times[0], None, None)]
    assert rows(shop.app, "SELECT count(*) FROM \"user\" WHERE email LIKE 'lena%'") == [(1,)]
    assert role_for("refunded") in roles_of(shop.app, "lena") and len(mails(shop, "invitation")) == 1


@pytest.mark.parametrize("creation", ["always", "if_required"])
def test_a_refund_that_overtakes_what_was_asked_of_stripe_is_not_lost(shop, creation):
    """The session is fetched, then the refund is told and nobody knows yet what it is of, then the session is applied."""
    from umstripe.models.snapshot import NeedsFetch
    from umstripe.transactions import fetch, with_retries
    from umstripe.webhooks.context import EventContext
    from umstripe.webhooks.registry import dispatch

    session = shop.buy(shop.lifetime, "lena@example.org", customer_creation=creation)
    with shop.app.app_context():
        fetched = {session: fetch("test", NeedsFetch("checkout.session", session))}
        completed = next(one for one in shop.fresh() if one["type"] == "checkout.session.completed")
        shop.simulator.do(f"/charges/{shop.charge(session)['id']}/refund")
        assert shop.tell()["charge.refunded"] == "foreign"
        work = lambda tx: dispatch(EventContext(tx, "test", completed, fetched))  # noqa: E731
        assert with_retries("test", fetched, work) == "processed"
    assert rows(shop.app, "SELECT status, amount_refunded FROM purchase") == [("refunded", 49900)]


def test_what_came_before_a_customer_was_ours_is_applied_by_a_comparison_too(shop):
    """Somebody writes at Stripe whose the customer is; the next comparison links it and asks for what was bought."""
    from umstripe.webhooks import reconcile

    session = shop.buy(shop.lifetime, "jane@example.org", customer_creation="always")
    shop.tell()
    customer = shop.charge(session)["customer"]
    public_id, instance_id = rows(
        shop.app, "SELECT public_id, instance_id FROM \"user\", settings WHERE username = 'jane'"
    )[0]
    said_so = {"metadata[umstripe_user]": public_id, "metadata[umstripe_instance]": instance_id}
    shop.simulator.call("POST", f"/customers/{customer}", **said_so)
    with shop.app.app_context():
        reconcile.sync("test", customer)
    assert role_for("paid") in roles_of(shop.app, "jane")


def test_a_try_that_fails_half_way_makes_the_same_account_again(shop):
    shop.buy(shop.lifetime, "lena@example.org")
    completed = next(one for one in shop.fresh() if one["type"] == "checkout.session.completed")
    shop.simulator.do("/faults", kind="drop", path="/v1/customers", times=3, when="after")
    assert shop.deliver(completed).status_code == 500
    assert user(shop, "lena@example.org") is None
    shop.simulator.mend()
    assert shop.tell([completed]) == {"checkout.session.completed": "processed"}
    found = shop.simulator.call("GET", "/customers", email="lena@example.org")["data"]
    assert len(found) == 1 and user(shop, "lena@example.org")


def test_a_username_that_is_taken_gets_something_added(shop):
    make_user(shop.app, "lena", customer="cus_other_lena")
    shop.buy(shop.price, "lena@elsewhere.org")
    shop.tell()
    assert re.fullmatch(r"lena-[0-9a-f]{6}", user(shop, "lena@elsewhere.org")[0])


def test_without_our_reference_it_is_none_of_our_business(shop):
    shop.buy(shop.price, "lena@example.org", reference="")
    assert shop.tell()["checkout.session.completed"] == "foreign"
    assert user(shop, "lena@example.org") is None


def test_a_debit_that_is_on_its_way_makes_nobody_a_member(shop):
    walk = Walk(shop.make_link(shop.lifetime, customer_creation="always") + REFERENCE)
    walk.press(email="lena@example.org", name="Lena", method="bank_debit")
    assert walk.left_for, walk.text
    shop.tell()
    assert user(shop, "lena@example.org") is None
    session = walk.left_for.rpartition("=")[2]
    page = Browserless(shop.app.test_client()).get(f"/checkout/success?umm_stripe_sid={session}")
    assert "Your payment is on its way." in page.text
    shop.simulator.do(f"/charges/{shop.charge(session)['id']}/settle")
    shop.tell()
    assert role_for("paid") in roles_of(shop.app, "lena")


def test_a_member_s_own_customer_is_simply_applied(shop):
    """The address at Stripe does not matter then: the customer says who it is (rule 8)."""
    session = shop.buy(shop.lifetime, "typo@example.org", customer_creation="always")
    customer = shop.charge(session)["customer"]
    give_customer(shop, "jane", customer)
    shop.tell()
    assert role_for("paid") in roles_of(shop.app, "jane") and user(shop, "typo@example.org") is None
    assert not mails(shop, "claim") and not mails(shop, "invitation")


@pytest.mark.parametrize("price", ["lifetime", "price"])
def test_an_address_that_has_an_account_is_not_taken_over(shop, price):
    before = roles_of(shop.app, "jane")
    session = shop.buy(getattr(shop, price), "JANE@example.org")
    assert shop.tell()["checkout.session.completed"] == "foreign"
    assert roles_of(shop.app, "jane") == before and mails(shop, "claim") == [("jane@example.org", session)]
    assert any("its owner is asked by mail" in line for line in said(shop))
    page = Browserless(shop.app.test_client()).get(link_in_mail(shop, "claim"))
    assert "Was this you?" in page.text and "jane" in page.text
    assert roles_of(shop.app, "jane") == before


@pytest.mark.parametrize(("price", "role"), [("lifetime", "paid"), ("price", "active")])
@pytest.mark.parametrize("forgotten", [False, True])
def test_its_owner_confirms_it_and_has_it(shop, price, role, forgotten):
    """Also when the bodies of the deliveries are not kept any more: Stripe is asked."""
    from umstripe.database import write

    shop.buy(getattr(shop, price), "jane@example.org")
    shop.tell()
    if forgotten:
        with shop.app.app_context(), write() as tx:
            tx.exec_driver_sql("UPDATE delivery SET body = ''")
    address, visitor = link_in_mail(shop, "claim"), Browserless(shop.app.test_client())
    page = visitor.submit(address)
    assert "belongs to the account jane now." in page.text
    assert role_for(role) in roles_of(shop.app, "jane")
    assert "belongs to the account jane already." in visitor.submit(address).text
    assert any("has confirmed a payment through a link" in line for line in said(shop))


def test_a_refund_between_the_payment_and_the_confirmation_is_not_lost(shop):
    session = shop.buy(shop.lifetime, "jane@example.org")
    shop.tell()
    shop.simulator.do(f"/charges/{shop.charge(session)['id']}/refund")
    shop.tell()
    Browserless(shop.app.test_client()).submit(link_in_mail(shop, "claim"))
    assert rows(shop.app, "SELECT status, amount_refunded FROM purchase") == [("refunded", 49900)]


def test_a_payment_that_belongs_to_somebody_else_stays_theirs(shop):
    session = shop.buy(shop.lifetime, "jane@example.org", customer_creation="always")
    shop.tell()
    make_user(shop.app, "john")
    give_customer(shop, "john", shop.charge(session)["customer"])
    page = Browserless(shop.app.test_client()).submit(link_in_mail(shop, "claim"))
    assert "This payment belongs to another account already." in page.text
    assert role_for("paid") not in roles_of(shop.app, "jane")


def test_when_stripe_is_down_the_link_says_so_and_works_later(shop):
    shop.buy(shop.lifetime, "jane@example.org")
    shop.tell()
    address, visitor = link_in_mail(shop, "claim"), Browserless(shop.app.test_client())
    shop.simulator.do("/faults", kind="500", path="/v1/checkout", times=50)
    assert "Stripe, which keeps the payments, has a problem at the moment" in visitor.submit(address).text
    shop.simulator.mend()
    assert "belongs to the account jane now." in visitor.submit(address).text


@pytest.mark.parametrize("token", ["x", "WyJhIl0.aaaa.bbbb", "../../etc"])
def test_a_wrong_link_is_a_clear_page(shop, token):
    says = "There is no page at this address." if "/" in token else "does not work any more"
    assert says in Browserless(shop.app.test_client()).get(f"/claim/{token}", 404).text


def test_what_only_administrators_can_mend_is_not_told_to_the_public(shop):
    from umstripe.database import writing
    from umstripe.models import Connection

    shop.buy(shop.lifetime, "jane@example.org")
    shop.tell()
    address, visitor = link_in_mail(shop, "claim"), Browserless(shop.app.test_client())
    with shop.app.app_context(), writing():
        Connection.of("test").keep_keys("", "rk_test_revoked")
    page = visitor.submit(address)
    assert "Please write to us." in page.text and "API keys" not in page.text


def test_a_link_is_good_for_thirty_days(shop):
    import time

    shop.buy(shop.lifetime, "jane@example.org")
    shop.tell()
    address, visitor = link_in_mail(shop, "claim"), Browserless(shop.app.test_client())
    with time_machine.travel(time.time() + 31 * 24 * 3600):
        assert "does not work any more" in visitor.get(address, 404).text


THEIRS = "somebody elses horse"


@pytest.fixture
def intruder(shop):
    """Somebody who has registered with Lena's address, and waits for her to pay."""
    one = Browserless(shop.app.test_client())
    one.submit("/register", username="lena", email="lena@example.org", password=THEIRS, plan="")
    return one


def test_nobody_can_lie_in_wait_with_somebody_else_s_address(shop, intruder):
    """The owner of the address takes the account over, before anything comes to it."""
    shop.buy(shop.price, "lena@example.org")
    shop.tell()
    address, lena = link_in_mail(shop, "claim"), Browserless(shop.app.test_client())
    assert "Please type a password." in lena.submit(address, "password").text
    assert "The two passwords differ." in lena.submit(address, password=PASSWORD, password_again="other").text
    assert roles_of(shop.app, "lena") == ["Subscriber"]
    page = lena.submit(address, **CHOSEN)
    assert "belongs to the account lena now." in page.text and "Billing" in page.text
    assert role_for("active") in roles_of(shop.app, "lena")
    assert "Log In" in intruder.get("/account/").text
    assert "do not fit together" in Browserless(shop.app.test_client()).log_in("lena", THEIRS).text
    assert "password" not in lena.get(address).form()["names"], "it is asked once"


def test_a_known_address_that_is_taken_on_afterwards_is_as_unknown_as_a_new_one(shop, intruder):
    shop.confirm("lena")
    intruder.submit("/account/", email="theo@example.org", password=THEIRS)
    shop.buy(shop.lifetime, "theo@example.org")
    shop.tell()
    page = Browserless(shop.app.test_client()).submit(link_in_mail(shop, "claim"))
    assert "Please type a password." in page.text and role_for("paid") not in roles_of(shop.app, "lena")


def test_a_claim_s_link_dies_with_the_address_that_it_went_to(shop):
    shop.buy(shop.lifetime, "jane@example.org")
    shop.tell()
    address, visitor = link_in_mail(shop, "claim"), Browserless(shop.app.test_client())
    make_administrator(shop.app)
    admin = Browserless(shop.app.test_client())
    admin.log_in("admin")
    user_id = rows(shop.app, "SELECT id FROM \"user\" WHERE username = 'jane'")[0][0]
    admin.submit(f"/admin/users/{user_id}", email="jane@other.example")
    visitor.get(address, 404)
    assert "Was this you?" in visitor.get(link_in_mail(shop, "claim")).text


def test_a_second_subscription_counts_and_the_log_says_so(shop):
    shop.buy(shop.price, "lena@example.org")
    shop.tell()
    shop.buy(shop.price, "lena@example.org")
    shop.tell()
    Browserless(shop.app.test_client()).submit(link_in_mail(shop, "claim"), **CHOSEN)
    statuses = rows(shop.app, "SELECT s.status FROM subscription s JOIN customer c ON c.id = s.customer_id")
    assert statuses.count(("active",)) == 2
    assert "The member had a subscription already. Stripe charges both, and both count" in said(shop)


def test_the_success_page_makes_the_account_before_any_delivery(shop):
    session = shop.buy(shop.lifetime, "lena@example.org")
    visitor = Browserless(shop.app.test_client())
    for _ in range(2):
        page = visitor.get(f"/checkout/success?umm_stripe_sid={session}")
        assert "We have sent you a mail" in page.text and "lena" not in page.text
    assert role_for("paid") in roles_of(shop.app, "lena")
    before = said(shop)
    shop.tell()
    assert len(mails(shop, "invitation")) == 1 and said(shop)[: len(before)] == before
    assert [line for line in said(shop) if line.startswith("Account made")] == [
        "Account made from a payment link, for lena@example.org"
    ]


def test_the_success_page_does_not_tell_whether_an_address_has_an_account(shop):
    visitor = Browserless(shop.app.test_client())
    pages = []
    for email in ("jane@example.org", "lena@example.org"):
        session = shop.buy(shop.lifetime, email)
        text = visitor.get(f"/checkout/success?umm_stripe_sid={session}").text
        pages.append(text.replace(session, ""))
    assert pages[0] == pages[1]


def test_a_payment_through_a_link_can_wait_for_approval(shop):
    make_administrator(shop.app)
    reserved = {"payment_intent_data[capture_method]": "manual"}
    session = shop.buy(shop.lifetime, "lena@example.org", **reserved)
    shop.tell()
    assert role_for("pending") in roles_of(shop.app, "lena")
    admin = Browserless(shop.app.test_client())
    admin.log_in("admin")
    purchase = rows(shop.app, "SELECT id FROM purchase")[0][0]
    assert "Approved: lena" in admin.submit(f"/admin/approvals/{purchase}/approve").text
    assert shop.charge(session)["captured"] and role_for("paid") in roles_of(shop.app, "lena")


def test_the_plan_s_screen_gives_what_a_link_needs(shop):
    make_administrator(shop.app)
    admin = Browserless(shop.app.test_client())
    admin.log_in("admin")
    page = admin.get("/admin/plans/1").html
    assert "?client_reference_id=um_stripe_custom_checkout" in page
    assert "/checkout/success?umm_stripe_sid={CHECKOUT_SESSION_ID}" in page


def test_what_no_plan_sells_is_told_and_applied_once_there_is_one(shop):
    from umstripe import health
    from umstripe.database import now, writing
    from umstripe.models import Connection

    make_administrator(shop.app)
    with shop.app.app_context(), writing():
        Connection.of("test").connected_at = now()

    def told():
        with shop.app.app_context():
            return [
                one.message for one in health.mode_checks("test") if one.name == "Paid, but not sold here"
            ]

    price = shop.simulator.prices()["Standard Plan"]
    session = shop.buy(price, "lena@example.org")
    visitor = Browserless(shop.app.test_client())
    visitor.get(f"/checkout/success?umm_stripe_sid={session}")
    assert told() == [] and shop.tell()["checkout.session.completed"] == "unsold"
    assert told() == [
        "1 payment of the last 30 days came through payment links for a price that no plan here sells."
    ]
    lines = [line for line in said(shop) if "no plan here sells" in line]
    assert len(lines) == 1 and price in lines[0] and user(shop, "lena@example.org") is None
    make_plan(shop.app, price, ["active"], nickname="Standard Plan")
    admin = Browserless(shop.app.test_client())
    admin.log_in("admin")
    found = rows(shop.app, "SELECT id FROM delivery WHERE result = 'unsold'")
    address = f"/admin/deliveries/{found[0][0]}"
    assert "Somebody paid, but no plan here sells this price." in admin.get(address).text
    assert "It is applied now." in admin.press(address, f"{address}/process").text
    assert role_for("active") in roles_of(shop.app, "lena") and told() == []


def test_what_no_plan_sells_is_not_told_before_its_money_has_come(shop):
    product = shop.simulator.call("POST", "/products", name="Poster")["id"]
    price = shop.simulator.call("POST", "/prices", product=product, currency="usd", unit_amount=500)["id"]
    walk = Walk(shop.make_link(price) + REFERENCE)
    walk.press(email="lena@example.org", name="Lena", method="bank_debit")
    assert shop.tell()["checkout.session.completed"] == "foreign"
    assert not [line for line in said(shop) if "no plan here sells" in line]
