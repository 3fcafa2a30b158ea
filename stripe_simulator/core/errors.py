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
        """The same, but what was done until now stays done: an attempt that failed was an attempt."""
        self.lasts = True
        return self

    def body(self, request_id: str, mode: str | None) -> dict[str, Any]:
        """The JSON of the answer. Only what is known is in it, as with Stripe."""
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
    """400: the parameters make no sense."""
    return StripeError(400, message, param=param, code=code)


def missing(param: str) -> StripeError:
    """400: a required parameter is absent."""
    return bad_request(f"Missing required param: {param}.", param, "parameter_missing")


def empty(param: str) -> StripeError:
    """400: a parameter that cannot be unset came empty."""
    return bad_request(
        f"You passed an empty string for '{param}'. We assume empty values are an attempt to unset a parameter; "
        f"however '{param}' cannot be unset. You should remove '{param}' from your request or supply a non-empty "
        "value.",
        param,
        "parameter_invalid_empty",
    )


def unknown_parameter(param: str) -> StripeError:
    """400: the operation has no such parameter."""
    return bad_request(f"Received unknown parameter: {param}", param, "parameter_unknown")


def no_such(kind: str, object_id: str, param: str = "id", status: int = 404) -> StripeError:
    """404 for an id in the path, 400 for one in the parameters."""
    name = kind.replace(".", " ").replace("_", " ") if kind == "checkout.session" else kind.replace(".", "_")
    return StripeError(status, f"No such {name}: '{object_id}'", code="resource_missing", param=param)


def unknown_url(method: str, path: str) -> StripeError:
    """404: Stripe has no such address, or the simulator does not answer it."""
    return StripeError(
        404,
        f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at "
        "https://support.stripe.com/.",
    )
