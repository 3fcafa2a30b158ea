"""Time that passes: test clocks, renewals, retries, trials, and the simulator's own clock."""

from __future__ import annotations

import datetime

import pytest

from stripe_simulator.tests.events import sent

DAY = 86_400
START = int(datetime.datetime(2027, 1, 31, 12, tzinfo=datetime.UTC).timestamp())
GOOD, BAD = "pm_card_visa", "pm_card_chargeCustomerFail"


class Life:
    """A customer on a test clock with a subscription, and what became of them until now."""

    def __init__(self, stripe, plan, card=GOOD, **params):
        self.stripe, self.plan = stripe, plan
        self.clock = stripe.post("/v1/test_helpers/test_clocks", {"frozen_time": START, "name": "A life"})
        customer_params = {"email": "ann@example.com", "test_clock": self.clock["id"]}
        if card:
            customer_params |= {"payment_method": card, "invoice_settings": {"default_payment_method": card}}
        self.customer = stripe.post("/v1/customers", customer_params)
        items = [{"price": plan["id"]}]
        about = {"customer": self.customer["id"], "items": items} | params
        self.id = stripe.post("/v1/subscriptions", about)["id"]

    def card(self, token):
        url = f"/v1/customers/{self.customer['id']}"
        settings = {"invoice_settings": {"default_payment_method": token}}
        self.stripe.post(url, settings)

    def go(self, to):
        """Advance to a time, or by a timedelta. Gives one line: day, status, invoice, tries."""
        present = self.stripe.get(f"/v1/test_helpers/test_clocks/{self.clock['id']}")["frozen_time"]
        at = present + int(to.total_seconds()) if isinstance(to, datetime.timedelta) else to
        url = f"/v1/test_helpers/test_clocks/{self.clock['id']}/advance"
        assert self.stripe.post(url, {"frozen_time": at})["status"] == "advancing"
        ready = self.stripe.get(f"/v1/test_helpers/test_clocks/{self.clock['id']}")
        assert (ready["status"], ready["frozen_time"]) == ("ready", at)
        return self.line(at)

    def now(self):
        return self.stripe.get(f"/v1/subscriptions/{self.id}")

    def line(self, at):
        subscription = self.now()
        invoice = self.stripe.get(f"/v1/invoices/{subscription['latest_invoice']}")
        day = datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%m-%d")
        return day, subscription["status"], invoice["status"], invoice["attempt_count"]


@pytest.fixture
def live(stripe, plan):
    return lambda **params: Life(stripe, plan, **params)


def days(count):
    return datetime.timedelta(days=count)


def day_of(at):
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%d")


def test_a_year_on_a_test_clock(stripe, live, contract):
    """A monthly subscription of the 31st, a card that fails in May and is replaced, an end in the new year."""
    ann = live()
    lines = [ann.line(START)]
    lines += [ann.go(days(29)), ann.go(days(31))]
    ann.card(BAD)
    lines += [ann.go(days(30)), ann.go(days(4))]
    ann.card(GOOD)
    lines += [ann.go(days(5))]
    for _ in range(7):
        lines.append(ann.go(days(31)))
    stripe.post(f"/v1/subscriptions/{ann.id}", {"cancel_at_period_end": True})
    lines += [ann.go(days(31)), ann.go(days(31))]
    assert lines == [
        # day, status, its latest invoice, tries
        ("01-31", "active", "paid", 1),
        ("03-01", "active", "paid", 1),
        ("04-01", "active", "paid", 1),
        ("05-01", "past_due", "open", 1),
        ("05-05", "past_due", "open", 2),
        ("05-10", "active", "paid", 3),
        ("06-10", "active", "paid", 1),
        ("07-11", "active", "paid", 1),
        ("08-11", "active", "paid", 1),
        ("09-11", "active", "paid", 1),
        ("10-12", "active", "paid", 1),
        ("11-12", "active", "paid", 1),
        ("12-13", "active", "paid", 1),
        ("01-13", "canceled", "paid", 1),
        ("02-13", "canceled", "paid", 1),
    ]
    sent(stripe, contract)


