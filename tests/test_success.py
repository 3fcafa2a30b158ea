"""The success page: settles the order at once (rule 7), and shows it to its buyer alone."""

from __future__ import annotations

import pytest

from stripe_simulator.testing import CARD, Walk
from tests.people import PASSWORD, Browserless
from tests.selling import roles_of, rows
from tests.shop import Shop
from tests.stripe_events import deliver
from tests.test_checkout import change

NOTHING_OF_OTHERS = ("karl", "Gold", "9.99", "cus_", "Active")


@pytest.fixture
def shop(database_url, tmp_path):
    one = Shop(database_url, tmp_path)
    yield one
    one.stop()


def address(session):
    return f"/checkout/success?umm_stripe_sid={session['id']}"


def test_opened_before_the_delivery_it_gives_the_role_at_once(shop):
    key, member = shop.offer(), shop.member()
    page = member.get(shop.buy(member, key))
    for words in (
        "Payment successful",
        "Gold - $9.99 / month",
        "Subscription status Active",
        "karl@example.org",
    ):
        assert words in page.text
    assert "/customer-portal" in page.html
    assert shop.statuses() == ["active"] and roles_of(shop.app, "karl") == ["Active Member", "Subscriber"]
    assert set(shop.deliver()) == {200}
    assert shop.statuses() == ["active"] and roles_of(shop.app, "karl") == ["Active Member", "Subscriber"]


def test_opened_after_the_delivery_and_again_it_changes_nothing(shop):
    key, member = shop.offer(), shop.member()
    back = shop.buy(member, key)
    shop.deliver()
    lines = rows(shop.app, "SELECT id FROM activity")
    first, second = member.get(back).text, member.get(back).text
    assert first == second and "Active" in first
    assert rows(shop.app, "SELECT id FROM activity") == lines, "a page that is loaded again is no news"
    assert shop.statuses() == ["active"]


@pytest.mark.parametrize("interval", ["month", ""])
def test_page_and_delivery_in_any_order_and_number_end_the_same(shop, interval):
    key, member = shop.offer(interval=interval), shop.member()
    back = shop.buy(member, key)
    member.get(back)
    shop.deliver("checkout.session.completed")
    member.get(back)
    shop.deliver()
    member.get(back)
    assert shop.statuses() == ["active" if interval else "paid"]


def test_after_a_cancellation_the_old_page_does_not_bring_the_membership_back(shop):
    key, member = shop.offer(), shop.member()
    back = shop.buy(member, key)
    shop.deliver()
    (subscription,) = rows(shop.app, "SELECT stripe_subscription_id FROM subscription")
    shop.simulator.do(f"/subscriptions/{subscription[0]}/cancel")
    shop.deliver()
    assert "Canceled" in member.get(back).text and shop.statuses() == ["canceled"]


def test_somebody_else_sees_nothing_of_it_though_it_is_settled(shop):
    key, member, other = shop.offer(), shop.member(), shop.member("kim")
    back = shop.buy(member, key)
    page = other.get(back, status=404)
    assert "No order here" in page.text and not [word for word in NOTHING_OF_OTHERS if word in page.text]
    assert shop.statuses() == ["active"] and shop.statuses("kim") == []


def test_a_visitor_is_asked_to_log_in_and_comes_back(shop):
    key, member = shop.offer(), shop.member()
    back = shop.buy(member, key)
    visitor = shop.visitor()
    page = visitor.get(back)
    assert "Please log in to see your order." in page.text
    assert not [word for word in NOTHING_OF_OTHERS if word in page.text]
    assert shop.statuses() == ["active"], "the payment counts, whoever opens the page"
    login = next(link for link in page.html.split('"') if link.startswith("/login?next="))
    shown = visitor.submit(login.replace("&amp;", "&"), email="karl", password=PASSWORD)
    assert "Payment successful" in shown.text


