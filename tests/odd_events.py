"""Events that are signed but odd: each field that is read, replaced by what it never is. And Stripe, as a stub."""

from __future__ import annotations

import copy
import json
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.stripe_events import event, subscription_event
from umstripe.models.payment_link_session import REFERENCE

Path = tuple[str | int, ...]
Values = Callable[[int], list[str]]
DROPPED = object()
ODD: dict[str, Any] = {
    "dropped": DROPPED,
    "null": None,
    "an empty list": [],
    "a list": [{"id": "x"}],
    "an empty object": {},
    "an object": {"id": 7, "data": 7, "a": {"b": 1}},
    "an object with an odd id": {"id": ["x"]},
    "zero": 0,
    "a negative number": -1,
    "a number": 7,
    "more than 31 bits": 2**31 + 7,
    "more than 63 bits": 2**63,
    "huge": 10**40,
    "a decimal number": 1.5,
    "not a number": float("nan"),
    "infinite": float("inf"),
    "true": True,
    "false": False,
    "an empty text": "",
    "a text": "x",
    "another text": "../../x?y=%00 ' \" <script>",
    "a long text": "é" * 60_000,
    "a NUL": "a\x00b",
    "half a character": "a\ud800b",
}


class Traced(dict):
    """A dict that writes down which of its fields are read, with those of the objects inside."""

    def __init__(self, value: dict, seen: set[Path], path: Path = ()) -> None:
        super().__init__({name: _traced(below, seen, (*path, name)) for name, below in value.items()})
        self.seen, self.path = seen, path

    def __getitem__(self, name: Any) -> Any:
        self.seen.add((*self.path, name))
        return super().__getitem__(name)

    def get(self, name: Any, default: Any = None) -> Any:
        self.seen.add((*self.path, name))
        return super().get(name, default)

    def __deepcopy__(self, _memo: Any) -> dict:
        return json.loads(json.dumps(self))


def _traced(value: Any, seen: set[Path], path: Path) -> Any:
    if isinstance(value, list):
        return [_traced(entry, seen, (*path, place)) for place, entry in enumerate(value)]
    return Traced(value, seen, path) if isinstance(value, dict) else value


def whole(type_: str, at: int) -> dict[str, Any]:
    """An event of a type about what the tests' shop has, with every field filled in that is read."""
    about: dict[str, Any] = {"customer": "cus_jane"}
    if type_.startswith("customer.subscription."):
        return subscription_event("active", at, type_, **_SUBSCRIPTION)
    if type_.startswith("charge.dispute."):
        about = {
            "payment_intent": "pi_jane",
            "reason": "fraudulent",
            "evidence_details": {"due_by": at + 1000},
        }
    elif type_.startswith("charge."):
        about |= {**_PAYMENT, "id": "ch_jane", "status": "succeeded", "captured": True, "refunded": False}
        about["payment_method_details"] = {"card": {"capture_before": at + 1000}}
    elif type_.startswith("checkout."):
        about |= {**_PAYMENT, "id": "cs_jane", "mode": "payment", "payment_status": "paid", "currency": "usd"}
        about |= {"client_reference_id": "x", "payment_link": None, "status": "complete", "amount_total": 100}
    elif type_.startswith("customer."):
        about = {"id": "cus_jane", "metadata": {"umstripe_user": "x", "umstripe_instance": "x"}}
    elif type_.startswith("invoice."):
        about |= {"next_payment_attempt": at + 1000, "hosted_invoice_url": "https://invoice.example.org"}
        about["parent"] = {"subscription_details": {"subscription": "sub_jane"}}
    elif type_.startswith("payment_intent."):
        about["last_payment_error"] = {"message": "Your card was declined."}
    elif type_.startswith("price."):
        about = {"id": "price_basic", "product": "prod_of_price_basic", "nickname": "Basic"}
        about |= {"type": "recurring", "unit_amount": 999, "currency": "usd", "active": True}
        about["recurring"] = {"interval": "month", "interval_count": 1, "usage_type": "licensed"}
    elif type_.startswith("product."):
        about = {"id": "prod_of_price_basic", "active": True}
    return event(type_, at, **about)


