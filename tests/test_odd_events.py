"""Signed bodies that are odd: none is answered 5xx twice, and nothing that they leave breaks a page."""

from __future__ import annotations

import json
import time

import pytest

from tests.databases import Postgres
from tests.members import member
from tests.odd_events import (
    FOR_DATABASES,
    ODD,
    StubStripe,
    Traced,
    Values,
    completed,
    numbered,
    odd_ones,
    paid_through_link,
    whole,
)
from tests.sampling import THOROUGH, sample
from tests.selling import open_shop, rows
from tests.stripe_events import deliver, subscription_event
from umstripe.stripe_api.shapes import check_event, check_fetched
from umstripe.webhooks import HANDLERS

ENVELOPE = [("id",), ("type",), ("created",), ("livemode",), ("data",), ("data", "object"), ("account",)]
WITHOUT_A_RULE = {"default_payment_method", "default_source", "object", "customer"}
"""Fields that may be anything: it is asked whether they are there, or they are taken only if they are an id."""
PAGES = [
    "/admin/",
    "/admin/deliveries/",
    "/admin/deliveries/?result=unusable&search=x",
    "/admin/users/",
    "/admin/plans/",
    "/admin/health/",
    "/admin/mails/",
    "/admin/activity/",
    "/admin/approvals/",
    "/admin/settings/stripe",
]


@pytest.fixture
def stripe():
    stub = StubStripe()
    yield stub
    stub.stop()


@pytest.fixture
def environ(environ, stripe):
    return {**environ, "UMSTRIPE_STRIPE_API_BASE": stripe.url}


@pytest.fixture
def shop(app, admin, stripe):
    """A shop whose member has a subscription and a purchase, and that is connected to the stub."""
    from umstripe.database import writing
    from umstripe.models import Connection

    open_shop(app)
    with app.app_context(), writing():
        Connection.of("test").keep_keys("pk_test_of_the_tests", "sk_test_of_the_tests")
    made = subscription_event("active", 1_600_000_000)
    stripe.objects["sub_jane"] = made["data"]["object"]
    assert deliver(app.test_client(), made).json == {"result": "processed"}
    assert deliver(app.test_client(), whole("charge.succeeded", 1_600_000_000)).json == {
        "result": "processed"
    }
    return app


def read_fields(app, type_: str) -> tuple[set, set]:
    """Which fields of an event of a type have a rule, and which are read when it is applied."""
    from umstripe import webhooks

    made, ruled, read = whole(type_, int(time.time())), set(), set()
    check_event(Traced(made, ruled))
    with app.app_context():
        webhooks.receive("test", Traced(made, read), json.dumps(made))
    return ruled, read


@pytest.mark.parametrize("type_", sorted(HANDLERS))
def test_every_field_that_is_read_has_a_rule(shop, type_):
    ruled, read = read_fields(shop, type_)
    assert len(ruled) > 3
    assert {path for path in read - ruled if len(path) > 2 and path[-1] not in WITHOUT_A_RULE} == set()


@pytest.mark.parametrize("type_", sorted(HANDLERS))
def test_no_odd_event_fails_twice_or_breaks_a_page(shop, admin, database, type_):
    ruled, read = read_fields(shop, type_)
    client, refused = shop.test_client(), []
    made = whole(type_, int(time.time()))
    paths = [*ENVELOPE, *sorted(path for path in ruled | read if len(path) > 2)]
    for number, (what, one) in enumerate(odd_ones(made, paths, values_for(database, type_))):
        one |= {"id": f"evt_{number}"} if not what.startswith("id:") else {}
        first = deliver(client, one).status_code
        if first >= 500 and deliver(client, one).status_code >= 500:
            refused.append(what)
    assert refused == []
    assert_no_page_is_broken(shop, admin)


@pytest.mark.parametrize("mode", ["payment", "subscription"])
def test_no_odd_session_of_a_payment_link_fails_twice_or_breaks_a_page(shop, admin, stripe, database, mode):
    session, fields, client, refused = (
        paid_through_link(mode, int(time.time())),
        set(),
        shop.test_client(),
        [],
    )
    check_fetched("checkout.session", Traced(session, fields))
    values = values_for(database, "checkout.session.completed")
    sessions = [("as it is", session), *odd_ones(session, sorted(fields, key=str), values)]
    for number, (what, odd) in enumerate(sessions):
        stripe.objects[f"cs_odd{number}"] = numbered(odd, number)
        event = completed(numbered(session, number))
        answers = [deliver(client, event) for _ in range(2)]
        if all(answer.status_code >= 500 for answer in answers):
            refused.append(what)
        assert number or answers[0].json == {"result": "processed"}
    assert refused == []
    assert_no_page_is_broken(shop, admin)


def values_for(database, type_: str) -> Values:
    """A sixth of the odd values for each field, other ones for its neighbour and for the same field of the next type, so
    that each type meets every value. On Postgres a fifth of those that databases treat differently."""
    begin = sorted(HANDLERS).index(type_)
    if isinstance(database, Postgres) and not THOROUGH:
        return lambda number: sample(FOR_DATABASES, begin + number, 5)
    return lambda number: sample(ODD, begin + number, 6)


def assert_no_page_is_broken(app, admin) -> None:
    for page in [*PAGES, *_pages_of_rows(app)]:
        admin.get(page)
    jane = member(app)
    for page in ("/account/", "/account/billing/", *_pages_of_plans(app)):
        assert jane.client.get(page).status_code < 500, page


def _pages_of_rows(app) -> list[str]:
    deliveries = rows(app, "SELECT id FROM delivery ORDER BY id")[::17]
    found = {"users": rows(app, 'SELECT id FROM "user"'), "plans": rows(app, "SELECT id FROM plan")}
    found["deliveries"] = deliveries
    return [f"/admin/{area}/{id_}" for area, ids in found.items() for (id_,) in ids]


def _pages_of_plans(app) -> list[str]:
    keys = [key for (key,) in rows(app, "SELECT key FROM plan")]
    return [f"/subscribe/{key}" for key in keys] + [f"/switch-plan/{key}" for key in keys]
