"""How a control reads what it is given, and answers: JSON to a test, the page to a person."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, flash, jsonify, redirect, request

from stripe_simulator.account import test_clocks
from stripe_simulator.account.account import Mode, all_or_nothing
from stripe_simulator.account.current import current_account, require_same_origin
from stripe_simulator.core import keys
from stripe_simulator.core.errors import StripeError, bad_request, missing, no_such
from stripe_simulator.core.rendering import plain

Json = dict[str, Any]
controls = Blueprint("simulator_controls", __name__, url_prefix="/_simulator")


def control(rule: str, notice: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function a control by POST. It gives what is told as JSON; a form goes back to the page."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def view(**ids: str) -> Any:
            try:
                require_same_origin()
                with all_or_nothing(current_account().store), _time_of(ids):
                    result = plain(function(read_input(), **ids))
            except StripeError as error:
                return _refused(error)
            return _back(notice, "success") if _is_form() else jsonify(result)

        controls.add_url_rule(rule, function.__name__, view, methods=["POST"])
        return function

    return register


def _time_of(ids: dict[str, str]) -> contextlib.AbstractContextManager[None]:
    # Test clocks are of test mode only.
    return test_clocks.time_of(current_account().modes["test"], *ids.values())


def read_input() -> Json:
    """Return the input. Raise StripeError (400) when it cannot be read."""
    if _is_form():
        return {name: value for name, value in request.form.items() if value != ""}
    if not request.get_data():
        return {}
    values = request.get_json(force=True, silent=True)
    if not isinstance(values, dict):
        raise bad_request("The body must be a JSON object.")
    return values


def _is_form() -> bool:
    return request.mimetype in ("application/x-www-form-urlencoded", "multipart/form-data")


def _refused(error: StripeError) -> Any:
    if _is_form():
        return _back(error.message, "error")
    return jsonify({"error": {"message": error.message, "param": error.param}}), error.status


def _back(notice: str, category: str) -> Response:
    flash(notice, category)
    mode = "live" if request.form.get("mode") == "live" else "test"
    return redirect(f"/_simulator/?mode={mode}", 303)  # type: ignore[return-value]


def text(values: Json, name: str, default: str | None = None) -> str:
    """Return a string of the input. Raise StripeError (400)."""
    value = values.get(name, default)
    if value is None:
        raise missing(name)
    if not isinstance(value, str) or len(value) > 500:
        raise bad_request(f"Invalid string: {name}", name)
    return value


def number(values: Json, name: str, default: Any = None) -> Any:
    """Return a whole number of the input. Raise StripeError (400)."""
    value = values.get(name, default)
    if isinstance(value, bool) or not str(value).lstrip("-").isdecimal() or len(str(value)) > 12:
        if value is not default:
            raise bad_request(f"Invalid integer: {name}", name)
        return default
    return int(value)


def flag(values: Json, name: str) -> bool | None:
    """Return yes or no, or None when the input says neither."""
    if name not in values:
        return None
    return values[name] in (True, "true", "on", "1", 1)


def mode_in(values: Json) -> Mode:
    """Return the mode that the input names, test mode by default. Raise StripeError (400)."""
    name = text(values, "mode", "test")
    if name not in keys.MODES:
        raise bad_request("Invalid mode: must be one of test or live", "mode")
    return current_account().modes[name]


def find(kind: str, object_id: str) -> tuple[Mode, Json]:
    """Return an object and its mode. Raise StripeError (404)."""
    mode = current_account().mode_of(kind, object_id)
    if mode is None:
        raise no_such(kind, object_id)
    return mode, mode.find(kind, object_id)