@pytest.mark.parametrize(
    "sid", ["", "cs_test_unknown", "cs_live_unknown", "../customers/cus_1", "cs_test_%00", "x" * 3000]
)
def test_an_unknown_session_gets_a_clear_page(shop, sid):
    if sid.startswith("cs_live"):
        change(shop, "UPDATE connection SET secret_key = NULL WHERE mode = 'live'")
        page = shop.member().get(f"/checkout/success?umm_stripe_sid={sid}", status=503)
        assert "your payment is safe" in page.text
        return
    assert "No order here" in shop.member().get(f"/checkout/success?umm_stripe_sid={sid}", status=404).text


def test_a_session_that_is_still_open_says_so_and_leads_back(shop):
    key, member = shop.offer(), shop.member()
    url = shop.pay_url(member, key)
    page = member.get(address(shop.sessions()[0]))
    assert "Not paid yet" in page.text and url in page.html and shop.statuses() == []


def test_an_expired_session_says_that_nothing_was_paid(shop):
    key, member = shop.offer(), shop.member()
    shop.pay_url(member, key)
    (session,) = shop.sessions()
    shop.simulator.call("POST", f"/checkout/sessions/{session['id']}/expire")
    page = member.get(address(session))
    assert "This order has expired" in page.text and f"/subscribe/{key}" in page.html


def test_with_stripe_down_nobody_is_asked_to_pay_again(shop):
    key, member = shop.offer(), shop.member()
    back = shop.buy(member, key)
    shop.simulator.do("/faults", kind="500", times=100)
    page = member.get(back, status=503)
    assert "your payment is safe" in page.text and "Please do not pay again" in page.text
    shop.simulator.mend()
    assert "Payment successful" in member.get(back).text


def test_a_session_of_another_application_changes_nothing(shop):
    key, member = shop.offer(), shop.member()
    price = rows(shop.app, "SELECT stripe_price_id FROM price ORDER BY id DESC")[0][0]
    wanted = {"mode": "subscription", "line_items[0][price]": price, "line_items[0][quantity]": 1}
    session = shop.simulator.call(
        "POST",
        "/checkout/sessions",
        success_url="https://example.org",
        client_reference_id="user-7",
        **wanted,
    )
    Walk(session["url"]).press(email="other@example.org", **CARD)
    before = rows(shop.app, "SELECT id FROM subscription"), rows(shop.app, "SELECT id FROM customer")
    assert "No order here" in member.get(address(session), status=404).text
    assert before == (
        rows(shop.app, "SELECT id FROM subscription"),
        rows(shop.app, "SELECT id FROM customer"),
    )
    assert key


def test_a_delayed_payment_is_pending_until_it_is_paid(shop):
    key, member = shop.offer("Course", interval=""), shop.member()
    back, session = delayed(shop, member, key)
    page = member.get(back)
    assert "Payment pending" in page.text and "Your bank has not sent the money yet." in page.text
    assert shop.statuses() == ["pending"] and "Payment pending" in member.get(back).text
    assert "cannot order again meanwhile" in member.get(f"/subscribe/{key}").text
    turn(shop, session, "settle")
    assert shop.statuses() == ["paid"] and "Payment successful" in member.get(back).text


def test_a_delayed_payment_that_fails_can_be_tried_again(shop):
    key, member = shop.offer("Course", interval=""), shop.member()
    back, session = delayed(shop, member, key)
    member.get(back)
    turn(shop, session, "fail")
    page = member.get(back)
    assert shop.statuses() == ["failed"] and "Payment failed" in page.text
    assert f"/subscribe/{key}" in page.html and "You are about to pay" in member.get(f"/subscribe/{key}").text


@pytest.mark.parametrize("type_", ["checkout.session.async_payment_failed", "charge.failed"])
def test_each_of_the_two_events_of_a_failed_delayed_payment_is_enough(shop, type_):
    key, member = shop.offer("Course", interval=""), shop.member()
    back, session = delayed(shop, member, key)
    member.get(back)
    shop.simulator.do(f"/sessions/{session['id']}/fail")
    assert shop.deliver(type_) == [200]
    assert shop.statuses() == ["failed"]


