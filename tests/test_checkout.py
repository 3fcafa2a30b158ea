"""From a plan to Stripe's payment page: what the session says, that there is one, and what stands in its way."""

from __future__ import annotations

import threading
import time

import pytest

from stripe_simulator.testing import CARD, Walk
from tests.people import PASSWORD, Browserless, Page, make_administrator
from tests.selling import roles_of, rows, settings
from tests.shop import TYPED, Shop


@pytest.fixture
def shop(database_url, tmp_path):
    one = Shop(database_url, tmp_path)
    yield one
    one.stop()


def test_registering_with_a_plan_leads_to_a_session_that_says_who_what_and_where_from(shop):
    key, visitor = shop.offer(promotion_codes=True, trial_days=14), shop.visitor()
    form = visitor.get(f"/register?plan={key}").form("username")
    answer = visitor.client.post(f"/register?plan={key}", data={**form["fields"], **TYPED})
    (session,) = shop.sessions()
    assert (answer.status_code, answer.headers["Location"]) == (303, session["url"])
    ((public_id, instance),) = rows(
        shop.app, "SELECT public_id, instance_id FROM \"user\", settings WHERE username = 'karl'"
    )
    assert session["client_reference_id"] == public_id and session["mode"] == "subscription"
    assert session["metadata"]["umstripe_user"] == public_id
    assert session["metadata"]["umstripe_instance"] == instance
    assert session["allow_promotion_codes"] and session["payment_method_collection"] == "always"
    assert session["success_url"].endswith("/checkout/success?umm_stripe_sid={CHECKOUT_SESSION_ID}")
    assert session["cancel_url"].endswith(f"/checkout/canceled?plan={key}")
    assert 3600 < session["expires_at"] - time.time() <= 7200
    customer = shop.simulator.call("GET", f"/customers/{session['customer']}")
    assert customer["email"] == "karl@example.org" and customer["metadata"]["umstripe_user"] == public_id


def test_the_form_sent_again_by_who_is_logged_in_pays_for_what_is_chosen_in_it(shop):
    basic, premium, visitor = shop.offer("Basic"), shop.offer("Premium"), shop.visitor()
    address = f"/register?plan={basic}"
    fields = {**visitor.get(address).form("username")["fields"], **TYPED}
    visitor.client.post(address, data={**fields, "plan": premium})
    again = visitor.client.post(address, data={**fields, "plan": premium})
    assert again.headers["Location"] == shop.sessions()[0]["url"] and len(shop.sessions()) == 1
    assert (
        shop.sessions()[0]["metadata"]["umstripe_plan"]
        == rows(shop.app, "SELECT key FROM plan WHERE short_key = :key", key=premium)[0][0]
    )
    without_link = visitor.client.post("/register", data={**fields, "plan": basic})
    assert without_link.headers["Location"] == shop.sessions()[0]["url"]
    assert [one["status"] for one in shop.sessions()] == ["open", "expired"]
    nothing = visitor.client.post(address, data={**fields, "plan": ""})
    assert nothing.headers["Location"] == "/account/"
    gone = visitor.client.post(address, data={**fields, "plan": "unknown"})
    assert gone.status_code == 404 and "leads to no offer" in gone.text


def test_opening_a_link_asks_stripe_for_nothing(shop):
    key, member = shop.offer(), shop.member()
    before = shop.simulator.tell("/state")
    page = member.get(f"/subscribe/{key}")
    assert "You are about to pay for Gold $9.99 / month" in page.text
    assert shop.simulator.tell("/state") == before and shop.sessions() == []


def test_a_visitor_without_an_account_registers_with_the_links_plan(shop):
    key = shop.offer()
    page = shop.visitor().get(f"/subscribe/{key}")
    assert "Register" in page.text and page.form("plan")["fields"]["plan"] == [key]


def test_asking_again_gives_the_same_session_and_the_same_customer(shop):
    key, member = shop.offer(), shop.member()
    first, second = shop.pay_url(member, key), shop.pay_url(member, key)
    assert first == second and len(shop.sessions()) == 1
    assert len(rows(shop.app, "SELECT id FROM customer WHERE mode = 'test'")) == 2, "Jane's, and Karl's"


