from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("plans", __name__, url_prefix="/plans")


@blueprint.get("/")
def index():
    return ""
