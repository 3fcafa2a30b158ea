from __future__ import annotations

from flask import Blueprint
from sqlalchemy import text

from umstripe.database import read

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz():
    """The process answers."""
    return {"status": "ok"}


@blueprint.get("/readyz")
def readyz():
    """The process answers and reaches its database; 503 when it does not."""
    try:
        with read() as tx:
            tx.execute(text("SELECT id FROM settings"))
    except Exception:
        return {"status": "no database"}, 503
    return {"status": "ok"}
