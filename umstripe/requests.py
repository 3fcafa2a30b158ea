"""The request that the application works with."""

from __future__ import annotations

from flask import Request as FlaskRequest
from werkzeug.datastructures import FileStorage, ImmutableMultiDict


class Request(FlaskRequest):
    """A request without files: no form of this site takes any, so none reaches a field that expects text."""

    @property
    def files(self) -> ImmutableMultiDict[str, FileStorage]:  # type: ignore[override]
        return ImmutableMultiDict()
