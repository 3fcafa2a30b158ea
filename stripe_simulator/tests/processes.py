"""A simulator in its own process, somebody who receives its deliveries, and a client under the contract."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import requests

from stripe_simulator.tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "stripe"
VERSION = "2026-10-28.endive"


def wait_for(condition, seconds: float = 10.0):
    """What the condition gives as soon as it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} seconds")


class SimulatorProcess:
    """A simulator process."""

    def __init__(self, *options: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "stripe_simulator", "--port", str(self.port), *options]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for(self._answers, 60)

    def _answers(self) -> bool:
        try:
            return requests.get(self.url + "/_simulator/healthz", timeout=2).ok
        except requests.RequestException:
            assert self.process.poll() is None, "the simulator ended"
            return False

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)


def encode(params: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Nested parameters in Stripe's bracket notation."""
    if isinstance(params, dict):
        pairs = [(f"{prefix}[{name}]" if prefix else name, value) for name, value in params.items()]
    elif isinstance(params, list):
        pairs = [(f"{prefix}[{i}]", value) for i, value in enumerate(params)]
    else:
        return [(prefix, str(params).lower() if isinstance(params, bool) else str(params))]
    return [pair for name, value in pairs for pair in encode(value, name)]


class Client:
    """Calls the API with one key. With the contract at hand every answer is held against it."""

    def __init__(self, url: str, key: str | None, contract: Any) -> None:
        self.url, self.key, self.contract = url, key, contract

    def call(self, method: str, path: str, params: Any = None, **headers: str) -> requests.Response:
        body = urlencode(encode(params or {}), quote_via=quote)
        query, data = ("", body) if method == "POST" else (body, "")
        sent = {"Stripe-Version": VERSION} | {name.replace("_", "-"): text for name, text in headers.items()}
        if self.key:
            sent["Authorization"] = f"Bearer {self.key}"
        if data:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        url = self.url + path + ("?" + query if query else "")
        answer = requests.request(method, url, data=data, headers=sent, timeout=20)
        self._check(method, path, query, sent, data, answer)
        return answer

    def _check(
        self, method: str, path: str, query: str, sent: dict, data: str, answer: requests.Response
    ) -> None:
        if self.contract is None:
            return
        record, _ = self.contract.check_request(method, path, query, sent, data.encode())
        violations = self.contract.check_response(record, answer.status_code, answer.headers, answer.content)
        assert not violations, f"{method} {path} {query}{data}: {json.dumps(violations)}"

    def get(self, path: str, params: Any = None) -> Any:
        return self._good(self.call("GET", path, params))

    def post(self, path: str, params: Any = None, **headers: str) -> Any:
        return self._good(self.call("POST", path, params, **headers))

    def delete(self, path: str, params: Any = None) -> Any:
        return self._good(self.call("DELETE", path, params))

    def _good(self, answer: requests.Response) -> Any:
        assert answer.ok, answer.text
        return answer.json()

    def error(self, method: str, path: str, params: Any = None, **headers: str) -> tuple[int, dict]:
        answer = self.call(method, path, params, **headers)
        assert not answer.ok, answer.text
        return answer.status_code, answer.json()["error"]


class Receiver:
    """Takes deliveries on a port, and answers as it is told, after `slow` seconds."""

    def __init__(self) -> None:
        self.got: queue.Queue[tuple[str, dict, bytes]] = queue.Queue()
        self.answers: list[int] = []
        self.slow, self.at_once, self.most_at_once = 0.0, 0, 0
        self.lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.take((self.path, dict(self.headers), body))
                status = receiver.answers.pop(0) if receiver.answers else 200
                self.send_response(status)
                if status in (301, 302, 307):
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, delivery: tuple[str, dict, bytes]) -> None:
        with self.lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(self.slow)
        with self.lock:
            self.at_once -= 1
        self.got.put(delivery)

    def next(self, seconds: float = 5.0) -> tuple[str, dict, bytes]:
        return self.got.get(timeout=seconds)

    def event(self) -> dict:
        return json.loads(self.next()[2])

    def events(self, count: int) -> list[dict]:
        return [self.event() for _ in range(count)]

    def silent(self, seconds: float = 0.4) -> bool:
        try:
            self.got.get(timeout=seconds)
        except queue.Empty:
            return True
        return False


def control(url: str, path: str, values: dict | None = None) -> Any:
    """One control of the simulator, as JSON."""
    answer = requests.post(f"{url}/_simulator{path}", json=values or {}, timeout=30)
    assert answer.ok, answer.text
    return answer.json()
