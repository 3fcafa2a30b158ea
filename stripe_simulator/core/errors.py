"""Stripe's errors, in Stripe's words: https://docs.stripe.com/api/errors and /error-codes."""

from __future__ import annotations

from typing import Any

DOCS = "https://stripe.com/docs/error-codes/"


class StripeError(Exception):
    """An answer that refuses: an HTTP status and what goes under `error`."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.type = status, message, type
        self.code, self.param, self.headers, self.more = code, param, headers or {}, more
        self.lasts = False

    def lasting(self) -> StripeError:
        """Return the same, but what was done until now stays done: an attempt that failed was an attempt."""
        self.lasts = True
        return self

    def body(self, request_id: str, mode: str | None) -> dict[str, Any]:
        """Return the JSON of the answer. Only what is known is in it, as with Stripe."""
        error: dict[str, Any] = {"type": self.type, "message": self.message, **self.more}
        if self.code:
            error |= {"code": self.code, "doc_url": DOCS + self.code.replace("_", "-")}
        if self.param:
            error["param"] = self.param
        if mode:
            area = "test/" if mode == "test" else ""
            error["request_log_url"] = f"https://dashboard.stripe.com/{area}logs/{request_id}"
        return {"error": error}


def bad_request(message: str, param: str | None = None, code: str | None = None) -> StripeError:
    """Return the 400 for parameters that make no sense."""
    return StripeError(400, message, param=param, code=code)


def missing(param: str) -> StripeError:
    """Return the 400 for a missing parameter."""
    return bad_request(f"Missing required param: {param}.", param, "parameter_missing")


def empty(param: str) -> StripeError:
    """Return the 400 for an empty parameter that cannot be unset."""
    return bad_request(
        f"You passed an empty string for '{param}'. We assume empty values are an attempt to unset a parameter; "
        f"however '{param}' cannot be unset. You should remove '{param}' from your request or supply a non-empty "
        "value.",
        param,
        "parameter_invalid_empty",
    )


def unknown_parameter(param: str) -> StripeError:
    """Return the 400 for a parameter that the operation does not have."""
    return bad_request(f"Received unknown parameter: {param}", param, "parameter_unknown")


def no_such(kind: str, object_id: str, param: str = "id", status: int = 404) -> StripeError:
    """Return the error for an unknown id: 404 in the path, 400 in the parameters."""
    name = kind.replace(".", " ").replace("_", " ") if kind == "checkout.session" else kind.replace(".", "_")
    return StripeError(status, f"No such {name}: '{object_id}'", code="resource_missing", param=param)


def unknown_url(method: str, path: str) -> StripeError:
    """Return the 404 for an address that Stripe does not have, or the simulator does not answer."""
    return StripeError(
        404,
        f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at "
        "https://support.stripe.com/.",
    )
