"""The simulator as a Flask application."""

from __future__ import annotations

import secrets

from flask import Flask, Response

from stripe_simulator import resources
from stripe_simulator.account.account import Account
from stripe_simulator.api.idempotency import Idempotency
from stripe_simulator.api.views import api
from stripe_simulator.billing import authorizations, renewals  # noqa: F401  (know what becomes due)
from stripe_simulator.checkout import sessions
from stripe_simulator.checkout.pages import pages
from stripe_simulator.controls import fault_controls, seed, time_controls  # noqa: F401  (more controls)
from stripe_simulator.controls.general import controls
from stripe_simulator.controls.page import page
from stripe_simulator.core.store import Store
from stripe_simulator.delivery.deliveries import RETRY_GAPS, Deliveries
from stripe_simulator.portal.invoice_pages import invoice_pages
from stripe_simulator.portal.pages import portal

MAX_BODY = 1024 * 1024
POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


def create_simulator(
    *,
    allow_local_endpoints: bool = False,
    resolve: dict[str, str] | None = None,
    state: str | None = None,
    empty: bool = False,
    retry_gaps: tuple[float, ...] = RETRY_GAPS,
) -> Flask:
    """Return a Stripe account to call, with its deliveries running.

    `resolve` sends the deliveries to a host to another base URL. `state` is a SQLite file that keeps
    everything; without it all is forgotten at the end. `empty` starts without demo data. `retry_gaps` are
    the seconds between one try of a delivery and the next.
    """
    resources.load()
    app = Flask(__name__, static_folder="static", static_url_path="/_simulator/static")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    # Notices only. Cookies do not know ports: its name and path keep it off the application's own.
    app.config |= {"SESSION_COOKIE_NAME": "simulator_notice", "SESSION_COOKIE_PATH": "/"}
    app.secret_key = secrets.token_bytes(32)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    store = Store(state)
    is_new = not store.collections
    account = Account(store, Deliveries(store, resolve, retry_gaps), allow_local_endpoints)
    if is_new and not empty:
        seed.demo(account)
    app.extensions["simulator"] = account
    app.extensions["simulator_idempotency"] = Idempotency(store)
    for blueprint in (api, controls, page, pages, portal, invoice_pages):
        app.register_blueprint(blueprint)
    app.after_request(_with_policy)
    account.deliveries.start()
    app.extensions["simulator_watch"] = sessions.watch(account)
    return app


def _with_policy(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    return response
