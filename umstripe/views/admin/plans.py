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
from umstripe.views.log import log
from umstripe.views.lists import page_number, text_argument

blueprint = Blueprint("plans", __name__, url_prefix="/plans")
PER_PAGE = 20
MODES = ("test", "live")
ASKED = ("mode", "state", "type", "search", "sort", "order")


@blueprint.get("/")
def index() -> ResponseReturnValue:
    asked = {name: text_argument(name) for name in ASKED}
    mode = asked["mode"] = asked["mode"] if asked["mode"] in MODES else Settings.get().mode
    wanted = (mode, asked["state"], asked["type"], asked["search"])
    page = plan_list.listed(page_number(), PER_PAGE, *wanted, asked["sort"], asked["order"] == "desc")
    return render_template(
        "admin/plans/index.html",
        page=page,
        asked=asked,
        counts={one: plan_list.count(one) for one in MODES},
        state_counts=[(one, label, plan_list.count(mode, one)) for one, label in plan_list.STATES.items()],
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
    """Do to the ticked plans what was chosen, or to one what its own button says (`one`: action and id)."""
    action, _, one = request.form.get("one", "").partition("-")
    ids = _ids([one] if action else request.form.getlist("ids"))
    action = action or request.form.get("action", "")
    if not ids or action not in (*STATUSES, "trash"):
        flash("Tick at least one plan, and choose what to do with it.", "error")
        return redirect(_list_address(), 303)
    if action == "trash":
        return redirect(url_for(".trash", ids=ids), 303)
    changed = [plan for plan in plan_list.those(ids) if _put(plan, action)]
    db.session.commit()
    still = [plan for plan in changed if action == "published" and plan.is_closed]
    stay = [f"“{plan.title}” stays c{plan.state[1:]}." for plan in still]
    done = len(changed) - len(stay)
    flash(
        " ".join([f"{_number(done)} {'is' if done == 1 else 'are'} {_DONE[action]} now.", *stay]), "success"
    )
    return redirect(_list_address(), 303)


@blueprint.route("/trash", methods=["GET", "POST"])
def trash() -> ResponseReturnValue:
    """Ask, then delete; what somebody has or had, or may be paying for, is closed instead."""
    plans = plan_list.those(_ids(request.args.getlist("ids")))
    if not plans:
        abort(404)
    if request.method == "GET":
        held = [(plan, plan_list.members(plan), plan.is_or_was_held()) for plan in plans]
        return render_template("admin/plans/trash.html", held=held)
    mode = plans[0].mode
    deleted = [_trashed(plan) for plan in plans].count(True)
    db.session.commit()
    said = [f"{_number(deleted)} deleted."] if deleted else []
    said += [f"{_number(len(plans) - deleted)} closed."] if deleted < len(plans) else []
    flash(" ".join(said), "success")
    return redirect(url_for(".index", mode=mode), 303)


_DONE = {"published": "published", "draft": "a draft", "closed": "closed"}


def _put(plan: Plan, status: str) -> list[str]:
    changes = plan.put(status)
    if changes:
        log("plan.changed", f"{plan.title}: {changes[0]}", mode=plan.mode)
    return changes


def _trashed(plan: Plan) -> bool:
    title, mode, before = plan.title, plan.mode, plan.status
    gone = plan.trash()
    if gone:
        log("plan.deleted", f"{title} deleted; its price {plan.price.stripe_price_id} stays", mode=mode)
    elif before != plan.status:
        log("plan.changed", f"{title}: status: {STATUSES[before]} → {STATUSES[plan.status]}", mode=mode)
    return gone


def _ids(texts: list[str]) -> list[int]:
    return [int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) < 10][:PER_PAGE]


def _number(plans: int) -> str:
    return f"{plans} {'plan' if plans == 1 else 'plans'}"


def _list_address() -> str:
    """The list as it was, with its filters."""
    kept: dict[str, Any] = {name: request.form.get(name) or None for name in (*ASKED, "page")}
    return url_for(".index", **kept)