def test_the_periods_keep_to_the_day_that_the_subscription_began(stripe, live):
    ann = live()
    ends = []
    for _ in range(4):
        ann.go(days(31))
        ends.append(day_of(ann.now()["items"]["data"][0]["current_period_end"]))
    assert ends == ["2027-03-31", "2027-04-30", "2027-05-31", "2027-06-30"]


def test_a_payment_that_fails_to_the_end_cancels_the_subscription(stripe, live, contract):
    ann = live()
    ann.card(BAD)
    lines = [ann.go(days(27)), ann.go(days(1)), ann.go(datetime.timedelta(hours=2))]
    lines += [ann.go(days(3)), ann.go(days(5)), ann.go(days(7))]
    assert lines == [
        ("02-27", "active", "paid", 1),
        ("02-28", "active", "draft", 0),
        ("02-28", "past_due", "open", 1),
        ("03-03", "past_due", "open", 2),
        ("03-08", "past_due", "open", 3),
        ("03-15", "canceled", "open", 4),
    ]
    ended = ann.now()
    assert ended["cancellation_details"]["reason"] == "payment_failed"
    assert stripe.get(f"/v1/invoices/{ended['latest_invoice']}")["next_payment_attempt"] is None
    types = [event["type"] for event in sent(stripe, contract)]
    assert types.count("invoice.payment_failed") == 4
    assert types.index("invoice.upcoming") < types.index("invoice.payment_failed")


@pytest.mark.parametrize("end", ["unpaid", "past_due"])
def test_what_becomes_of_it_is_a_setting(do, live, end):
    do("/dunning", retries=[2], end=end)
    ann = live()
    ann.card(BAD)
    assert ann.go(days(31))[1:] == (end, "open", 2)


@pytest.mark.parametrize(
    ("wanted", "status"), [("cancel", "canceled"), ("pause", "paused"), ("create_invoice", "past_due")]
)
def test_a_trial_without_a_card_ends_as_was_said(stripe, live, contract, wanted, status):
    settings = {"end_behavior": {"missing_payment_method": wanted}}
    ann = live(card=None, trial_period_days=14, trial_settings=settings)
    assert ann.go(days(10))[1] == "trialing"
    assert "customer.subscription.trial_will_end" not in {each["type"] for each in sent(stripe, contract)}
    ann.go(days(2))
    assert sent(stripe, contract)[-2]["type"] == "customer.subscription.trial_will_end"
    assert ann.go(days(3))[1] == status
    sent(stripe, contract)


def test_a_trial_with_a_card_ends_in_a_paid_period(live):
    ann = live(trial_period_days=14)
    assert ann.go(days(15)) == ("02-15", "active", "paid", 1)
    assert day_of(ann.now()["items"]["data"][0]["current_period_start"]) == "2027-02-14"


def test_a_first_payment_that_does_not_come_ends_it(live):
    ann = live(card=BAD, payment_behavior="allow_incomplete")
    assert ann.now()["status"] == "incomplete"
    assert ann.go(datetime.timedelta(hours=22))[1:] == ("incomplete", "open", 1)
    assert ann.go(datetime.timedelta(hours=2))[1:] == ("incomplete_expired", "void", 1)


def test_an_invoice_to_be_paid_by_hand_becomes_overdue(stripe, live, contract):
    ann = live(collection_method="send_invoice", days_until_due=7)
    assert ann.line(START)[1:] == ("active", "open", 0)
    assert ann.go(days(8))[1:] == ("past_due", "open", 0)
    stripe.post(f"/v1/invoices/{ann.now()['latest_invoice']}/pay", {"paid_out_of_band": True})
    assert ann.now()["status"] == "active"
    assert ann.go(days(24))[1:] == ("active", "open", 0)
    types = [event["type"] for event in sent(stripe, contract)]
    assert {"invoice.sent", "invoice.overdue"} <= set(types)


