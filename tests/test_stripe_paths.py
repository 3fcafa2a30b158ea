"""Ids in paths to Stripe: whatever is in them, they stay one part of the path."""

from __future__ import annotations

import http.server
import threading
from contextlib import suppress
from urllib.parse import quote

import pytest


@pytest.fixture
def paths():
    """The raw paths that arrive at a server in Stripe's place."""
    arrived = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self):
            arrived.append(self.path.partition("?")[0])
            body = b'{"id": "x", "object": "x", "customer": "cus_1", "data": [], "has_more": false}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = answer

        def log_message(self, *_args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", arrived
    server.shutdown()


ODD = [
    "a/b",
    "a?b=c",
    "a#b",
    "../customers",
    "a/../../charges",
    "a%2fb",
    "ü",
    "a b",
    "a\nb",
    "a\\b",
    "prod.1",
]


def calls(stripe, id_):
    """Every verb that puts an id into a path."""
    yield from (lambda kind=kind: stripe.fetch(kind, id_) for kind in KINDS)
    yield lambda: stripe.update_webhook_endpoint(id_, {}, "key")
    yield lambda: stripe.delete_webhook_endpoint(id_)
    yield lambda: stripe.expire_session(id_)
    yield lambda: stripe.update_subscription(id_, {}, "key")
    yield lambda: stripe.resume_subscription(id_, "key")
    yield lambda: stripe.update_customer(id_, {}, "key")
    yield lambda: stripe.capture_payment(id_)
    yield lambda: stripe.cancel_payment(id_)
    yield lambda: stripe.subscription_with_card(id_)
    yield lambda: stripe.cancel_subscription(id_, "", "key")


KINDS = (
    "subscription",
    "customer",
    "price",
    "product",
    "webhook_endpoint",
    "checkout.session",
    "invoice",
    "charge",
)


@pytest.mark.parametrize("id_", ODD)
def test_an_id_stays_one_part_of_the_path(app, paths, id_):
    from umstripe.errors import MalformedObject
    from umstripe.stripe_api.client import Stripe

    base, arrived = paths
    with app.app_context():
        for call in calls(Stripe("sk_test_1", base, 0), id_):
            with suppress(MalformedObject):  # the answer names no such object; the path is what counts
                call()
    assert len(arrived) == len(KINDS) + 10
    assert all(f"/{quote(id_, safe='')}" in path for path in arrived), arrived


@pytest.mark.parametrize("id_", ["", ".", ".."])
def test_what_can_be_no_id_asks_nothing(app, paths, id_):
    from umstripe.errors import StripeRefused
    from umstripe.stripe_api.client import Stripe

    base, arrived = paths
    with app.app_context():
        stripe = Stripe("sk_test_1", base, 0)
        assert stripe.fetch("price", id_).object["deleted"]
        with pytest.raises(StripeRefused):
            stripe.update_customer(id_, {}, "key")
    assert arrived == []
