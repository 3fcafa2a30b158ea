from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from umstripe import schema

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> ResponseReturnValue:
    """The process answers."""
    return {"status": "ok"}


@blueprint.get("/readyz")
def readyz() -> ResponseReturnValue:
    """The process answers, and its database is there and of this version; 503 when it is not."""
    try:
        found = schema.state()
    except Exception:
        return {"status": "no database"}, 503
    return {"status": found}, 200 if found == schema.FITS else 503