def test_another_plan_ends_the_open_session(shop):
    gold, silver, member = shop.offer("Gold"), shop.offer("Silver"), shop.member()
    shop.pay_url(member, gold)
    shop.pay_url(member, silver)
    assert [one["status"] for one in shop.sessions()] == ["open", "expired"]


def test_a_changed_price_ends_the_session_that_says_the_old_one(shop):
    from umstripe.database import writing
    from umstripe.models import Plan

    key, member = shop.offer(), shop.member()
    shop.pay_url(member, key)
    with shop.app.app_context(), writing():
        Plan.with_key(key).trial_days = 7
    shop.pay_url(member, key)
    assert [one["status"] for one in shop.sessions()] == ["open", "expired"]


def test_two_clicks_at_the_same_moment_make_one_session_and_one_customer(shop):
    key, member = shop.offer(), shop.member()
    form = next(one for one in member.get(f"/subscribe/{key}").forms if one["action"].endswith("/pay"))
    answers = at_once(shop, member, [(form["action"], form["fields"])] * 4)
    assert {code for code, _ in answers} == {303}, answers
    assert len({where for _, where in answers}) == 1
    assert [one["status"] for one in shop.sessions()] == ["open"]


def test_two_tabs_with_different_plans_leave_one_open_session_at_most(shop):
    keys, member = [shop.offer("Gold"), shop.offer("Silver")], shop.member()
    forms = [member.get(f"/subscribe/{key}").forms[-1] for key in keys]
    for _ in range(3):
        answers = at_once(shop, member, [(form["action"], form["fields"]) for form in forms])
        assert {code for code, _ in answers} <= {303, 503}, answers
        assert [one["status"] for one in shop.sessions()].count("open") <= 1


def at_once(shop, member, sent):
    """Send forms at the same moment, as one person. Gives each answer's code and where it leads."""
    cookie = member.client.get_cookie("session")
    answers = []

    def send(address, fields):
        client = shop.app.test_client()
        client.set_cookie("session", cookie.value)
        answer = client.post(address, data=fields)
        answers.append((answer.status_code, answer.headers.get("Location", Page(answer.text).text[-200:])))

    threads = [threading.Thread(target=send, args=each) for each in sent]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return answers


def test_who_has_a_subscription_gets_no_second_one(shop):
    gold, silver, member = shop.offer("Gold"), shop.offer("Silver"), shop.member()
    shop.buy(member, gold)
    shop.deliver()
    for key in (gold, silver):
        page = member.get(f"/subscribe/{key}")
        assert "Already subscribed" in page.text and "/customer-portal" in page.html
    assert len(shop.sessions()) == 1


def test_who_has_paid_is_not_charged_again_while_the_delivery_is_late(shop):
    key, member = shop.offer(), shop.member()
    shop.buy(member, key)
    assert shop.statuses() == []
    answer = shop.press(member, key)
    assert answer.headers["Location"].startswith("/checkout/already-subscribed")
    assert shop.statuses() == ["active"] and len(shop.sessions()) == 1


@pytest.mark.parametrize("status", ["past_due", "unpaid", "paused", "trialing"])
def test_any_subscription_that_is_under_way_counts(shop, status):
    key, member = shop.offer(), shop.member()
    shop.buy(member, key)
    shop.deliver()
    subscription = rows(shop.app, "SELECT id FROM subscription")
    change(shop, "UPDATE subscription SET status = :status", status=status)
    assert subscription and "Already subscribed" in member.get(f"/subscribe/{key}").text


@pytest.mark.parametrize("status", ["canceled", "incomplete_expired", "revoked"])
def test_one_that_is_over_or_never_began_does_not(shop, status):
    key, member = shop.offer(), shop.member()
    shop.buy(member, key)
    shop.deliver()
    change(shop, "UPDATE subscription SET status = :status", status=status)
    assert "You are about to pay" in member.get(f"/subscribe/{key}").text


def change(shop, statement, **values):
    from sqlalchemy import text

    from umstripe.database import write

    with shop.app.app_context(), write() as tx:
        tx.execute(text(statement), values)


def test_a_one_time_plan_is_bought_again_only_when_it_has_run_out(shop):
    key, member = shop.offer("Course", interval=""), shop.member()
    shop.buy(member, key)
    shop.deliver()
    assert roles_of(shop.app, "karl") == ["Paid Member", "Subscriber"]
    assert "Already bought" in member.get(f"/subscribe/{key}").text
    change(shop, "UPDATE purchase SET ends_at = :at", at=int(time.time()) - 1)
    assert "You are about to pay for Course $9.99 , once" in member.get(f"/subscribe/{key}").text


