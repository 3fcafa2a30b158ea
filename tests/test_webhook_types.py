"""Each of the event types: what it changes, and that it changes nothing else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.selling import changes, make_plan, open_shop, role_for, roles_of, rows, settings, snapshot
from tests.stripe_events import deliver, event, subscription_event
from umstripe import webhooks
from umstripe.webhooks import HANDLERS, invoice

THE_17 = [
    "charge.expired",
    "charge.failed",
    "charge.pending",
    "charge.refunded",
    "charge.succeeded",
    "checkout.session.completed",
    "checkout.session.expired",
    "customer.created",
    "customer.deleted",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.pending_update_expired",
    "payment_intent.payment_failed",
    "price.updated",
    "price.deleted",
    "product.updated",
]
PAYMENT = {
    "payment_intent": "pi_one",
    "customer": "cus_jane",
    "metadata": {"umstripe_price": "price_lifetime"},
}
NOTED = {"delivery": 1, "activity": 1}


@pytest.fixture
def shop(app):
    open_shop(app)
    return app


def send(app, made, result="processed", mode="test"):
    """Deliver, and give what changed."""
    before = snapshot(app)
    answer = deliver(app.test_client(), made, mode)
    assert (answer.status_code, answer.json) == (200, {"result": result})
    return changes(before, snapshot(app))


def subscription(app):
    found = rows(app, "SELECT status, stripe_price_id, customer_id, current_period_end FROM subscription")
    return found[0] if found else None


def charge(type_, at, **changed):
    return event(type_, at, **{"id": "ch_one", "created": 1_700_000_000, **PAYMENT, **changed})


def test_every_type_of_the_plugin_has_a_handler():
    assert len(THE_17) == 17 and set(THE_17) <= set(HANDLERS)


def test_a_subscription_that_was_created_gives_its_role(shop):
    made = subscription_event("active", type_="customer.subscription.created")
    assert send(shop, made) == {**NOTED, "subscription": 1}
    assert subscription(shop)[:2] == ("active", "price_basic")
    assert roles_of(shop, "jane") == [role_for("active")]


@pytest.mark.parametrize("status", ["trialing", "active", "past_due", "unpaid", "canceled"])
def test_an_updated_subscription_gives_the_role_of_its_status(shop, status):
    send(shop, subscription_event("incomplete", 1_700_000_000, "customer.subscription.created"))
    assert roles_of(shop, "jane") == []
    assert send(shop, subscription_event(status, 1_700_000_100)) == {**NOTED, "subscription": 1}
    assert subscription(shop)[0] == status and roles_of(shop, "jane") == [role_for(status)]


def test_a_deleted_subscription_is_canceled(shop):
    send(shop, subscription_event("active", 1_700_000_000))
    made = subscription_event("canceled", 1_700_000_100, "customer.subscription.deleted")
    assert send(shop, made) == {**NOTED, "subscription": 1}
    assert subscription(shop)[0] == "canceled" and roles_of(shop, "jane") == [role_for("canceled")]


@pytest.mark.parametrize("type_", ["customer.subscription.paused", "customer.subscription.resumed"])
def test_pausing_after_a_trial_and_going_on_are_statuses_like_others(shop, type_):
    status = "paused" if type_.endswith("paused") else "active"
    made = subscription_event(status, type_=type_, cancel_at=None)
    assert send(shop, made) == {**NOTED, "subscription": 1}
    assert roles_of(shop, "jane") == [role_for(status)]


def test_paused_collection_counts_as_paused_though_stripe_says_active(shop):
    paused = {"behavior": "void", "resumes_at": None}
    send(shop, subscription_event("active", pause_collection=paused))
    assert subscription(shop)[0] == "paused" and roles_of(shop, "jane") == [role_for("paused")]


def test_an_expired_pending_update_leaves_the_state_that_it_brings(shop):
    send(shop, subscription_event("active", 1_700_000_000))
    made = subscription_event("active", 1_700_000_100, "customer.subscription.pending_update_expired")
    assert send(shop, made) == {**NOTED, "subscription": 1}
    assert subscription(shop)[:2] == ("active", "price_basic")


def test_a_subscription_moved_to_another_price_has_its_plan(shop):
    make_plan(shop, "price_gold", ["trialing"])
    send(shop, subscription_event("trialing", 1_700_000_000))
    send(shop, subscription_event("trialing", 1_700_000_100, price="price_gold"))
    assert subscription(shop)[1] == "price_gold" and roles_of(shop, "jane") == [role_for("trialing")]


@pytest.mark.parametrize("where", ["item", "subscription"])
def test_the_period_s_end_is_read_from_both_places(shop, where):
    made = subscription_event("active")
    found = made["data"]["object"]
    item = found["items"]["data"][0]
    item.pop("current_period_end", None)
    (item if where == "item" else found)["current_period_end"] = 1_800_000_000
    send(shop, made)
    assert subscription(shop)[3] == 1_800_000_000


def test_a_live_subscription_is_not_the_sandbox_s(shop):
    assert send(shop, subscription_event("active", livemode=True), "foreign", "live") == {"delivery": 1}


@pytest.mark.parametrize(
    ("type_", "changed", "status"),
    [
        ("charge.succeeded", {"status": "succeeded", "captured": True}, "paid"),
        ("charge.succeeded", {"status": "succeeded", "captured": False}, "pending"),
        ("charge.pending", {"status": "pending", "captured": False}, "pending"),
        ("charge.failed", {"status": "failed", "captured": False}, "failed"),
        ("charge.expired", {"status": "failed", "captured": False}, "failed"),
        ("charge.refunded", {"status": "succeeded", "captured": True, "refunded": True}, "refunded"),
    ],
)
def test_a_one_time_charge_moves_its_membership(shop, type_, changed, status):
    made = charge(type_, 1_700_000_100, **{"refunded": False, **changed})
    assert send(shop, made) == {**NOTED, "purchase": 1}
    assert rows(shop, "SELECT status, stripe_price_id FROM purchase") == [(status, "price_lifetime")]
    expected = [role_for(status)] if status in ("paid", "pending", "refunded") else []
    assert roles_of(shop, "jane") == expected


def test_a_partial_refund_is_shown_and_changes_no_role(shop):
    send(shop, charge("charge.succeeded", 1_700_000_100, status="succeeded", captured=True, refunded=False))
    part = {"status": "succeeded", "captured": True, "refunded": False, "amount_refunded": 100}
    assert send(shop, charge("charge.refunded", 1_700_000_200, **part)) == {**NOTED, "purchase": 1}
    assert rows(shop, "SELECT status, amount_refunded FROM purchase") == [("paid", 100)]
    assert roles_of(shop, "jane") == [role_for("paid")]


def test_a_subscription_s_charge_is_noted_and_changes_no_membership(shop):
    made = charge("charge.succeeded", 1_700_000_100, metadata={}, status="succeeded", captured=True)
    assert send(shop, made) == NOTED


def test_a_paid_checkout_links_the_customer_and_opens_the_membership(shop):
    public_id = rows(shop, "SELECT public_id FROM \"user\" WHERE username = 'jane'")[0][0]
    session = {**PAYMENT, "customer": "cus_new", "mode": "payment", "payment_status": "paid"}
    session |= {"client_reference_id": public_id, "subscription": None, "payment_link": None}
    session |= {"amount_total": 49900, "currency": "usd", "created": 1_700_000_000}
    made = event("checkout.session.completed", **session)
    assert send(shop, made) == {**NOTED, "customer": 1, "purchase": 1}
    assert roles_of(shop, "jane") == [role_for("paid")]


def test_in_a_payment_link_anybody_can_write_any_reference_so_it_links_nobody(shop):
    public_id = rows(shop, "SELECT public_id FROM \"user\" WHERE username = 'jane'")[0][0]
    session = {**PAYMENT, "customer": "cus_new", "mode": "payment", "payment_status": "paid"}
    made = event(
        "checkout.session.completed", client_reference_id=public_id, payment_link="plink_1", **session
    )
    assert send(shop, made, "foreign") == {"delivery": 1}


def test_a_checkout_that_was_left_is_noted(shop):
    assert send(shop, event("checkout.session.expired", customer="cus_jane")) == NOTED


def test_our_own_customer_is_linked_even_if_the_site_crashed_before_it_knew(shop):
    public_id = rows(shop, "SELECT public_id FROM \"user\" WHERE username = 'jane'")[0][0]
    instance = rows(shop, "SELECT instance_id FROM settings")[0][0]
    metadata = {"umstripe_user": public_id, "umstripe_instance": instance}
    made = event("customer.created", id="cus_lost", metadata=metadata)
    assert send(shop, made) == {**NOTED, "customer": 1}


def test_a_customer_of_another_site_is_foreign_whatever_it_claims(shop):
    public_id = rows(shop, "SELECT public_id FROM \"user\" WHERE username = 'jane'")[0][0]
    metadata = {"umstripe_user": public_id, "umstripe_instance": "another one"}
    made = event("customer.created", id="cus_else", metadata=metadata)
    assert send(shop, made, "foreign") == {"delivery": 1}


def test_a_deleted_customer_is_unlinked_and_its_subscriptions_end(shop):
    send(shop, subscription_event("active", 1_700_000_000))
    made = event("customer.deleted", 1_700_000_100, id="cus_jane")
    assert send(shop, made) == {**NOTED, "customer": 1, "subscription": 1}
    assert subscription(shop)[0] == "canceled" and roles_of(shop, "jane") == [role_for("canceled")]
    assert rows(shop, "SELECT deleted FROM customer") in ([(1,)], [(True,)])


def test_a_changed_customer_and_a_failed_payment_are_noted(shop):
    assert send(shop, event("customer.updated", id="cus_jane")) == NOTED
    failed = event("payment_intent.payment_failed", customer="cus_jane")
    failed["data"]["object"]["last_payment_error"] = {"message": "Your card was declined."}
    assert send(shop, failed) == NOTED
    lines = rows(shop, "SELECT description FROM activity ORDER BY id DESC")
    assert "Your card was declined." in lines[0][0]


def test_a_changed_price_changes_what_was_imported(shop):
    changed = {"nickname": "New", "unit_amount": 1234, "active": False, "currency": "eur"}
    made = event("price.updated", id="price_basic", product="prod_of_price_basic", **changed)
    assert send(shop, made) == {**NOTED, "price": 1}
    found = rows(shop, "SELECT nickname, unit_amount, active, currency FROM price WHERE id = 1")[0]
    assert found == ("New", 1234, False, "eur")


def test_a_deleted_price_closes_its_plan_and_members_keep_it(shop):
    send(shop, subscription_event("active"))
    assert send(shop, event("price.deleted", id="price_basic")) == {**NOTED, "price": 1}
    assert rows(shop, "SELECT active, deleted FROM price WHERE id = 1")[0] == (False, True)
    assert roles_of(shop, "jane") == [role_for("active")]


@pytest.mark.parametrize("type_", ["product.updated", "product.deleted"])
def test_a_product_s_name_and_end_arrive(shop, type_):
    from umstripe.database import db, writing
    from umstripe.models import Plan, Product

    with shop.app_context(), writing():
        db.session.add(
            Product(mode="test", stripe_product_id="prod_of_price_basic", name="Old", as_of=1_600_000_000)
        )
    made = event(type_, id="prod_of_price_basic", name="Better Plan", active=True)
    assert send(shop, made) == {**NOTED, "product": 1}
    with shop.app_context():
        plan = db.session.get(Plan, 1)
        assert plan.title == ("Better Plan" if type_ == "product.updated" else "Old")
        assert plan.price.product.active is (type_ == "product.updated")
        db.session.rollback()


@pytest.mark.one_database
@pytest.mark.parametrize("type_", sorted(HANDLERS))
def test_what_is_not_ours_gets_200_and_changes_nothing(shop, type_):
    other = {"id": "other_1"} if type_.startswith(("price", "product", "customer.")) else {}
    foreign = {**other} if type_.startswith(("price", "product")) else {**other, "customer": "cus_other"}
    assert send(shop, event(type_, **foreign), "foreign") == {"delivery": 1}


def test_a_type_that_nobody_asked_for_is_ignored(shop):
    made = event("customer.created")
    made["type"] = "tax_rate.created"
    assert send(shop, made, "ignored") == {"delivery": 1}


def test_without_the_activity_log_a_delivery_leaves_no_line(shop):
    settings(shop, activity_off=True)
    assert send(shop, subscription_event("active")) == {"delivery": 1, "subscription": 1}


def test_every_handler_that_is_written_is_registered():
    """A module that the package does not import would take its types from the endpoint at Stripe, and from catch-up."""
    written = set()
    for path in Path(webhooks.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "handles":
                written |= {type_.value for type_ in node.args if isinstance(type_, ast.Constant)}
    assert len(written) > 30 and written <= set(HANDLERS)
    assert set(HANDLERS) - written == set(invoice.WORDS)
