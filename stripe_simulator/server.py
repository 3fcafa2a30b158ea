"""The simulator as a server: one process, for its state is in memory, and threads."""

from __future__ import annotations

import json
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import gunicorn.util
from flask import Flask
from gunicorn.app.base import BaseApplication

from stripe_simulator.app import create_simulator
from stripe_simulator.core import keys
from stripe_simulator.core.objects import now
from stripe_simulator.delivery.deliveries import RETRY_GAPS

THREADS = 16
KEEP_ALIVE = 5


class Server(BaseApplication):
    """gunicorn with one worker that makes the application after it was forked."""

    def __init__(self, make: Callable[[], Flask], options: dict[str, Any]) -> None:
        self.make, self.options = make, options
        super().__init__()

    def load_config(self) -> None:
        """Hand our settings to gunicorn."""
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Return the application, made in the worker: threads do not survive a fork.

        gunicorn writes an answer's date itself; it is that of the simulator's clock.
        """
        gunicorn.util.http_date = lambda _timestamp=None: formatdate(now(), usegmt=True)
        return self.make()


def serve(
    host: str,
    port: int,
    allow_local_endpoints: bool = False,
    resolve: dict[str, str] | None = None,
    state: str | None = None,
    empty: bool = False,
    retry_gaps: tuple[float, ...] = RETRY_GAPS,
) -> None:
    """Run until SIGTERM or SIGINT. Says on one line where the page is and which keys there are."""

    def make() -> Flask:
        return create_simulator(
            allow_local_endpoints=allow_local_endpoints,
            resolve=resolve,
            state=state,
            empty=empty,
            retry_gaps=retry_gaps,
        )

    def say(_server: Any) -> None:
        print(greeting(host, port), flush=True)

    options = {
        "bind": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        "workers": 1,
        "worker_class": "gthread",
        "threads": THREADS,
        "keepalive": KEEP_ALIVE,
        "timeout": 0,
        "graceful_timeout": 2,
        "loglevel": "warning",
        "proc_name": "stripe-simulator",
        "when_ready": say,
        "worker_exit": _close,
        "control_socket_disable": True,
    }
    Server(make, options).run()


def _close(_server: Any, worker: Any) -> None:
    account = worker.wsgi.extensions["simulator"]
    worker.wsgi.extensions["simulator_watch"].set()
    account.deliveries.stop()
    account.store.close()


def greeting(host: str, port: int) -> str:
    """Return one line: the page and the default keys."""
    shown = {mode: {kind: keys.default_value(mode, kind) for kind in keys.KINDS} for mode in keys.MODES}
    return f"Stripe simulator: http://{host}:{port}/_simulator/ keys: {json.dumps(shown)}"
