"""“I manage my membership”: the account's tabs, and what a member changes of a subscription, at a real simulator."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.members import member
from tests.people import PASSWORD, Browserless, Page, make_administrator, make_user
from tests.selling import rows, settings

BILLING = "/account/billing/"


def test_the_account_has_tabs_and_says_the_roles_with_the_reason(jane):
    page = jane.get("/account/")
    for tab in ("Account", "Change Password", "Billing"):
        assert tab in page.text
    assert "Active Member (Basic Plan: Active)" in page.text


def test_another_mail_address_wants_the_password_and_loses_nothing_that_was_typed(site, jane):
    page = jane.submit("/account/", name="Jane Doe", email="doe@example.org")
    assert "Enter your current password" in page.text
    assert page.form("email")["fields"]["email"] == ["doe@example.org"]
    page = jane.submit("/account/", name="Jane Doe", email="doe@example.org", password="wrong")
    assert "This is not your current password." in page.text
    page = jane.submit("/account/", name="Jane Doe", email="doe@example.org", password=PASSWORD)
    assert "Your account is updated." in page.text and "Jane Doe" in page.text
    line = rows(
        site.app, "SELECT trigger, description FROM activity WHERE action = 'security.account_changed'"
    )
    assert line == [("member", "jane: email jane@example.org → doe@example.org, name none → Jane Doe")]


def test_a_name_is_changed_without_the_password(jane):
    assert "Your account is updated." in jane.submit("/account/", name="Jane Doe").text


def test_nobody_takes_anothers_mail_address(site, jane):
    make_user(site.app, "bob")
    page = jane.submit("/account/", email="BOB@example.org", password=PASSWORD)
    assert "Another user has this mail address." in page.text


def test_billing_says_the_state_the_price_and_the_invoices(site, jane):
    invoice = site.simulator.call("GET", "/invoices", customer=site.customer)["data"][0]
    page = jane.get(BILLING)
    assert "Basic Plan" in page.text and "$9.99 / month" in page.text
    assert "Active. The next payment" in page.text
    assert f"{day(invoice['created'])} $9.99 Paid View" in page.text
    assert f'href="{invoice["hosted_invoice_url"]}"' in page.html


def act(site, jane, verb):
    """Press the button of a confirmation page."""
    return jane.submit(f"{BILLING}{site.subscription_id}/{verb}")


def day(seconds):
    from umstripe.formatting import date_words

    return date_words(seconds)


def test_cancel_and_undo_are_done_at_stripe_and_shown_at_once(site, jane):
    end = site.now()["items"]["data"][0]["current_period_end"]
    assert (
        f"You keep your membership until {day(end)}."
        in jane.get(f"{BILLING}{site.subscription_id}/cancel").text
    )
    page = act(site, jane, "cancel")
    assert "Your membership is canceled." in page.text
    assert f"Active. Ends on {day(end)}. Nothing more will be charged." in page.text
    assert site.now()["cancel_at_period_end"] is True and site.status() == "active"
    page = act(site, jane, "undo")
    assert "Your membership goes on." in page.text and f"is on {day(end)}." in page.text
    assert site.now()["cancel_at_period_end"] is False
    assert site.lines() == ["Cancels at the end of the period", "Takes the cancellation back"]


def test_the_delivery_that_follows_finds_it_done(site, jane):
    act(site, jane, "cancel")
    before = jane.get(BILLING).text
    site.catch_up()
    assert jane.get(BILLING).text == before


def test_undo_also_takes_back_an_end_at_a_date_of_its_own(site, jane):
    at = site.now()["items"]["data"][0]["current_period_end"] - 86400
    site.simulator.call("POST", f"/subscriptions/{site.subscription}", cancel_at=at)
    site.catch_up()
    assert f"Ends on {day(at)}" in jane.get(BILLING).text
    act(site, jane, "undo")
    assert site.now()["cancel_at"] is None


def end_on(site, at):
    """What an administrator chooses in Stripe's dashboard: cancel on a date."""
    site.simulator.call("POST", f"/subscriptions/{site.subscription}", cancel_at=at)
    site.catch_up()


