"""The deliveries screen: everything that came, what became of it, and another try."""

from __future__ import annotations

import json
import time

import pytest

from tests.at_stripe import AtStripe
from tests.people import Browserless, make_administrator, make_user
from tests.selling import open_shop, rows
from tests.stripe_events import deliver, event, subscription_event

LIST = "/admin/deliveries/"
AT = 1_700_000_000


@pytest.fixture
def shop(app):
    open_shop(app)
    return app


@pytest.fixture
def person(shop, admin):
    return admin


def come(app, *made):
    for one in made:
        assert deliver(app.test_client(), one).status_code == 200


def id_of(app, made):
    return rows(app, "SELECT id FROM delivery WHERE stripe_event_id = :id", id=made["id"])[0][0]


def test_the_list_says_what_came_and_what_became_of_it(shop, person):
    come(shop, subscription_event("active", AT + 100), subscription_event("trialing", AT))
    come(
        shop,
        event("customer.updated", AT, id="cus_stranger"),
        event("charge.refunded", AT, customer="cus_jane"),
    )
    text = person.get(LIST).text
    for said in (
        "customer.subscription.updated",
        "sub_jane",
        "jane",
        "Processed",
        "Stale",
        "Foreign",
        "Nov 14, 2023",
    ):
        assert said in text


def test_filters_and_search_narrow_the_list(shop, person):
    make_user(shop, "john")
    come(
        shop,
        subscription_event("active", AT),
        subscription_event("active", AT, customer="cus_john", id_="sub_john"),
    )
    come(shop, event("customer.updated", AT, id="cus_stranger"))
    found = {
        "?result=foreign": {"cus_stranger"},
        "?type=customer.subscription.updated": {"sub_jane", "sub_john"},
        "?mode=live": set(),
        "?search=john@example": {"sub_john"},
        "?search=sub_jane": {"sub_jane"},
        "?search=cus_john": {"sub_john"},
        "?search=%25": set(),
        "?search=nobody&result=bogus&mode=x&page=99999999999999999999": set(),
    }
    for query, objects in found.items():
        text = person.get(LIST + query).text.split("Tries", 1)[1]
        assert {one for one in ("sub_jane", "sub_john", "cus_stranger") if one in text} == objects, query


def test_pages_of_fifty(shop, person):
    come(shop, *(event("customer.updated", AT, id=f"cus_{number}") for number in range(51)))
    assert "cus_50" in person.get(LIST).text and "cus_50" not in person.get(f"{LIST}?page=2").text
    assert "cus_0" in person.get(f"{LIST}?page=2").text


def test_one_delivery_with_its_body(shop, person):
    made = subscription_event("active", AT)
    come(shop, made)
    page = person.get(f"{LIST}{id_of(shop, made)}")
    assert (
        "jane" in page.text and '"object": "subscription"' in page.text and "Process again" not in page.text
    )
    assert json.loads(page.text[page.text.index("{") : page.text.rindex("}") + 1])["id"] == made["id"]
    assert "whsec_" not in page.html


def test_a_body_that_is_not_kept_any_more_is_said_to_be_so(shop, person):
    from sqlalchemy import text

    from umstripe.database import write

    made = event("customer.updated", AT, id="cus_stranger")
    come(shop, made)
    with shop.app_context(), write() as tx:
        tx.execute(text("UPDATE delivery SET body = ''"))
    address = f"{LIST}{id_of(shop, made)}"
    assert "It is not kept any more." in person.get(address).text
    assert "The body of this event is not kept any more." in person.press(address, f"{address}/process").text


def test_a_foreign_one_is_processed_again_once_its_customer_is_known(shop, person):
    made = subscription_event("active", AT, customer="cus_late", id_="sub_late")
    come(shop, made)
    address = f"{LIST}{id_of(shop, made)}"
    assert "It is not about one of your members." in person.press(address, f"{address}/process").text
    make_user(shop, "late")
    page = person.press(address, f"{address}/process")
    assert "It is applied now." in page.text and "Process again" not in page.text
    token = (
        page.form()["fields"]["csrf_token"]
        if page.forms[0]["action"] != "/logout"
        else page.forms[0]["fields"]["csrf_token"]
    )
    answer = person.client.post(f"{address}/process", data={"csrf_token": token}, follow_redirects=True)
    assert "It has been processed already." in answer.text
    assert rows(shop, "SELECT tries FROM delivery") == [(3,)]


@pytest.mark.parametrize("address", ["0", "999999", "99999999999999999999", "x"])
def test_what_does_not_exist_is_not_found(person, address):
    person.get(f"{LIST}{address}", status=404)


def test_failed_ones_are_told_and_tried_again(database_url, tmp_path):
    site = AtStripe(database_url, tmp_path)
    try:
        make_administrator(site.app)
        person = Browserless(site.app.test_client())
        person.log_in("admin")
        site.deliver(site.event("trialing", int(time.time())))
        site.simulator.do("/faults", kind="500", path="/v1/subscriptions", times=100)
        late = site.event("past_due", int(time.time()))
        assert site.deliver(late).status_code == 500
        text = person.get(LIST).text
        assert "1 delivery ( Sandbox ) failed" in text or "1 delivery (Sandbox) failed and waits" in text
        address = f"{LIST}{id_of(site.app, late)}"
        assert "Stripe has a problem" in person.press(address, f"{address}/process").text
        site.simulator.mend()
        assert "It is applied now." in person.press(address, f"{address}/process").text
        assert site.status() == "active"
    finally:
        site.stop()
