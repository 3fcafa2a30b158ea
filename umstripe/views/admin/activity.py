from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from umstripe.models import Activity, Settings
from umstripe.models.activity import TRIGGERS
from umstripe.views.lists import page_number, text_argument

blueprint = Blueprint("activity", __name__, url_prefix="/activity")
PER_PAGE = 50


@blueprint.get("/")
def index() -> ResponseReturnValue:
    query = {name: text_argument(name) for name in ("action", "trigger", "search")}
    return render_template(
        "admin/activity/index.html",
        page=Activity.listed(page_number(), PER_PAGE, query["action"], query["trigger"], query["search"]),
        query=query,
        actions=[(action, action) for action in Activity.actions()],
        triggers=list(TRIGGERS.items()),
        is_off=Settings.get().activity_off,
    )
