"""Request bodies: one that cannot be read is the client's mistake (400 or 413), on every address."""

from __future__ import annotations

from typing import Any

import flask
from gunicorn.http.errors import NoMoreData, ParseException
from werkzeug.datastructures import FileStorage, ImmutableMultiDict
from werkzeug.exceptions import BadRequest, HTTPException
from werkzeug.utils import cached_property

from umstripe.normalization import has_too_many_marks


class Request(flask.Request):
    """Flask's request, whose form raises nothing but 400 and 413, and raises them once.

    The error page reads the form again (the token of its log-out form); it is empty by then.
    """

    @property
    def files(self) -> ImmutableMultiDict[str, FileStorage]:
        """Always empty: no form of this site takes files, so none reaches a field that expects text."""
        return ImmutableMultiDict()

    @property
    def is_json(self) -> bool:
        """False: no address takes JSON. Stripe's deliveries are read as raw bytes.

        Flask-Security would otherwise parse every JSON body for a token, without a limit on its depth.
        """
        return False

    @cached_property
    def cookies(self) -> ImmutableMultiDict[str, str]:
        """Without those that are not ASCII: none of this site's is, and Flask-Login breaks on a remember cookie of them."""
        cookies = super().cookies.items(multi=True)
        return ImmutableMultiDict([(name, value) for name, value in cookies if value.isascii()])

    def get_data(self, *args: Any, **kwargs: Any) -> Any:
        """Return the body as Flask does. Raise BadRequest for chunks that gunicorn cannot parse."""
        try:
            return super().get_data(*args, **kwargs)
        except (NoMoreData, ParseException) as error:
            raise BadRequest from error

    def _load_form_data(self) -> None:
        try:
            super()._load_form_data()
            if None in self.form:
                raise BadRequest("A part of the form has no name.")
            if any(has_too_many_marks(value) for _, value in self.form.items(multi=True)):
                raise BadRequest("A field has more accents on one letter than any text.")
        except HTTPException:
            self._forget_form()
            raise
        except (ArithmeticError, LookupError, TypeError, ValueError, NoMoreData, ParseException) as error:
            self._forget_form()
            raise BadRequest from error

    def _forget_form(self) -> None:
        empty: ImmutableMultiDict[str, str] = ImmutableMultiDict()
        self.__dict__.update(form=empty)
