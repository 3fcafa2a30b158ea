from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for

from umstripe.database import db
from umstripe.errors import Rejected
from umstripe.forms.plan import plan_form
from umstripe.models import Plan, Settings
from umstripe.views.admin.log import log
from umstripe.views.lists import page_number, text_argument

blueprint = Blueprint("plans", __name__, url_prefix="/plans")
PER_PAGE = 20
TYPES = ("recurring", "one_time")


@blueprint.get("/")
def index():
    asked = {name: text_argument(name) for name in ("mode", "type", "search")}
    mode = asked["mode"] if asked["mode"] in ("test", "live") else Settings.get().mode
    page = Plan.listed(page_number(), PER_PAGE, mode, asked["type"], asked["search"])
    return render_template(
        "admin/plans/index.html",
        page=page,
        mode=mode,
        asked=asked,
        counts={one: Plan.count(one) for one in ("test", "live")},
        arguments={**asked, "mode": mode},
    )


@blueprint.route("/<id:plan_id>", methods=["GET", "POST"])
def edit(plan_id: int):
    plan = db.get_or_404(Plan, plan_id)
    form = plan_form(plan)
    if form.validate_on_submit():
        try:
            changes = [*plan.entitle(form.title.data or ""), *plan.map_roles(form.roles)]
        except Rejected as rejected:
            flash(str(rejected), "error")
            return render_template("admin/plans/edit.html", plan=plan, form=form)
        if changes:
            log("plan.changed", f"{plan.title}: {'; '.join(changes)}", mode=plan.mode)
        db.session.commit()
        flash("Plan updated.", "success")
        return redirect(url_for(".edit", plan_id=plan.id), 303)
    return render_template("admin/plans/edit.html", plan=plan, form=form)
