"""The pages of administrators. One module per area, each with its own blueprint inside this one."""

from __future__ import annotations

from flask import Blueprint, render_template, url_for
from flask.typing import ResponseReturnValue

from umstripe.health import problems
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
    return render_template(
        "admin/dashboard.html",
        connection=connection,
        last=last,
        mode=mode,
        steps=_steps(connection, last),
        problems=problems(),
    )


def _steps(connection: Connection, last: Delivery | None) -> list[tuple[str, str, bool]]:
    """Return the steps until the site sells: label, address, whether it is done."""
    has_sold = holdings.anything_was_sold(connection.mode)
    has_imported = Job.of(connection.mode, "import").state == "done"
    return [
        ("Connect your Stripe account", url_for(".settings.stripe"), connection.is_connected),
        ("Import your prices", url_for(".settings.stripe"), has_imported),
        ("Say which role each plan gives", url_for(".plans.index"), Plan.any_is_mapped()),
        (
            "Make a first sale: open a plan’s Subscribe URL in a private window",
            url_for(".plans.index"),
            has_sold,
        ),
        ("See that Stripe’s deliveries come", url_for(".deliveries.index"), last is not None),
    ]
