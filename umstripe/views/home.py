from __future__ import annotations

from flask import Blueprint, redirect, session, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user

from umstripe.views.offers import PENDING_PLAN

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
def index() -> ResponseReturnValue:
    if not current_user.is_authenticated:
        return redirect(url_for("security.login"))
    if key := session.pop(PENDING_PLAN, ""):
        return redirect(url_for("subscribe.show", key=key))
    return redirect(url_for("admin.dashboard" if current_user.is_administrator else "account.index"))
