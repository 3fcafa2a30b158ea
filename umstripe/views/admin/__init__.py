"""What administrators see. One module per area, each with its own blueprint inside this one."""

from __future__ import annotations

from flask import Blueprint, render_template, url_for
from flask.typing import ResponseReturnValue

from umstripe.health import trouble
from umstripe.memberships import holdings
from umstripe.models import Connection, Delivery, Job, Plan, Settings
from umstripe.views.admin import (
    activity,
    approvals,
    copy,
    deliveries,
    health,
    invoices,
    mails,
    plan,
    roles,
    selling,
    settings,
    texts,
    users,
)

admin = Blueprint("admin", __name__, url_prefix="/admin")
for area in (
    settings,
    selling,
    copy,
    texts,
    mails,
    plan,
    approvals,
    users,
    invoices,
    roles,
    activity,
    deliveries,
    health,
):
    admin.register_blueprint(area.blueprint)


@admin.get("/")
def dashboard() -> ResponseReturnValue:
    mode = Settings.get().mode
    connection, last = Connection.of(mode), Delivery.last(mode)
    steps = _steps(connection, last)
    return render_template(
        "admin/dashboard.html", connection=connection, last=last, mode=mode, steps=steps, trouble=trouble()
    )


def _steps(connection: Connection, last: Delivery | None) -> list[tuple[str, str, bool]]:
    """What there is to do until the site sells: what, where, whether it is done."""
    sold = holdings.anything_was_sold(connection.mode)
    imported = Job.of(connection.mode, "import").state == "done"
    return [
        ("Connect your Stripe account", url_for(".settings.stripe"), connection.is_connected),
        ("Import your prices", url_for(".settings.stripe"), imported),
        ("Say which role each plan gives", url_for(".plans.index"), Plan.any_is_mapped()),
        ("Make a first sale: open a plan’s Subscribe URL in a private window", url_for(".plans.index"), sold),
        ("See that Stripe’s deliveries come", url_for(".deliveries.index"), last is not None),
    ]