def test_what_is_on_a_clock_is_of_its_time_and_events_are_of_real_time(stripe, do, live, contract):
    ann = live()
    ann.go(days(40))
    subscription = ann.now()
    invoice = stripe.get(f"/v1/invoices/{subscription['latest_invoice']}")
    assert (subscription["created"], ann.customer["created"]) == (START, START)
    assert day_of(invoice["created"]) == "2027-02-28"
    assert subscription["test_clock"] == invoice["test_clock"] == ann.clock["id"]
    real = ann.clock["created"]
    assert all(real <= event["created"] < real + 60 for event in sent(stripe, contract))
    do("/test_clocks/events", dated="frozen")
    stripe.post(f"/v1/subscriptions/{ann.id}", {"metadata": {"a": "b"}})
    assert sent(stripe, contract)[-1]["created"] == START + 40 * DAY


def test_a_clock_has_its_limits_and_takes_its_customers_along(stripe, live, contract):
    ann = live()
    url = f"/v1/test_helpers/test_clocks/{ann.clock['id']}"
    assert stripe.error("POST", url + "/advance", {"frozen_time": START})[0] == 400
    assert stripe.error("POST", url + "/advance", {"frozen_time": START + 90 * DAY})[0] == 400
    for _ in range(2):
        stripe.post("/v1/customers", {"test_clock": ann.clock["id"]})
    assert stripe.error("POST", "/v1/customers", {"test_clock": ann.clock["id"]})[0] == 400
    assert len(stripe.get("/v1/customers", {"test_clock": ann.clock["id"]})["data"]) == 3
    assert [each["id"] for each in stripe.get("/v1/test_helpers/test_clocks")["data"]] == [ann.clock["id"]]
    assert stripe.delete(url)["deleted"] is True
    assert stripe.get(f"/v1/customers/{ann.customer['id']}")["deleted"] is True
    assert stripe.error("GET", url)[0] == 404
    assert sent(stripe, contract)[-1]["type"] == "test_helpers.test_clock.deleted"


def test_the_simulators_own_clock_bills_when_it_is_told_to(stripe, do, live, plan, customer, contract):
    ann = live()
    subscription = do(f"/customers/{customer['id']}/subscribe", price=plan["id"])
    charge = do(f"/customers/{customer['id']}/pay", amount=499, status="uncaptured")
    assert charge["payment_method_details"]["card"]["capture_before"] == charge["created"] + 7 * DAY
    assert do("/clock", ahead=60)["happened"] == 0
    done = do("/clock", months=1, days=1, bill=True)
    assert done["happened"] >= 3
    after = stripe.get(f"/v1/subscriptions/{subscription['id']}")
    assert (
        after["items"]["data"][0]["current_period_start"]
        == subscription["items"]["data"][0]["current_period_end"]
    )
    assert stripe.get(f"/v1/invoices/{after['latest_invoice']}")["status"] == "paid"
    assert stripe.get(f"/v1/payment_intents/{charge['payment_intent']}")["status"] == "canceled"
    assert stripe.get(f"/v1/charges/{charge['id']}")["refunded"] is True
    assert ann.now()["items"]["data"][0]["current_period_start"] == START
    events = sent(stripe, contract)
    assert [each["created"] for each in events] == sorted(each["created"] for each in events)


def test_who_pays_at_checkout_lives_in_the_time_of_the_clock(stripe, do, live, plan, contract):
    """The session itself is of real time."""
    ann = live()
    params = {"mode": "subscription", "success_url": "https://members.example.org/"}
    params |= {"line_items": [{"price": plan["id"], "quantity": 1}], "customer": ann.customer["id"]}
    paid, left = (stripe.post("/v1/checkout/sessions", params) for _ in range(2))
    assert left["expires_at"] - ann.clock["created"] < DAY + 60
    done = do(f"/sessions/{paid['id']}/pay")
    assert stripe.get(f"/v1/subscriptions/{done['subscription']}")["created"] == START
    ann.go(days(40))
    assert stripe.get(f"/v1/checkout/sessions/{left['id']}")["status"] == "open"
    do("/clock", days=2, bill=True)
    assert stripe.get(f"/v1/checkout/sessions/{left['id']}")["status"] == "expired"
    types = [event["type"] for event in sent(stripe, contract)]
    assert types.count("checkout.session.expired") == 1
