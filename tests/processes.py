"""The real processes: site under gunicorn, worker, simulator, and the proxy that holds both to Stripe's document."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import requests

from tests import forks
from tests.ports import free_port

ROOT = Path(__file__).parents[1]
READY = "worker is ready"
SHARED = Path(os.environ.get("UMSTRIPE_SHARED") or ROOT.parent / "shared") / "stripe"
WHY_NOT_SHARED = "Stripe's published document is not beside this checkout (../shared/stripe)"
needs_document = pytest.mark.skipif(not SHARED.is_dir(), reason=WHY_NOT_SHARED)


def wait_until(told: Callable[[], Any], what: str, seconds: float = 30) -> Any:
    """What `told` gives, as soon as that is true. Raises AssertionError with `what` after some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = told()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds} seconds")


def start_together(*processes: Process) -> None:
    """Begin them all, then wait until each is ready."""
    for one in processes:
        one.begin()
    for one in processes:
        one.wait()


class Process:
    """A command of the project, in a process group of its own, with its log in a file."""

    def __init__(self, name: str, command: list[str], environ: dict[str, str], folder: Path) -> None:
        self.name, self.command, self.environ = name, command, environ
        self.log_path = folder / f"{name}.log"
        self.process: forks.Running | None = None

    def start(self) -> None:
        """Begin, and wait until it is ready."""
        self.begin()
        self.wait()

    def wait(self) -> None:
        """Until it is ready, for those of which that can be told."""

    def begin(self) -> None:
        self.process = forks.begin(self.command, self.environ, self.log_path)

    def log(self) -> str:
        return self.log_path.read_text() if self.log_path.exists() else ""

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it, and all it has started. Gives its exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.signal_all(number)
        code = self.process.wait(30)
        self.process = None
        return code

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def wait_for_line(self, text: str, seconds: float = 30) -> None:
        wait_until(
            lambda: text in self.log(), f"{self.name} says {text!r}; it said {self.log()[-2000:]}", seconds
        )

    def wait_for_answer(self, url: str) -> None:
        def answers() -> bool:
            assert self.process and self.process.poll() is None, f"{self.name} ended: {self.log()[-2000:]}"
            try:
                return requests.get(url, timeout=2).ok
            except requests.RequestException:
                return False

        wait_until(answers, f"{self.name} answers at {url}; its log: {self.log()[-2000:]}")


def umstripe(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "umstripe", *arguments]


class Simulator(Process):
    """The simulator, with what a person does on its page.

    One that is released with `release` goes on running for the next test that wants the same options, and is then as
    good as new.
    """

    released: ClassVar[dict[tuple[str, ...], list[tuple[int, forks.Running]]]] = defaultdict(list)

    def __init__(self, folder: Path, *options: str) -> None:
        self.options, self.session = options, requests.Session()
        self.port, running = self.released[options].pop() if self.released[options] else (free_port(), None)
        self.url = f"http://127.0.0.1:{self.port}"
        given = ("--port", str(self.port), "--allow-local-endpoints", "--retry-gaps", "0.3,0.5,1", *options)
        super().__init__("simulator", umstripe("simulator", *given), dict(os.environ), folder)
        self.process = running

    def begin(self) -> None:
        if self.process is None:
            super().begin()
        else:
            self.do("/reset", demo=True)

    def release(self) -> None:
        """Leave it to a later test. It must still run, or have been stopped."""
        self.session.close()
        if self.process:
            self.released[self.options].append((self.port, self.process))
            self.process = None

    def wait(self) -> None:
        self.wait_for_answer(f"{self.url}/_simulator/healthz")

    def do(self, control: str, /, **values: Any) -> Any:
        return self._ask("POST", f"/_simulator{control}", json=values)

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        answer = self.session.request(method, f"{self.url}{path}", timeout=30, **options)
        assert answer.ok, answer.text
        return answer.json()

    def mend(self) -> None:
        """Take all faults away."""
        self._ask("DELETE", "/_simulator/faults")

    def tell(self, path: str, **values: Any) -> Any:
        return self._ask("GET", f"/_simulator{path}", params=values)

    def key(self, mode: str = "test", kind: str = "secret") -> str:
        return self.tell("/keys")[mode][kind]

    def call(self, method: str, path: str, key: str = "", **params: Any) -> Any:
        headers = {"Authorization": f"Bearer {key or self.key()}"}
        sent = {"params": params} if method == "GET" else {"data": params}
        return self._ask(method, f"/v1{path}", headers=headers, **sent)

    def prices(self) -> dict[str, str]:
        """The prices' ids by the names of their products."""
        found = self.call("GET", "/prices", **{"limit": 100, "expand[]": "data.product"})["data"]
        return {price["product"]["name"]: price["id"] for price in found}

    def wait_until_delivered(self) -> None:
        def settled() -> bool:
            modes = self.tell("/state")["modes"].values()
            return not any(mode["waiting_deliveries"] for mode in modes)

        wait_until(settled, "the simulator has delivered everything")


class Site(Process):
    """The site under gunicorn."""

    def __init__(self, environ: dict[str, str], folder: Path, **more: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        environ = {**environ, "UMSTRIPE_BIND": f"127.0.0.1:{self.port}", **more}
        super().__init__("site", umstripe("web"), environ, folder)

    def wait(self) -> None:
        self.wait_for_answer(f"{self.url}/readyz")


class Worker(Process):
    """The worker of background work."""

    def __init__(self, environ: dict[str, str], folder: Path) -> None:
        super().__init__("worker", umstripe("worker", "--executor", "test"), environ, folder)

    def begin(self) -> None:
        self.said = self.log().count(READY)
        super().begin()

    def wait(self) -> None:
        wait_until(lambda: self.log().count(READY) > self.said, f"the worker is ready: {self.log()[-2000:]}")


class ContractProxy(Process):
    """Stands between site and simulator in both directions, and holds both to the published document."""

    def __init__(self, folder: Path, simulator: str) -> None:
        self.port, self.hook_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.records = folder / "contract.jsonl"
        self.simulator = simulator
        super().__init__("proxy", [], dict(os.environ), folder)

    def watch(self, site: str) -> None:
        overlay = SHARED / "overlay-2026-10-28.endive.json"
        self.command = [
            *(sys.executable, str(SHARED / "contract_proxy.py"), "--spec", str(SHARED / "spec3.json")),
            *("--overlay", str(overlay), "--listen", f"127.0.0.1:{self.port}", "--upstream", self.simulator),
            *("--webhook-listen", f"127.0.0.1:{self.hook_port}", "--webhook-upstream", site),
            *("--log", str(self.records)),
        ]
        self.start()
        for port in (self.port, self.hook_port):
            wait_until(lambda port=port: self._listens(port), f"the proxy listens: {self.log()[-2000:]}")

    def _listens(self, port: int) -> bool:
        assert self.process and self.process.poll() is None, self.log()
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", port)) == 0

    def verdict(self) -> tuple[int, list[dict]]:
        """Stop it. Gives its exit code (0: no violation) and all it has recorded."""
        code = self.stop(signal.SIGINT)
        return code, [json.loads(line) for line in self.records.read_text().splitlines()]

    def violations(self) -> list[dict]:
        """Stop it. Return what broke the document, without pages of the site: Stripe leads back to the site's own
        address, which is the proxy's for deliveries."""
        _, records = self.verdict()
        kinds = ("ok", "request_ok", "response_ok")
        return [
            one for one in records if not _is_page(one) and not all(one.get(kind, True) for kind in kinds)
        ]


def _is_page(record: dict) -> bool:
    return bool(record.get("webhook")) and not record["path"].startswith("/webhooks/")
