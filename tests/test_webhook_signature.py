"""Rule 6: no signing secret, no webhook. Each way of being wrong has its answer and is counted."""

from __future__ import annotations

import json
import time

import pytest

from tests.databases import environ_for
from tests.selling import changes, open_shop, rows, snapshot
from tests.stripe_events import SECRETS, body_of, signature, subscription_event

ADDRESS = "/webhooks/stripe/test"


@pytest.fixture
def shop(app):
    open_shop(app)
    return app


def post(app, body, header, address=ADDRESS):
    headers = {"Stripe-Signature": header} if header is not None else {}
    return app.test_client().post(address, data=body, headers=headers)


def refused(app, body, header, address=ADDRESS):
    """Post what must be refused. Gives the reason that was counted."""
    before = snapshot(app)
    answer = post(app, body, header, address)
    assert answer.status_code == 400 and answer.json["error"]
    assert changes(before, snapshot(app)) == {"refusal": 1}
    return rows(app, "SELECT reason FROM refusal ORDER BY last_at DESC")[0][0]


def good():
    return body_of(subscription_event())


def test_without_a_signature_a_delivery_is_refused(shop):
    assert refused(shop, good(), None) == "no_signature"


def test_with_another_secret_a_delivery_is_refused(shop):
    body = good()
    assert refused(shop, body, signature(body, "whsec_wrong")) == "wrong_secret"


def test_with_the_other_mode_s_secret_a_delivery_is_refused(shop):
    body = good()
    assert refused(shop, body, signature(body, SECRETS["live"])) == "wrong_secret"


@pytest.mark.parametrize("seconds", [-301, -86_400])
def test_an_old_signature_is_refused(shop, seconds):
    body = good()
    header = signature(body, SECRETS["test"], at=int(time.time()) + seconds)
    assert refused(shop, body, header) == "too_old"


def test_a_changed_body_is_refused(shop):
    body = good()
    changed = body.replace(b"active", b"paused")
    assert changed != body
    assert refused(shop, changed, signature(body, SECRETS["test"])) == "wrong_secret"


def test_an_event_of_the_other_mode_is_refused_though_it_is_signed(shop):
    body = body_of(subscription_event(livemode=True))
    assert refused(shop, body, signature(body, SECRETS["test"])) == "other_mode"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_after_a_secret_was_rolled_either_of_two_signatures_will_do(shop, order):
    body, both = good(), ("whsec_rolled", SECRETS["test"])
    answer = post(shop, body, signature(body, *(both[place] for place in order)))
    assert (answer.status_code, answer.json) == (200, {"result": "processed"})


@pytest.mark.one_database
@pytest.mark.parametrize(
    "header",
    ["", "t=", "t=x,v1=y", "v1=abc", "t=1", "garbage", "t=99999999999999999999,v1=ff", "é=1", ",,,="],
)
def test_a_header_that_is_none_is_refused(shop, header):
    assert refused(shop, good(), header.encode().decode("latin-1")) in (
        "no_signature",
        "wrong_secret",
        "too_old",
        "unreadable",
    )


@pytest.mark.one_database
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"not json",
        b"\xff\xfe",
        b'{"livemode": false, "data": {"object": {}}}',
        b'{"id": 1, "type": [], "created": "x", "livemode": false, "data": {"object": {"id": "x"}}}',
        b'{"id": "evt_1", "type": "x", "created": 1.5, "livemode": false, "data": {"object": {"id": "x"}}}',
        b'{"id": "evt_1", "type": "x", "created": true, "livemode": false, "data": {"object": {"id": "x"}}}',
        b'{"id": "evt_1", "type": "x", "created": 9e99, "livemode": false, "data": {"object": {"id": "x"}}}',
        b'{"id": "evt_1", "type": "x", "created": 1, "livemode": false, "data": {"object": "x"}}',
        b'{"id": "evt_1", "type": "x", "created": 1, "livemode": false, "data": {"object": ["x"]}}',
        b'{"id": "evt_\\u0000", "type": "x", "created": 1, "livemode": false, "data": {"object": {"id": "x"}}}',
        b"[" * 100_000,
    ],
)
def test_a_signed_body_that_is_no_event_is_refused(shop, body):
    assert refused(shop, body, signature(body, SECRETS["test"])) == "unreadable"


def test_a_body_that_is_too_large_gets_an_answer(shop):
    body = b"x" * (3 * 1024 * 1024)
    assert post(shop, body, signature(body, SECRETS["test"])).status_code == 413


def test_refusals_are_counted_by_reason(shop):
    for _ in range(3):
        refused(shop, good(), None)
    assert rows(shop, "SELECT mode, reason, count FROM refusal") == [("test", "no_signature", 3)]


def test_without_a_stored_secret_every_delivery_is_refused(app):
    body = good()
    for header in (signature(body, ""), signature(body, "None"), signature(body, SECRETS["test"])):
        assert refused(app, body, header) == "no_secret"


def test_the_secret_of_the_environment_is_taken_for_the_stripe_cli(database_url, tmp_path):
    from umstripe import create_app

    environ = environ_for(database_url, tmp_path, UMSTRIPE_WEBHOOK_SECRET_TEST="whsec_of_the_cli")
    body = good()
    answer = post(create_app(environ), body, signature(body, "whsec_of_the_cli"))
    assert answer.status_code == 200


def test_an_unknown_mode_has_no_address(shop):
    body = good()
    assert post(shop, body, signature(body, SECRETS["test"]), "/webhooks/stripe/sandbox").status_code == 404


def test_the_answer_to_a_refusal_holds_no_secret(shop):
    body = good()
    answer = post(shop, body, signature(body, "whsec_wrong"))
    assert "whsec" not in json.dumps(answer.json)
