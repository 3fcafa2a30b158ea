"""What can never be applied is kept with its reason, shown, and mailed once; what may pass comes again."""

from __future__ import annotations

import json
import time

import pytest

from tests.odd_events import StubStripe, whole
from tests.selling import open_shop, role_for, roles_of, rows, snapshot
from tests.stripe_events import SECRETS, deliver, event, signature, subscription_event


@pytest.fixture
def stripe():
    stub = StubStripe()
    yield stub
    stub.stop()


@pytest.fixture
def environ(environ, stripe):
    return {**environ, "UMSTRIPE_STRIPE_API_BASE": stripe.url}


@pytest.fixture
def shop(app, admin):
    from umstripe.database import writing
    from umstripe.models import Connection

    open_shop(app)
    with app.app_context(), writing():
        connection = Connection.of("test")
        connection.keep_keys("pk_test_of_the_tests", "sk_test_of_the_tests")
        connection.stripe_account_id = "acct_ours"
    return app


def connected(app):
    from umstripe.database import now, writing
    from umstripe.models import Connection

    with app.app_context(), writing():
        Connection.of("test").connected_at = now()


def send(app, made):
    answer = deliver(app.test_client(), made)
    return answer.status_code, answer.json


def kept(app):
    return rows(app, "SELECT result, error, tries FROM delivery ORDER BY id")


def test_what_cannot_be_read_is_kept_with_its_reason_and_comes_no_more(shop):
    made = subscription_event("active", cancel_at="tomorrow")
    assert send(shop, made) == (200, {"result": "unusable"})
    assert send(shop, made) == (200, {"result": "unusable"})
    reason = (
        "The field “cancel_at” of Stripe’s customer subscription is a text and not a whole number. "
        "This site cannot use it."
    )
    assert kept(shop) == [("unusable", reason, 2)]
    assert roles_of(shop, "jane") == []


def test_the_reason_names_the_field_inside(shop):
    made = subscription_event("active")
    made["data"]["object"]["items"]["data"][0]["price"]["id"] = None
    send(shop, made)
    assert "“items.data[0].price.id” of Stripe’s customer subscription is missing" in kept(shop)[0][1]


def test_administrators_get_one_mail_a_day(shop):
    for _ in range(3):
        send(shop, event("charge.refunded", customer="cus_jane", amount="much"))
    assert rows(shop, "SELECT kind, address FROM mail") == [("health", "admin@example.org")]


def test_the_pages_show_it_and_it_can_be_processed_again(shop, admin):
    connected(shop)
    send(shop, event("charge.refunded", customer="cus_jane", amount="much"))
    listed = admin.get("/admin/deliveries/?result=unusable").text
    assert "Unusable" in listed and "“amount”" in listed
    assert "1 delivery of the last 30 days could not be used" in admin.get("/admin/health/").text
    page = admin.press("/admin/deliveries/1", "/admin/deliveries/1/process")
    assert "It says something that this site cannot read" in page.text
    assert "Unusable deliveries" not in admin.get("/admin/").text.replace("Unusable deliveries", "", 1)


def test_of_somebody_else_it_is_foreign_and_nobody_gets_a_mail(shop):
    made = event("charge.refunded", customer="cus_of_another_site", amount="much")
    assert send(shop, made) == (200, {"result": "foreign"})
    assert rows(shop, "SELECT kind FROM mail") == []


@pytest.mark.parametrize("account", ["acct_of_another", ["acct_ours"], 7, "", {"id": "acct_ours"}])
def test_the_event_of_another_account_is_foreign(shop, account):
    send(shop, subscription_event("active", 1_700_000_000))
    before = snapshot(shop)
    made = subscription_event("canceled", 1_700_000_100, "customer.subscription.deleted") | {
        "account": account
    }
    assert send(shop, made) == (200, {"result": "foreign"})
    after = snapshot(shop)
    assert [name for name in after if after[name] != before[name]] == ["delivery"]
    assert roles_of(shop, "jane") == [role_for("active")]


@pytest.mark.parametrize("account", ["acct_ours", None])
def test_an_event_of_our_own_account_may_name_it(shop, account):
    assert send(shop, subscription_event("active") | {"account": account}) == (200, {"result": "processed"})


def test_a_fault_of_ours_is_tried_once_more_and_then_set_aside(shop, monkeypatch):
    from umstripe.webhooks import registry

    monkeypatch.setitem(registry.HANDLERS, "customer.updated", lambda context: {}["a fault"])
    made = event("customer.updated", id="cus_jane")
    assert [send(shop, made)[0] for _ in range(3)] == [500, 200, 200]
    assert [result for result, *_ in kept(shop)] == ["unusable"]


def test_what_stripe_does_not_answer_comes_again(shop, stripe):
    stripe.stop()
    made = whole("checkout.session.completed", int(time.time()))
    made["data"]["object"] |= {"mode": "subscription", "subscription": "sub_new"}
    for _ in range(3):
        assert send(shop, made) == (
            500,
            {"error": "The event could not be applied. It is kept; please send it again."},
        )
    assert kept(shop)[0][0] == "failed"