def test_nobody_gets_a_second_trial_when_the_setting_says_so(shop):
    key, member = shop.offer(trial_days=14), shop.member()
    assert "The first 14 days are free." in member.get(f"/subscribe/{key}").text
    shop.buy(member, key)
    shop.deliver()
    assert shop.statuses() == ["trialing"]
    change(shop, "UPDATE subscription SET status = 'canceled'")
    assert "You have had a free trial already" in member.get(f"/subscribe/{key}").text
    assert (
        shop.simulator.call("GET", f"/checkout/sessions/{session_id(shop, member, key)}")["amount_total"]
        == 999
    )
    settings(shop.app, one_trial=False)
    assert (
        shop.simulator.call("GET", f"/checkout/sessions/{session_id(shop, member, key)}")["amount_total"] == 0
    )


def session_id(shop, member, key):
    return shop.pay_url(member, key).rpartition("/")[2]


def test_tax_and_addresses_are_asked_for_as_set(shop):
    key, member = shop.offer(), shop.member()
    settings(shop.app, automatic_tax=True, billing_address=True)
    shop.pay_url(member, key)
    (session,) = shop.sessions()
    assert session["automatic_tax"]["enabled"] and session["billing_address_collection"] == "required"


def test_with_approval_the_amount_is_only_reserved(shop):
    key, member = shop.offer("Course", interval="", approval=True), shop.member()
    assert "The amount is only reserved" in member.get(f"/subscribe/{key}").text
    back = shop.buy(member, key)
    assert "The people who run this site look at your order first" in member.get(back).text
    shop.deliver()
    assert shop.statuses() == ["pending"] and roles_of(shop.app, "karl") == ["Pending Member", "Subscriber"]


def test_with_approval_no_promotion_code_can_be_typed(shop):
    key, member = shop.offer("Course", interval="", approval=True, promotion_codes=True), shop.member()
    walk = Walk(shop.pay_url(member, key))
    (session,) = shop.sessions()
    assert not session["allow_promotion_codes"] and "promotion" not in walk.text.lower()


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("currency", "amount", "words"),
    [
        ("jpy", 1500, "¥1,500"),
        ("kwd", 12500, "KWD12.500"),
        ("usd", 0, "$0.00"),
        ("ugx", 500000, "UGX5,000"),
        ("isk", 90000, "ISK900"),
    ],
)
@pytest.mark.parametrize("interval", ["month", ""])
def test_every_currency_and_an_amount_of_zero(shop, currency, amount, words, interval):
    key = shop.offer("Odd", currency=currency, unit_amount=amount, interval=interval)
    member = shop.member()
    assert words in member.get(f"/subscribe/{key}").text.replace("\xa0", "")
    page = member.get(shop.buy(member, key))
    assert "Payment successful" in page.text and words in page.text.replace("\xa0", "")
    assert shop.statuses() == ["active" if interval else "paid"]
    assert set(shop.deliver()) == {200} and shop.statuses() == ["active" if interval else "paid"]


def test_a_code_for_everything_needs_no_payment(shop):
    for interval in ("month", ""):
        key = shop.offer(f"Free {interval}", interval=interval, promotion_codes=True)
        member = shop.member(f"karl{len(interval)}")
        walk = Walk(shop.pay_url(member, key))
        walk.press("apply", promotion_code="FREE100")
        walk.press(**CARD)
        page = member.get(walk.left_for.removeprefix("http://127.0.0.1:8000"))
        assert "Payment successful" in page.text and "$0.00" in page.text, walk.text


def test_a_customer_deleted_at_stripe_makes_room_for_a_new_one(shop):
    key, member = shop.offer(), shop.member()
    shop.pay_url(member, key)
    (first,) = shop.sessions()
    shop.simulator.call("DELETE", f"/customers/{first['customer']}")
    shop.buy(member, key)
    found = rows(shop.app, "SELECT deleted FROM customer WHERE stripe_customer_id <> 'cus_jane' ORDER BY id")
    assert [bool(deleted) for (deleted,) in found] == [True, False]
    assert set(shop.deliver()) == {200} and shop.statuses() == ["active"]