def test_an_end_in_five_months_does_not_hide_the_payments_before_it(site, jane):
    end = site.now()["items"]["data"][0]["current_period_end"]
    later = end + 150 * 86400
    end_on(site, later)
    page = jane.get(BILLING)
    assert (
        f"Active. The next payment of $9.99 is on {day(end)}. Your membership ends on {day(later)}."
        in page.text
    )
    page = jane.get(f"{BILLING}{site.subscription_id}/undo")
    assert f"does not end on {day(later)}. It goes on, and the next payment is on {day(end)}." in page.text
    page = act(site, jane, "cancel")
    assert f"Active. Ends on {day(end)}. Nothing more will be charged." in page.text


def test_undoing_an_end_within_the_period_says_when_the_next_payment_is(site, jane):
    end = site.now()["items"]["data"][0]["current_period_end"]
    end_on(site, end - 5 * 86400)
    assert "Nothing more will be charged." in jane.get(BILLING).text
    page = jane.get(f"{BILLING}{site.subscription_id}/undo")
    assert f"the next payment is on {day(end)}." in page.text


def test_a_trial_with_an_end_long_after_it_is_charged(site, jane):
    site.subscription = site.subscribe(site.customer, status="trialing")
    trial_end = site.now()["trial_end"]
    end_on(site, trial_end + 40 * 86400)
    page = jane.get(BILLING)
    assert (
        f"Trial until {day(trial_end)}. The first payment of $9.99 is due then. Your membership ends on"
        in page.text
    )
    end_on(site, trial_end)
    assert "and nothing will be charged." in jane.get(BILLING).text


def test_a_second_press_and_a_second_tab_hear_that_it_is_done(site, jane):
    address = f"{BILLING}{site.subscription_id}/cancel"
    form = jane.get(address).form()["fields"]
    jane.client.post(address, data=form)
    answer = jane.client.post(address, data=form, follow_redirects=True)
    assert "Your membership ends already on" in Page(answer.text).text
    assert site.lines() == ["Cancels at the end of the period"]


def test_two_presses_at_the_same_moment_change_it_once(site, jane):
    other, address = Browserless(site.app.test_client()), f"{BILLING}{site.subscription_id}/cancel"
    other.log_in("jane")
    sent = [(one, one.get(address).form()["fields"]) for one in (jane, other)]
    with ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(lambda one: one[0].client.post(address, data=one[1]).status_code, sent))
    assert codes == [303, 303]
    assert site.now()["cancel_at_period_end"] is True
    changed = [one for one in site.events() if one["type"] == "customer.subscription.updated"]
    assert len(changed) == 1


def test_pause_and_resume(site, jane):
    page = jane.get(BILLING)
    assert "Pause membership" not in page.text
    assert "Memberships cannot be paused here." in jane.get(f"{BILLING}{site.subscription_id}/pause").text
    settings(site.app, pause_allowed=True)
    assert "Paused. Nothing is charged until you resume your membership." in act(site, jane, "pause").text
    assert site.now()["pause_collection"]["behavior"] == "void" and site.status() == "paused"
    assert "Your membership is paused already." in jane.get(f"{BILLING}{site.subscription_id}/pause").text
    assert "Active. The next payment" in act(site, jane, "resume").text
    assert site.now()["pause_collection"] is None and site.status() == "active"


def test_a_subscription_that_is_paused_itself_is_resumed_by_its_own_verb(site, jane):
    site.subscription = site.subscribe(site.customer, status="trialing")
    site.simulator.do(f"/subscriptions/{site.subscription}/trial_pause")
    site.catch_up()
    assert site.status() == "paused"
    act(site, jane, "resume")
    assert site.now()["status"] == "active" and site.status() == "active"


def paused_without(site, card):
    """Jane's only subscription is paused after its trial; her customer has this card, or none."""
    site.simulator.call("DELETE", f"/subscriptions/{site.subscription}")
    site.customer = site.simulator.call("POST", "/customers", email="jane@example.org")["id"]
    site.link("jane", site.customer)
    if card:
        site.simulator.do(f"/customers/{site.customer}/card", card=card)
    wanted = {"customer": site.customer, "items[0][price]": site.price, "trial_period_days": 7}
    site.subscription = site.simulator.call("POST", "/subscriptions", **wanted)["id"]
    site.simulator.do(f"/subscriptions/{site.subscription}/trial_pause")
    site.catch_up()
    assert site.status() == "paused"


