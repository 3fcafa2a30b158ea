from __future__ import annotations

from flask import Blueprint, render_template
from flask_security import current_user

blueprint = Blueprint("account", __name__, url_prefix="/account")


@blueprint.get("/")
def index():
    return render_template("account/index.html", user=current_user, roles=current_user.effective_roles())
