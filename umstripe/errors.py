"""Errors with a message for people, and the error pages."""

from __future__ import annotations

import structlog
from flask import Flask, render_template
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException


class UmstripeError(Exception):
    """A rule was broken or something outside failed. `str()` is a message for people: what, and what to do."""


class ConfigError(UmstripeError):
    """A value of the environment is wrong. The message names it; the start stops."""


class NotAllowed(UmstripeError):
    """A rule forbids it, such as the deletion of a role that is in use."""


class ActionUnavailable(NotAllowed):
    """A member's action cannot be done, or is done already. The message is for the member."""


class ClonedSite(NotAllowed):
    """The database is a copy of another site's, so nothing is written to Stripe."""

    def __init__(self) -> None:
        super().__init__(
            "This looks like a copy of a site that lives somewhere else, so nothing is changed at Stripe from here. "
            "Press “Say what this site is” and say which of the two it is."
        )


class StripeError(UmstripeError):
    """Stripe did not do what was asked.

    Can be made from its message alone and then given its attributes: background jobs store it between two steps.
    """


class StripeUnavailable(StripeError):
    """Stripe gave no usable answer. `reason` is `timeout`, `network`, `server`, `busy` or `rate_limit`. Worth a retry."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class StripeRefused(StripeError):
    """Stripe rejected the request, and would reject it again.

    `status` is the HTTP status, `code` Stripe's error code or "", `as_of` the answer's date in seconds, `param` the
    parameter that it is about or "": https://docs.stripe.com/api/errors.
    """

    def __init__(
        self, message: str, status: int = 0, code: str = "", as_of: int = 0, param: str = ""
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.as_of, self.param = status, code, as_of, param

    @property
    def is_card_error(self) -> bool:
        """Whether the payment failed: https://docs.stripe.com/api/errors#errors-http_status_codes."""
        return self.status == 402


class DeliveryNotStored(UmstripeError):
    """A delivery could not be applied, and that could not be stored either."""


class MalformedObject(StripeError):
    """An object of Stripe's has a field that cannot be read. No retry helps (rule 13)."""


PAGES = {
    400: (
        "This did not work",
        "The page sent something that the site could not read. Go back and try again.",
    ),
    403: ("Not for you", "Your account may not open this page."),
    404: (
        "Page not found",
        "There is no page at this address. It may have moved, or the link is incomplete.",
    ),
    405: (
        "This did not work",
        "This address cannot be opened in that way. Go back and use the button there.",
    ),
    413: ("Too large", "What was sent is larger than the site takes."),
    429: ("Too many tries", "Please wait a minute, then try again."),
    500: (
        "Something went wrong here",
        "The fault is ours, and it has been written to the log. Nothing was changed. Please try again in a minute.",
    ),
}


def init_app(app: Flask) -> None:
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(UmstripeError, _umstripe_error)
    app.register_error_handler(Exception, _unexpected_error)


def error_page(code: int, title: str, text: str) -> tuple[str, int]:
    """Render an error page. Return it with its HTTP status."""
    return render_template("errors/error.html", code=code, title=title, text=text), code


def _http_error(error: HTTPException) -> ResponseReturnValue | HTTPException:
    code = error.code or 500
    if code < 400:
        return error
    return error_page(code, *PAGES.get(code, PAGES[400 if code < 500 else 500]))


def _umstripe_error(error: UmstripeError) -> ResponseReturnValue:
    return error_page(500, "This could not be done", str(error))


def _unexpected_error(error: Exception) -> ResponseReturnValue:
    structlog.get_logger().error("unexpected error", exc_info=error)
    return error_page(500, *PAGES[500])
