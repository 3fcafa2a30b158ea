"""Between the site and the simulator: shows Stripe as it was after a turn of a scripted life.

A script has led the whole life before the first delivery. What the site asks about single objects is answered
as of the turn at which the test is, with that moment's `Date`; everything else goes on to the simulator. An
answer can be lost, and it can be held back until something newer has been delivered.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests


class Window:
    """A server on a port of its own. `turn` is where the life is, None when it is over."""

    def __init__(self) -> None:
        self.upstream, self.turns, self.turn, self.late = "", [], None, False
        self.lost = 0
        self.first: Callable[[], None] | None = None
        self.lock, self.session = threading.Lock(), requests.Session()
        self.server = _Server(("127.0.0.1", 0), type("Bound", (_Handler,), {"window": self}))
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    def show(self, turns: list[dict], turn: int | None) -> None:
        self.turns, self.turn, self.lost, self.first = turns, turn, 0, None

    def answer(self, path: str, headers: Any) -> tuple[int, bytes, str | None]:
        """Status, body and date of an answer. What was asked is as it was before `first` happened."""
        with self.lock:
            turn, (first, self.first) = self.turn, (self.first, None)
            lost, self.lost = self.lost > 0, max(0, self.lost - 1)
        if lost:
            return 500, b'{"error": {"type": "api_error", "message": "lost"}}', None
        found = None if turn is None else self._as_of(turn, urlsplit(path))
        if first:
            first()
        if found is None:
            passed = self.session.get(f"{self.upstream}{path}", headers=headers, timeout=30)
            return passed.status_code, passed.content, passed.headers["Date"]
        return 200, json.dumps(found).encode(), formatdate(self._date(turn), usegmt=True)

    def _as_of(self, turn: int, asked: Any) -> dict | None:
        objects = self.turns[turn]["objects"]
        kind, _, stripe_id = asked.path.removeprefix("/v1/").partition("/")
        if stripe_id:
            return objects.get(stripe_id)
        customer = parse_qs(asked.query).get("customer", [""])[0]
        if kind != "subscriptions" or customer not in objects:
            return None
        held = [one for one in objects.values() if one["object"] == "subscription"]
        gone = objects[customer].get("deleted")
        return {"object": "list", "data": [] if gone else held, "has_more": False, "url": asked.path}

    def _date(self, turn: int) -> int:
        """Any moment of the turn: its first, or (`late`) the very second in which the next one begins."""
        after = self.turns[turn + 1 : turn + 2]
        return after[0]["from"] if self.late and after else self.turns[turn]["to"]

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    window: Window

    def do_GET(self) -> None:
        known = {"Authorization": self.headers["Authorization"]}
        status, body, date = self.window.answer(self.path, known)
        self.send_response_only(status)
        said = {"Content-Length": len(body), "Content-Type": "application/json", "Date": date}
        # The library would sleep between its tries; that it tries again is not what is tested here.
        for name, value in ({"Stripe-Should-Retry": "false"} | said).items():
            if value is not None:
                self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        pass