def test_a_subscription_whose_debit_is_under_way_counts_as_active_and_its_page_says_pending(shop):
    key, member = shop.offer(), shop.member()
    back, session = delayed(shop, member, key)
    page = member.get(back)
    assert "Payment pending" in page.text and "Your bank has not sent the money yet." in page.text
    assert "Paid now" not in page.text and "Amount $9.99" in page.text
    assert shop.statuses() == ["active"] and roles_of(shop.app, "karl") == ["Active Member", "Subscriber"]
    assert "Already subscribed" in member.get(f"/subscribe/{key}").text
    turn(shop, session, "settle")
    page = member.get(back)
    assert "Payment successful" in page.text and "Paid now $9.99" in page.text
    assert shop.statuses() == ["active"] and len(shop.sessions()) == 1


def test_a_subscription_whose_debit_failed_is_past_due_and_its_page_does_not_thank(shop):
    key, member = shop.offer(), shop.member()
    back, session = delayed(shop, member, key)
    member.get(back)
    turn(shop, session, "fail")
    page = member.get(back)
    assert "Payment failed" in page.text and "Paid now" not in page.text
    assert "Try again" not in page.text and "/customer-portal" in page.html
    assert shop.statuses() == ["past_due"] and roles_of(shop.app, "karl") == ["Past Due Member", "Subscriber"]


def incomplete_debit(shop, member, key):
    """As `delayed`, where Stripe keeps the subscription `incomplete` until the bank has answered."""
    back, session = delayed(shop, member, key)
    made = next(one for one in shop.events() if one["type"] == "customer.subscription.created")
    made["data"]["object"]["status"], made["created"] = "incomplete", made["created"] + 600
    assert deliver(shop.app.test_client(), made).status_code == 200
    shop.seen.add(made["id"])
    return back, session


def test_an_incomplete_subscription_whose_debit_is_under_way_is_not_sold_again(shop):
    key, other, member = shop.offer(), shop.offer("Silver"), shop.member()
    back, _ = incomplete_debit(shop, member, key)
    page = member.get(back)
    assert shop.statuses() == ["incomplete"] and roles_of(shop.app, "karl") == ["Subscriber"]
    assert "Payment pending" in page.text and "Try again" not in page.text and "failed" not in page.text
    for wanted in (key, other):
        answer = shop.press(member, wanted)
        assert answer.headers["Location"] == f"/checkout/already-subscribed?plan={wanted}"
        assert "the money has not come yet" in member.get(answer.headers["Location"]).text
    assert len(shop.sessions()) == 1


def test_an_incomplete_subscription_whose_debit_failed_can_be_tried_again(shop):
    key, member = shop.offer(), shop.member()
    back, session = incomplete_debit(shop, member, key)
    member.get(back)
    shop.simulator.do(f"/sessions/{session['id']}/fail")
    assert shop.deliver("checkout.session.async_payment_failed") == [200]
    assert shop.statuses() == ["incomplete"] and "Payment failed" in member.get(back).text
    assert shop.press(member, key).headers["Location"].startswith(shop.simulator.url)


def delayed(shop, member, key):
    """Buy by bank debit, whose money takes days. Gives the way back and the session."""
    back = shop.buy(member, key, method="bank_debit")
    return back, shop.sessions()[0]


def turn(shop, session, what):
    """The bank has `settle`d or `fail`ed; everything about it comes."""
    shop.simulator.do(f"/sessions/{session['id']}/{what}")
    assert set(shop.deliver()) == {200}


def test_canceled_says_that_nothing_was_taken_and_leads_back(shop):
    key = shop.offer()
    page = shop.member().get(f"/checkout/canceled?plan={key}")
    assert "No payment has been taken." in page.text and f"/subscribe/{key}" in page.html
    for odd in ("", "?plan=unknown", "?plan=%00"):
        assert (
            "No payment has been taken."
            in Browserless(shop.app.test_client()).get(f"/checkout/canceled{odd}").text
        )


@pytest.mark.parametrize("interval", ["month", ""])
def test_a_restricted_key_with_the_documented_rights_is_enough(shop, interval):
    from umstripe.database import writing
    from umstripe.models import Connection

    with shop.app.app_context(), writing():
        Connection.of("test").keep_keys("", shop.simulator.key(kind="restricted"))
    key, member = shop.offer(interval=interval), shop.member()
    assert "Payment successful" in member.get(shop.buy(member, key)).text
    assert shop.statuses() == ["active" if interval else "paid"]
