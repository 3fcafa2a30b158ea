"""What administrators see. One module per area, each with its own blueprint inside this one."""

from __future__ import annotations

from flask import Blueprint, render_template

from umstripe.models import Connection, Delivery, Settings
from umstripe.views.admin import activity, plans, roles, settings, users

admin = Blueprint("admin", __name__, url_prefix="/admin")
for area in (settings, plans, users, roles, activity):
    admin.register_blueprint(area.blueprint)


@admin.get("/")
def dashboard():
    mode = Settings.get().mode
    return render_template(
        "admin/dashboard.html", connection=Connection.of(mode), last=Delivery.last(mode), mode=mode
    )
