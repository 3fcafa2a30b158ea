"""How request bodies are read: one that cannot be read is the sender's mistake (400 or 413), on every address."""

from __future__ import annotations

import flask
from werkzeug.datastructures import FileStorage, ImmutableMultiDict
from werkzeug.exceptions import BadRequest, HTTPException


class Request(flask.Request):
    """Flask's request, whose form raises nothing but 400 and 413, and raises them once.

    The error page reads the form again (the token of its log-out form); it is empty by then.
    """

    @property
    def files(self) -> ImmutableMultiDict[str, FileStorage]:  # type: ignore[override]
        """Always empty: no form of this site takes files, so none reaches a field that expects text."""
        return ImmutableMultiDict()

    @property
    def is_json(self) -> bool:
        """False: no address takes JSON. Stripe's deliveries are read as raw bytes.

        Flask-Security would otherwise parse every JSON body for a token, without a limit on its depth.
        """
        return False

    def _load_form_data(self) -> None:
        try:
            super()._load_form_data()
            if None in self.form:
                raise BadRequest("A part of the form has no name.")
        except HTTPException:
            self._forget_form()
            raise
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            self._forget_form()
            raise BadRequest from error

    def _forget_form(self) -> None:
        empty: ImmutableMultiDict[str, str] = ImmutableMultiDict()
        self.__dict__.update(form=empty)
