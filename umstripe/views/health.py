from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from umstripe import schema

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> ResponseReturnValue:
    """Return 200 while the process answers."""
    return {"status": "ok"}


@blueprint.get("/readyz")
def readyz() -> ResponseReturnValue:
    """Return 200 while the database can be read and is of this version, 503 otherwise."""
    try:
        state = schema.state()
    except Exception:
        return {"status": "no database"}, 503
    return {"status": state}, 200 if state == schema.FITS else 503