def paid_through_link(mode: str, at: int) -> dict[str, Any]:
    """Return a session of a Payment Link as it is fetched, with every field filled in that is read.

    In mode `payment` it is paid by a customer of ours, in mode `subscription` by a new one.
    """
    session = {"id": "cs_odd", "object": "checkout.session", "status": "complete", "payment_status": "paid"}
    session |= {"mode": mode, "client_reference_id": REFERENCE, "payment_link": "plink_1", "created": at}
    session |= {"amount_total": 2900, "currency": "usd", "metadata": {}}
    session |= {"customer_details": {"email": "new@example.org", "name": "New"}}
    if mode == "subscription":
        subscription = subscription_event("active", at, customer="cus_new", id_="sub_odd", **_SUBSCRIPTION)
        bought = {"subscription": subscription["data"]["object"], "payment_intent": None}
        return {**session, **bought, "customer": "cus_new", "line_items": _items("price_basic")}
    charge = whole("charge.succeeded", at)["data"]["object"]
    charge |= {"id": "ch_odd", "payment_intent": "pi_odd", "metadata": {}}
    bought = {"subscription": None, "payment_intent": {"id": "pi_odd", "latest_charge": charge}}
    return {**session, **bought, "customer": "cus_jane", "line_items": _items("price_lifetime")}


def numbered(session: dict[str, Any], number: int) -> dict[str, Any]:
    """Return the session with ids of its own, so that nothing of it is known here."""
    return json.loads(json.dumps(session).replace('_odd"', f'_odd{number}"'))


def completed(session: dict[str, Any]) -> dict[str, Any]:
    """Return the event of a fetched session: it has ids where the session has objects, and no line items."""
    ids = {name: (session[name] or {}).get("id") for name in ("subscription", "payment_intent")}
    return event("checkout.session.completed", session["created"], **session | ids | {"line_items": None})


def _items(price: str) -> dict[str, Any]:
    return {"object": "list", "data": [{"price": {"id": price}}]}


_PAYMENT = {"payment_intent": "pi_jane", "metadata": {"umstripe_price": "price_lifetime"}}
_SUBSCRIPTION: dict[str, Any] = {
    "current_period_end": 1_900_000_000,
    "trial_settings": {"end_behavior": {"missing_payment_method": "pause"}},
}


FOR_DATABASES = (
    *("more than 31 bits", "more than 63 bits", "huge", "a decimal number", "not a number", "infinite"),
    *("another text", "a long text", "a NUL", "half a character"),
)
"""The odd values that databases treat differently."""


def odd_ones(made: dict[str, Any], paths: list[Path], values: Values) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each of the fields replaced by odd values: what was done, and the event. `values` names those for a field."""
    for number, path in enumerate(paths):
        for name in values(number):
            odd, value = copy.deepcopy(made), ODD[name]
            place = odd
            for step in path[:-1]:
                place = place[step]
            if value is DROPPED:
                place.pop(path[-1], None)
            else:
                place[path[-1]] = value
            yield f"{'.'.join(map(str, path))}: {name}", odd


class StubStripe:
    """Answers as Stripe about single objects: with what `objects` has, as they are, and that there is nothing else."""

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}
        handler = type("Bound", (_Handler,), {"stub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, path: str) -> tuple[int, Any]:
        stripe_id = unquote(urlsplit(path).path.rpartition("/")[2])
        if stripe_id in self.objects:
            return 200, self.objects[stripe_id]
        error = {"type": "invalid_request_error", "code": "resource_missing", "message": "No such object"}
        return 404, {"error": error}

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    stub: StubStripe

    def do_GET(self) -> None:
        self._send(*self.stub.answer(self.path))

    def do_POST(self) -> None:
        """Make a customer, which is all that deliveries make."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self._send(200, {"id": "cus_made", "object": "customer", "metadata": {}})

    def _send(self, status: int, found: Any) -> None:
        body = json.dumps(found).encode()
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json")
        self.send_header("Date", formatdate(time.time(), usegmt=True))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        pass