def test_a_price_archived_meanwhile_is_said_plainly_and_told_the_administrator(shop):
    key, member = shop.offer(), shop.member()
    price = rows(shop.app, "SELECT stripe_price_id FROM price ORDER BY id DESC")[0][0]
    shop.simulator.call("POST", f"/prices/{price}", active="false")
    answer = shop.press(member, key)
    assert answer.status_code == 503 and "Stripe did not accept this order" in answer.text
    assert "No such" not in answer.text
    refused = rows(shop.app, "SELECT description FROM activity WHERE action = 'checkout.refused'")
    assert len(refused) == 1 and "inactive" in refused[0][0]
    shop.deliver()
    assert "This offer has ended." in shop.visitor().get(f"/subscribe/{key}", status=404).text


def test_a_plan_closed_between_page_and_click(shop):
    key, member = shop.offer(), shop.member()
    form = next(one for one in member.get(f"/subscribe/{key}").forms if one["action"].endswith("/pay"))
    change(shop, "UPDATE plan SET status = 'closed'")
    answer = member.client.post(form["action"], data=form["fields"])
    assert answer.status_code == 404 and "This offer has ended." in answer.text and shop.sessions() == []


def test_stripe_down_keeps_the_account_and_lets_try_again(shop):
    key, visitor = shop.offer(), shop.visitor()
    fields = visitor.get(f"/register?plan={key}").form("username")["fields"]
    shop.simulator.do("/faults", kind="500", times=100)
    answer = visitor.client.post("/register", data={**fields, **TYPED})
    assert answer.status_code == 503 and "Stripe, which keeps the payments, has a problem" in answer.text
    assert "Nothing was paid" in answer.text and "karl" in visitor.get("/account/").text
    shop.simulator.mend()
    assert shop.press(visitor, key).status_code == 303
    assert [one["status"] for one in shop.sessions()] == ["open"]


@pytest.mark.parametrize("when", ["amid", "after"])
@pytest.mark.parametrize("path", ["/v1/customers", "/v1/checkout/sessions"])
def test_one_failure_of_stripe_s_keeps_nobody_from_paying_though_its_key_repeats_it(shop, path, when):
    key, member = shop.offer(), shop.member()
    shop.simulator.do("/faults", kind="500", path=path, method="POST", times=1, when=when)
    pressed = [shop.press(member, key).status_code for _ in range(2)]
    assert pressed[-1] == 303
    assert [one["status"] for one in shop.sessions()].count("open") == 1
    back = shop.buy(member, key)
    assert "Payment successful" in member.get(back).text and shop.statuses() == ["active"]


def test_a_failure_that_goes_on_is_asked_under_few_keys(shop):
    key, member = shop.offer(), shop.member()
    shop.simulator.do("/faults", kind="500", path="/v1/customers", method="POST", times=100, when="amid")
    assert [shop.press(member, key).status_code for _ in range(3)] == [503] * 3
    shop.simulator.mend()
    assert shop.press(member, key).status_code == 303


def test_a_site_without_keys_says_so(shop):
    key, member = shop.offer(), shop.member()
    change(shop, "UPDATE connection SET secret_key = NULL")
    answer = shop.press(member, key)
    assert answer.status_code == 503 and "the site is not connected to Stripe" in answer.text


def test_a_copy_of_the_site_lets_nobody_pay(shop):
    key, member = shop.offer(), shop.member()
    settings(shop.app, home={"instance": "of another place", "address": "", "database": ""})
    answer = shop.press(member, key)
    assert answer.status_code == 503 and "This is a copy of the site" in answer.text
    assert shop.sessions() == []


def test_an_administrator_may_try_a_private_plan(shop):
    key = shop.offer(visibility="private")
    make_administrator(shop.app)
    admin = Browserless(shop.app.test_client())
    admin.log_in("admin", PASSWORD)
    assert shop.pay_url(admin, key).startswith(shop.simulator.url)


def test_a_form_may_lead_to_the_payment_page_and_nowhere_else(shop):
    policy = shop.visitor().client.get("/register").headers["Content-Security-Policy"]
    assert f"form-action 'self' {shop.simulator.url}" in policy and "script-src" not in policy
    assert (
        "form-action 'self';" in shop.visitor().client.get("/login").headers["Content-Security-Policy"] + ";"
    )