def test_who_has_no_card_hears_so_and_resumes_when_there_is_one(site, jane):
    paused_without(site, card=None)
    page = act(site, jane, "resume")
    assert "there is no way of paying yet" in page.text and "Customer Portal" in page.text
    assert site.now()["status"] == "paused" and site.status() == "paused"
    site.simulator.do(f"/customers/{site.customer}/card", card="pm_card_visa")
    site.simulator.do("/clock", ahead=60)
    assert "Your membership goes on." in act(site, jane, "resume").text
    assert site.now()["status"] == "active" and site.status() == "active"


def test_a_resumption_whose_payment_fails_leads_to_the_invoice(site, jane):
    paused_without(site, card="pm_card_chargeCustomerFail")
    page = act(site, jane, "resume")
    assert "your membership is still paused" in page.text and site.status() == "paused"
    invoice = site.simulator.call("GET", f"/invoices/{site.now()['latest_invoice']}")
    assert invoice["status"] == "open" and f'href="{invoice["hosted_invoice_url"]}"' in page.html


def test_canceling_can_be_forbidden(site, jane):
    settings(site.app, cancel_allowed=False)
    assert "Cancel membership" not in jane.get(BILLING).text
    page = jane.client.post(
        f"{BILLING}{site.subscription_id}/cancel",
        data=jane.get("/account/").form("name")["fields"],
        follow_redirects=True,
    )
    assert "Memberships cannot be canceled here." in Page(page.text).text
    assert site.now()["cancel_at_period_end"] is False


def test_nobody_touches_anothers_subscription(site, jane):
    make_user(site.app, "bob")
    bob = member(site.app, "bob")
    for verb in ("cancel", "undo", "pause", "resume"):
        bob.get(f"{BILLING}{site.subscription_id}/{verb}", status=404)
    token = bob.get("/account/").form("name")["fields"]
    for verb in ("cancel", "collection"):
        assert bob.client.post(f"{BILLING}{site.subscription_id}/{verb}", data=token).status_code == 404
    page = bob.get(BILLING)
    assert "You have no membership yet." in page.text and "Choose a membership" in page.text
    assert "Active." not in page.text
    assert site.now()["cancel_at_period_end"] is False


def test_the_collection_method_is_chosen_when_the_setting_is_on(site, jane):
    assert "Payment collection method" not in jane.get(BILLING).text
    settings(site.app, collection_method_choice=True)
    page = jane.submit(BILLING, collection_method="send_invoice")
    assert "Your payment collection method is changed." in page.text
    assert "The next invoice of $9.99 comes by e-mail" in page.text
    assert site.now()["collection_method"] == "send_invoice" and site.now()["days_until_due"] == 14
    page = jane.submit(BILLING, collection_method="send_invoice")
    assert "Your payments are collected in this way already." in page.text
    assert "Please choose one of the two" in jane.submit(BILLING, collection_method="gold").text
    jane.submit(BILLING, collection_method="charge_automatically")
    assert site.now()["collection_method"] == "charge_automatically"
    assert site.lines() == [
        "Payment collection method: Manual Payments",
        "Payment collection method: Automatic Charging",
    ]


def test_the_billing_email_is_kept_here_and_at_stripe(site, jane):
    page = jane.submit(BILLING, billing_email="nonsense")
    assert "This is not a mail address." in page.text
    assert page.form("billing_email")["fields"]["billing_email"] == ["nonsense"]
    jane.submit(BILLING, billing_email="office@example.org")
    assert site.simulator.call("GET", f"/customers/{site.customer}")["email"] == "office@example.org"
    jane.submit("/account/", email="doe@example.org", password=PASSWORD)
    assert site.simulator.call("GET", f"/customers/{site.customer}")["email"] == "office@example.org"
    jane.submit(BILLING, billing_email="")
    assert site.simulator.call("GET", f"/customers/{site.customer}")["email"] == "doe@example.org"


