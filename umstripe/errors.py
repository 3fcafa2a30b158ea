"""Errors with a sentence for people, and the pages that show the HTTP ones."""

from __future__ import annotations

import structlog
from flask import Flask, render_template
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException


class UmstripeError(Exception):
    """A rule was broken or something outside failed. `str()` is a sentence for people: what, and what to do."""


class ConfigError(UmstripeError):
    """A value of the environment is wrong. The sentence names it; the start stops."""


class NotAllowed(UmstripeError):
    """A rule of ours says no: a role that is in use, a plan that names an administrator role."""


class ActionUnavailable(NotAllowed):
    """What a member asked for cannot be done, or is done already. The sentence is for the member."""


class ClonedSite(NotAllowed):
    """The database was made somewhere else, so nothing is written to Stripe from here."""

    def __init__(self) -> None:
        super().__init__(
            "This looks like a copy of a site that lives somewhere else, so nothing is changed at Stripe from here. "
            "Press “Say what this site is” and say which of the two it is."
        )


class StripeError(UmstripeError):
    """Stripe did not do what was asked.

    Made anew from its sentence alone, then given its attributes: so background work keeps it between two steps.
    """


class StripeUnavailable(StripeError):
    """No answer that says anything: `reason` is `timeout`, `network`, `server`, `busy` or `rate_limit`. Worth a retry."""

    def __init__(self, sentence: str, reason: str = "") -> None:
        super().__init__(sentence)
        self.reason = reason


class StripeRefused(StripeError):
    """Stripe said no, and would say it again.

    `status` is the HTTP status, `code` Stripe's error code or "", `as_of` the answer's date in seconds, `param` the
    parameter that it is about or "".
    """

    def __init__(
        self, sentence: str, status: int = 0, code: str = "", as_of: int = 0, param: str = ""
    ) -> None:
        super().__init__(sentence)
        self.status, self.code, self.as_of, self.param = status, code, as_of, param


class DeliveryNotStored(UmstripeError):
    """A delivery could not be applied, and that could not be written down either."""


class MalformedObject(StripeError):
    """An object of Stripe's has a field that cannot be read. It would be the same in every further try."""


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
