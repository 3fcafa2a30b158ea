from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError

from umstripe.database import db
from umstripe.forms.plan import PRICE_TAKEN, AddPlanForm
from umstripe.listings import plans as plan_list
from umstripe.models import Plan, Settings
from umstripe.models.offer import STATUSES
from umstripe.models.site_address import site_url
from umstripe.views.lists import page_number, text_argument
from umstripe.views.log import log

blueprint = Blueprint("plans", __name__, url_prefix="/plans")
PER_PAGE = 20
MODES = ("test", "live")
STATUS_WORDS = {"published": "published", "draft": "a draft", "closed": "closed"}
PARAMETERS = ("mode", "state", "type", "search", "sort", "order")


@blueprint.get("/")
def index() -> ResponseReturnValue:
    query = {name: text_argument(name) for name in PARAMETERS}
    mode = query["mode"] = query["mode"] if query["mode"] in MODES else Settings.get().mode
    filters = (mode, query["state"], query["type"], query["search"])
    page = plan_list.listed(page_number(), PER_PAGE, *filters, query["sort"], query["order"] == "desc")
    return render_template(
        "admin/plans/index.html",
        page=page,
        query=query,
        counts={each_mode: plan_list.count(each_mode) for each_mode in MODES},
        state_counts=[
            (state, label, plan_list.count(mode, state)) for state, label in plan_list.STATES.items()
        ],
        subscribers=plan_list.subscribers(page.items),
        site_url=site_url(),
    )


@blueprint.route("/add", methods=["GET", "POST"])
def add() -> ResponseReturnValue:
    mode = text_argument("mode")
    mode = mode if mode in MODES else Settings.get().mode
    form = AddPlanForm(Plan.free_prices(mode))
    if form.validate_on_submit():
        try:
            price, role = form.prices[form.price_id.data], Settings.get().default_role
            plan = Plan.make(price, form.title.data or "", role)
            db.session.flush()
            log("plan.created", f"{plan.title} made by hand for {price.stripe_price_id}", mode=mode)
            db.session.commit()
            flash("The plan is made as a draft. Set it up, then publish it.", "success")
            return redirect(url_for(".edit", plan_id=plan.id), 303)
        except IntegrityError:
            db.session.rollback()
            form.price_id.errors = [PRICE_TAKEN]
    return render_template("admin/plans/add.html", form=form, mode=mode)


@blueprint.post("/bulk")
def bulk() -> ResponseReturnValue:
    """Apply the chosen action to the ticked plans, or that of a plan's own button (`button`: action and id) to it."""
    action, _, plan_id = request.form.get("button", "").partition("-")
    ids = _ids([plan_id] if action else request.form.getlist("ids"))
    action = action or request.form.get("action", "")
    if not ids or action not in (*STATUSES, "trash"):
        flash("Tick at least one plan, and choose what to do with it.", "error")
        return redirect(_list_url(), 303)
    if action == "trash":
        return redirect(url_for(".trash", ids=ids), 303)
    changed = [plan for plan in plan_list.those(ids) if _set_status(plan, action)]
    db.session.commit()
    closed = [plan for plan in changed if action == "published" and plan.is_closed]
    count = len(changed) - len(closed)
    messages = [f"{_plans(count)} {'is' if count == 1 else 'are'} {STATUS_WORDS[action]} now."]
    messages += [f"“{plan.title}” stays c{plan.state[1:]}." for plan in closed]
    flash(" ".join(messages), "success")
    return redirect(_list_url(), 303)


@blueprint.route("/trash", methods=["GET", "POST"])
def trash() -> ResponseReturnValue:
    """Ask, then delete. A plan that somebody has, had or may be paying for is closed instead."""
    plans = plan_list.those(_ids(request.args.getlist("ids")))
    if not plans:
        abort(404)
    if request.method == "GET":
        rows = [(plan, plan_list.members(plan), plan.is_or_was_held()) for plan in plans]
        return render_template("admin/plans/trash.html", rows=rows)
    mode = plans[0].mode
    deleted = [_trash(plan) for plan in plans].count(True)
    db.session.commit()
    messages = [f"{_plans(deleted)} deleted."] if deleted else []
    messages += [f"{_plans(len(plans) - deleted)} closed."] if deleted < len(plans) else []
    flash(" ".join(messages), "success")
    return redirect(url_for(".index", mode=mode), 303)


def _set_status(plan: Plan, status: str) -> list[str]:
    changes = plan.put(status)
    if changes:
        log("plan.changed", f"{plan.title}: {changes[0]}", mode=plan.mode)
    return changes


def _trash(plan: Plan) -> bool:
    """Delete or close a plan. Return whether it was deleted."""
    title, mode, status_before = plan.title, plan.mode, plan.status
    is_deleted = plan.trash()
    if is_deleted:
        log("plan.deleted", f"{title} deleted; its price {plan.price.stripe_price_id} stays", mode=mode)
    elif status_before != plan.status:
        log(
            "plan.changed", f"{title}: status: {STATUSES[status_before]} → {STATUSES[plan.status]}", mode=mode
        )
    return is_deleted


def _ids(texts: list[str]) -> list[int]:
    return [int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) < 10][:PER_PAGE]


def _plans(count: int) -> str:
    return f"{count} {'plan' if count == 1 else 'plans'}"


def _list_url() -> str:
    """Return the address of the list with the filters of the submitted form."""
    query: dict[str, Any] = {name: request.form.get(name) or None for name in (*PARAMETERS, "page")}
    return url_for(".index", **query)
