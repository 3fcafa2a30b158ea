"""The `/v1` API: who calls, what is asked, what is answered."""

from __future__ import annotations

import hashlib
import json
import socket
from typing import Any

from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import HTTPException

from stripe_simulator.account import test_clocks
from stripe_simulator.account.account import cause
from stripe_simulator.account.current import current_account
from stripe_simulator.account.faults import ConnectionDropped
from stripe_simulator.api.calls import ANSWERS, Call, match
from stripe_simulator.api.expansion import Expansion
from stripe_simulator.core import document, encoding, keys, operations, parameters
from stripe_simulator.core.errors import StripeError, bad_request, unknown_url
from stripe_simulator.core.objects import new_id

Json = dict[str, Any]
api = Blueprint("stripe_api", __name__)
FORM = "application/x-www-form-urlencoded"


@api.route("/v1/<path:_path>", methods=["GET", "POST", "DELETE", "PUT", "PATCH"])
def answer(_path: str) -> Response:
    """Answer one call, in Stripe's shape whatever happens."""
    request_id, mode = new_id("request"), None
    try:
        current_account().faults.raise_outage()
        operation, ids = match(request.method, request.path) or (None, [])
        key = keys.authenticate(
            current_account().store, request.headers.get("Authorization"), operation or ""
        )
        mode = key["mode"]
        if operation is None:
            raise unknown_url(request.method, request.path)
        keys.require(key, operations.right_for(operation))
        status, body, headers = _once(operation, ids, key, request_id)
        _apply_fault("after")
    except StripeError as error:
        status, body, headers = error.status, error.body(request_id, mode), error.headers
    except ConnectionDropped:
        return _drop()
    except HTTPException as error:
        refused = StripeError(error.code or 400, error.description or "The request cannot be read.")
        status, body, headers = refused.status, refused.body(request_id, mode), {}
    return _response(status, body, headers, request_id)


@api.errorhandler(Exception)
def broken(_error: Exception) -> Response:
    """Log an unexpected error and answer 500, as Stripe does."""
    current_app.logger.exception("the simulator failed")
    error = StripeError(500, "An unknown error occurred.", type="api_error")
    request_id = new_id("request")
    return _response(500, error.body(request_id, None), {}, request_id)


def _response(status: int, body: Json, headers: dict[str, str], request_id: str) -> Response:
    response = Response(json.dumps(body, indent=2), status, mimetype="application/json")
    response.headers["Request-Id"] = request_id
    response.headers["Stripe-Version"] = document.VERSION
    response.headers.update(headers)
    if key := request.headers.get("Idempotency-Key"):
        response.headers["Idempotency-Key"] = key[:255]
    return response


def _once(operation: str, ids: list[str], key: Json, request_id: str) -> tuple[int, Json, dict[str, str]]:
    """Return the answer, or the one that this idempotency key got before."""
    idempotency_key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
    if idempotency_key is None:
        _apply_fault("before")
        return 200, _act(operation, ids, key, request_id), {}
    kept: Json | None = None
    started = False
    fingerprint = _fingerprint()
    idempotency = current_app.extensions["simulator_idempotency"]
    before = idempotency.begin(key["mode"], idempotency_key, fingerprint)
    if before:
        replayed = {"Idempotent-Replayed": "true", "Original-Request": before["request"]}
        return before["status"], before["body"], replayed
    try:
        _apply_fault("before")
        started = True
        kept = {"status": 200, "body": _act(operation, ids, key, request_id), "request": request_id}
        _apply_fault("after", "500")
    except StripeError as error:
        # Stripe keeps what happened after a call was taken up, and forgets what it refused at the door.
        if error.type == "card_error" or (started and error.status >= 500):
            kept = {
                "status": error.status,
                "body": error.body(request_id, key["mode"]),
                "request": request_id,
            }
        raise
    finally:
        idempotency.end(key["mode"], idempotency_key, fingerprint, kept)
    return kept["status"], kept["body"], {}


def _act(operation: str, ids: list[str], key: Json, request_id: str) -> Json:
    """Do what is asked, all of it or nothing."""
    params = parameters.read(document.parameters(operation), _tree())
    expand = params.pop("expand", [])
    mode = current_account().modes[key["mode"]]
    token = cause.set({"id": request_id, "idempotency_key": request.headers.get("Idempotency-Key")})
    try:
        with mode.transaction(), test_clocks.time_of(mode, *ids, *_about(params)):
            thing = ANSWERS[operation](Call(operation, request.path, mode, key, params, ids))
            _apply_fault("amid")
            body = Expansion(mode, key).render(thing, expand) | _secret_of_new(operation, thing)
    finally:
        cause.reset(token)
    return body


def _about(params: Json) -> list[str]:
    """Return the ids in the parameters that say whose time it is."""
    names = ("customer", "subscription", "test_clock", "charge", "payment_intent")
    return [params[name] for name in names if isinstance(params.get(name), str)]


def _secret_of_new(operation: str, thing: Json) -> Json:
    """Return the signing secret is told when the endpoint is made, and never again."""
    return {"secret": thing["secret"]} if operation == "POST /v1/webhook_endpoints" else {}


def _tree() -> Json:
    text = request.query_string.decode("ascii", "replace")
    body = request.get_data()
    if body and request.mimetype not in (FORM, ""):
        raise bad_request(
            f"Invalid request: the Content-Type must be {FORM}, not {request.mimetype[:60]}.", code=None
        )
    joined = "&".join(part for part in (text, body.decode("utf-8", "replace")) if part)
    return encoding.decode(joined)


def _fingerprint() -> str:
    # Parameters in another order, or encoded otherwise, are the same parameters.
    request_text = json.dumps([request.method, request.path, _tree()], sort_keys=True)
    return hashlib.sha256(request_text.encode()).hexdigest()


def _apply_fault(when: str, kind: str = "") -> None:
    current_account().faults.apply(request.method, request.path, when, kind)


def _drop() -> Response:
    """Close the connection, so that the caller reads nothing."""
    connection = request.environ.get("gunicorn.socket") or request.environ.get("werkzeug.socket")
    if connection is not None:
        connection.shutdown(socket.SHUT_RDWR)
    return Response(status=500)
