from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("activity", __name__, url_prefix="/activity")


@blueprint.get("/")
def index():
    return ""