def test_past_due_says_when_we_try_again_and_leads_to_the_invoice(site, jane):
    site.simulator.do(f"/subscriptions/{site.subscription}/fail")
    site.catch_up()
    invoice = site.simulator.call("GET", "/invoices", customer=site.customer)["data"][0]
    page = jane.get(BILLING)
    assert f"Your last payment failed. We try again on {day(invoice['next_payment_attempt'])}." in page.text
    assert f'href="{invoice["hosted_invoice_url"]}"' in page.html and "Pay now" in page.text


def test_the_invoices_of_both_customers_are_shown_and_a_failed_payment_of_the_second_can_be_paid(site, jane):
    first = site.customer
    site.buy_as_another_customer()
    site.simulator.do(f"/subscriptions/{site.subscription}/fail")
    site.catch_up()
    page = jane.get(BILLING)
    invoices = [
        invoice
        for customer in (first, site.customer)
        for invoice in site.simulator.call("GET", "/invoices", customer=customer)["data"]
    ]
    assert len(invoices) == 3
    assert all(f'href="{invoice["hosted_invoice_url"]}"' in page.html for invoice in invoices)
    failed = next(invoice for invoice in invoices if invoice["status"] == "open")
    assert f"Your last payment failed. We try again on {day(failed['next_payment_attempt'])}." in page.text
    assert "Pay now" in page.text


def test_the_billing_email_is_kept_though_the_customer_was_deleted_at_stripe(site, jane):
    site.simulator.call("DELETE", f"/customers/{site.customer}")
    page = jane.submit(BILLING, billing_email="office@example.org")
    assert "Your billing email is saved." in page.text and site.status() == "canceled"
    assert rows(site.app, "SELECT billing_email FROM \"user\" WHERE username = 'jane'") == [
        ("office@example.org",)
    ]


def test_the_billing_email_is_told_to_stripe_of_both_customers(site, jane):
    first = site.customer
    site.buy_as_another_customer()
    jane.submit(BILLING, billing_email="office@example.org")
    for customer in (first, site.customer):
        assert site.simulator.call("GET", f"/customers/{customer}")["email"] == "office@example.org"


def test_a_trial_says_until_when_and_what_is_due_then(site, jane):
    site.subscription = site.subscribe(site.customer, status="trialing")
    site.catch_up()
    assert (
        f"Trial until {day(site.now()['trial_end'])}. The first payment of $9.99 is due then."
        in jane.get(BILLING).text
    )


def test_when_stripe_does_not_answer_the_page_says_so_and_shows_the_rest(site, jane):
    site.simulator.stop()
    page = jane.get(BILLING)
    assert "cannot be reached at the moment" in page.text
    assert "Basic Plan" in page.text and "Active. The next payment is on" in page.text
    page = act(site, jane, "cancel")
    assert "cannot be reached at the moment" in page.text and "Active. The next payment" in page.text
    page = jane.submit(BILLING, billing_email="office@example.org")
    assert "cannot be reached" in page.text
    assert page.form("billing_email")["fields"]["billing_email"] == ["office@example.org"]
    assert site.lines() == []


def test_a_subscription_that_has_ended_at_stripe_meanwhile_is_shown_as_it_is(site, jane):
    site.simulator.call("DELETE", f"/subscriptions/{site.subscription}")
    page = act(site, jane, "cancel")
    assert "Your membership has changed meanwhile." in page.text and "Ended on" in page.text
    assert site.status() == "canceled"


def test_an_administrator_sees_the_invoices_on_demand(site):
    make_administrator(site.app)
    admin = Browserless(site.app.test_client())
    admin.log_in("admin")
    user_id = rows(site.app, "SELECT id FROM \"user\" WHERE username = 'jane'")[0][0]
    assert "Show recent invoices" in admin.get(f"/admin/users/{user_id}").text
    page = admin.get(f"/admin/users/{user_id}/invoices")
    assert site.customer in page.text and "$9.99" in page.text and "Paid" in page.text
    site.simulator.stop()
    assert "could not be reached" in admin.get(f"/admin/users/{user_id}/invoices").text
