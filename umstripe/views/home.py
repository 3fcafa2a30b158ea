from __future__ import annotations

from flask import Blueprint, redirect, url_for
from flask_security import current_user

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
def index():
    if not current_user.is_authenticated:
        return redirect(url_for("security.login"))
    return redirect(url_for("admin.dashboard" if current_user.is_administrator else "account.index"))
