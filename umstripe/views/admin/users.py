from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("users", __name__, url_prefix="/users")


@blueprint.get("/")
def index():
    return ""


@blueprint.get("/add")
def add():
    return ""