def test_the_embedded_page_says_what_stripes_script_needs(shop):
    settings(shop.app, embedded_checkout=True)
    key, member = shop.offer(), shop.member()
    answer = shop.press(member, key)
    (session,) = shop.sessions()
    assert answer.headers["Location"] == f"/checkout/pay?umm_stripe_sid={session['id']}"
    page = member.client.get(answer.headers["Location"])
    secret = shop.simulator.call("GET", f"/checkout/sessions/{session['id']}")["client_secret"]
    assert secret in page.text and f"{shop.simulator.url}/v3/stripe.js" in page.text
    policy = page.headers["Content-Security-Policy"]
    assert f"script-src 'self' {shop.simulator.url}" in policy and "unsafe" not in policy
    for elsewhere in ("/account/billing/", f"/subscribe/{key}", "/checkout/canceled"):
        other = member.client.get(elsewhere)
        assert other.status_code == 200 and "stripe.js" not in other.text
        policy = other.headers["Content-Security-Policy"]
        assert "default-src 'self';" in policy and "script-src" not in policy
    assert "No order here" in shop.member("kim").get(answer.headers["Location"], status=404).text


def test_the_customer_at_stripe_has_the_billing_email_that_was_given(shop):
    settings(shop.app, billing_email_field=True)
    key, visitor = shop.offer(), shop.visitor()
    visitor.submit("/register", **TYPED, billing_email="books@example.org", plan="")
    shop.pay_url(visitor, key)
    (session,) = shop.sessions()
    customer = shop.simulator.call("GET", f"/customers/{session['customer']}")
    assert customer["email"] == "books@example.org"


def test_the_plans_stand_on_the_billing_page_until_one_is_paid(shop):
    key, member = shop.offer(), shop.member()
    assert f"/subscribe/{key}" in member.get("/account/billing/").html
    shop.buy(member, key)
    shop.deliver()
    assert f"/subscribe/{key}" not in member.get("/account/billing/").html


UNPAID = "You have ordered {} $9.99 / month . It begins as soon as it is paid."


@pytest.mark.parametrize("page", ["/account/", "/account/billing/"])
@pytest.mark.parametrize("terms", [{}, {"visibility": "password", "password": "sesame"}])
def test_an_order_that_was_not_paid_is_gone_on_with_from_the_account(shop, page, terms):
    key, other, visitor = shop.offer("Gold", **terms), shop.offer("Silver"), shop.visitor()
    if terms:
        visitor.submit(f"/subscribe/{key}", "plan_password", plan_password="sesame")
    form = visitor.get(f"/register?plan={key}").form("username")
    visitor.client.post(f"/register?plan={key}", data={**form["fields"], **TYPED})
    found = visitor.get(page)
    assert UNPAID.format("Gold") in found.text and f'href="/subscribe/{key}"' in found.html
    if page == "/account/billing/":
        assert "Or choose another membership" in found.text
        assert (
            found.html.count(f'href="/subscribe/{key}"')
            == found.html.count(f'href="/subscribe/{other}"')
            == 1
        )
    visitor.get(shop.buy(visitor, key))
    assert "ordered" not in visitor.get(page).text


def test_an_order_is_spoken_of_only_while_it_can_be_paid(shop):
    key, later, member = shop.offer("Gold"), shop.offer("Silver"), shop.member()
    assert "ordered" not in member.get("/account/billing/").text
    shop.press(member, key)
    shop.press(member, later)
    assert UNPAID.format("Silver") in member.get("/account/billing/").text, "the last one counts"
    change(shop, "UPDATE plan SET status = 'closed'")
    assert "ordered" not in member.get("/account/billing/").text
    change(shop, "UPDATE plan SET status = 'published'")
    member.get(shop.buy(member, later))
    change(shop, "UPDATE subscription SET status = 'canceled', ended_at = 1700000000 WHERE mode = 'test'")
    assert "ordered" not in member.get("/account/billing/").text, "what has ended was paid"
    change(shop, "UPDATE subscription SET status = 'incomplete_expired' WHERE mode = 'test'")
    assert UNPAID.format("Silver") in member.get("/account/billing/").text, "what never began was not"
