from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("roles", __name__, url_prefix="/roles")


@blueprint.get("/")
def index():
    return ""