def test_it_is_said_to_be_kept_only_when_it_is(shop, monkeypatch):
    from umstripe.models import Delivery

    def away(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr(Delivery, "claim", away)
    monkeypatch.setattr(Delivery, "fail", away)
    status, said = send(shop, subscription_event("active"))
    assert status == 500 and "not kept" in said["error"] and "It is kept" not in said["error"]


@pytest.mark.parametrize(
    "odd", [{"status": ["active"]}, {"items": None}, {"trial_end": 10**30}, {"customer": 7}]
)
def test_an_odd_object_that_was_fetched_is_unusable(shop, stripe, odd):
    fetched = subscription_event("active", 1_700_000_000)["data"]["object"]
    stripe.objects["sub_jane"] = fetched | odd
    made = whole("checkout.session.completed", int(time.time()))
    made["data"]["object"] |= {"mode": "subscription", "subscription": "sub_jane"}
    assert send(shop, made) == (200, {"result": "unusable"})


def test_a_session_whose_subscription_is_gone_changes_nothing(shop, stripe):
    made = whole("checkout.session.completed", int(time.time()))
    made["data"]["object"] |= {"mode": "subscription", "subscription": "sub_gone/../x"}
    assert send(shop, made)[0] == 200
    assert rows(shop, "SELECT id FROM subscription") == []


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "[" * 900, '{"id": "x"}', '{"type": "invoice.paid", "data": 1}']
)
def test_a_bad_row_of_before_holds_up_neither_the_link_nor_the_others(shop, admin, body):
    """Bodies of foreign events that an earlier version kept are read when the customer is linked."""
    later = subscription_event("active", 1_700_000_000, customer="cus_later", id_="sub_later")
    odd = event("customer.updated", 1_700_000_001, id="cus_later")
    for made in (later, odd):
        assert send(shop, made) == (200, {"result": "foreign"})
    _overwrite(shop, odd["id"], body)
    made = event("customer.created", id="cus_later", metadata=_of_jane(shop))
    assert send(shop, made) == (200, {"result": "processed"})
    assert roles_of(shop, "jane") == [role_for("active")]
    for page in ("/admin/deliveries/", *(f"/admin/deliveries/{number}" for number in (1, 2, 3))):
        admin.get(page)


def _overwrite(app, event_id, body):
    from umstripe.database import write
    from umstripe.models import Delivery

    with app.app_context(), write() as tx:
        tx.execute(Delivery.__table__.update().where(Delivery.stripe_event_id == event_id).values(body=body))


def _of_jane(app) -> dict:
    user = rows(app, "SELECT public_id FROM \"user\" WHERE username = 'jane'")[0][0]
    return {"umstripe_user": user, "umstripe_instance": rows(app, "SELECT instance_id FROM settings")[0][0]}


LONG = "🥇é" * 2500


@pytest.mark.parametrize(
    ("type_", "changed"),
    [
        ("product.updated", {"id": "prod_of_price_basic", "name": LONG}),
        ("price.updated", {"nickname": LONG}),
        ("price.updated", {"currency": "a currency of nobody"}),
        ("price.updated", {"currency": "USD", "unit_amount": 99_999_999_999}),
        ("price.updated", {"recurring": {"interval": "fortnight and a day", "interval_count": 3}}),
        ("price.updated", {"type": "recurring_in_a_new_way"}),
        ("customer.subscription.updated", {"status": "suspended_by_network_rule_x"}),
        ("customer.subscription.updated", {"collection_method": "charge_automatically_or_by_letter"}),
        ("customer.subscription.updated", {"quantity": 2**40}),
        ("charge.succeeded", {"amount": 2**40, "amount_refunded": 2**40, "currency": "a new money"}),
        ("payment_intent.payment_failed", {"last_payment_error": {"message": LONG * 3}}),
        ("invoice.payment_failed", {"hosted_invoice_url": f"https://example.org/{'a' * 4000}"}),
        ("customer.updated", {"metadata": {"k\x00": "v\x00", "half": "\ud83e"}}),
    ],
)
def test_longer_words_of_stripe_s_have_room(shop, admin, type_, changed):
    _have_product(shop)
    made = whole(type_, int(time.time()))
    made["data"]["object"].update(changed)
    assert send(shop, made) == (200, {"result": "processed"})
    for page in (
        "/admin/plans/",
        "/admin/plans/1",
        "/admin/users/",
        "/admin/activity/",
        "/admin/deliveries/1",
    ):
        admin.get(page)


def _have_product(app):
    from umstripe.database import db, writing
    from umstripe.models import Product

    with app.app_context(), writing():
        db.session.add(Product(mode="test", stripe_product_id="prod_of_price_basic", name="Basic", as_of=1))


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.decode().encode("utf-16"),
        lambda body: b"\xef\xbb\xbf" + body,
        lambda body: body.replace(b'"object"', b'"obj\xffect"', 1),
        lambda body: body.replace(b'"object"', b'"obj\x00ect"', 1),
        lambda body: b"[" * 100_000,
        lambda body: body[:-1] + b', "more": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        lambda body: body.replace(b'"livemode": false', b'"livemode": 0'),
        lambda body: body[:-1] + b', "number": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_signed_body_that_is_no_event_is_refused(shop, change):
    body = change(json.dumps(event("customer.updated")).encode())
    headers = {"Stripe-Signature": signature(body, SECRETS["test"])}
    answer = shop.test_client().post("/webhooks/stripe/test", data=body, headers=headers)
    assert (answer.status_code, answer.json) == (400, {"error": "The body is not an event of Stripe's."})


def test_rows_that_are_odd_break_no_page(shop, admin):
    """What stands in a database already, from wherever."""
    from umstripe.database import write
    from umstripe.models import Price, Subscription

    send(shop, subscription_event("active"))
    huge = 2**60
    with shop.app_context(), write() as tx:
        times = {"current_period_end": huge, "cancel_at": huge, "trial_end": -huge, "ended_at": huge}
        tx.execute(Subscription.__table__.update().values(**times, status="of_a_new_kind"))
        odd = {
            "unit_amount": None,
            "currency": 'x"<y',
            "interval": "moon",
            "interval_count": 0,
        }
        tx.execute(Price.__table__.update().values(odd))
    for page in ("/admin/", "/admin/plans/", "/admin/plans/1", "/admin/users/", "/admin/users/2"):
        admin.get(page)
    from tests.members import member

    member(shop).get("/account/billing/")
