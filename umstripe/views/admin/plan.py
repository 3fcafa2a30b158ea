"""The edit screen of a plan, with a preview of the members whose roles a new mapping changes."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError

from umstripe.database import db
from umstripe.errors import NotAllowed
from umstripe.forms.plan import CHANGED_MEANWHILE, PRICE_TAKEN, PlanForm, plan_form
from umstripe.listings import plans
from umstripe.memberships import impact
from umstripe.models import Plan, Settings
from umstripe.models.payment_link_session import REFERENCE
from umstripe.models.site_address import site_url
from umstripe.views.admin.plans import blueprint
from umstripe.views.log import log

NOT_RESENT = ("csrf_token", "password", "sealed", "confirmed", "back")


@blueprint.route("/<id:plan_id>", methods=["GET", "POST"])
def edit(plan_id: int) -> ResponseReturnValue:
    plan = Plan.get_for_update(plan_id) if request.method == "POST" else db.session.get(Plan, plan_id)
    if plan is None:
        abort(404)
    form = plan_form(plan)
    if form.is_submitted() and not form.is_being_filled and form.validate():
        response = _save(plan, form)
        if response is not None:
            return response
    if form.is_submitted():
        form.prepare_to_show_again()
    return render_template("admin/plans/edit.html", form=form, **_screen(plan))


def _save(plan: Plan, form: PlanForm) -> ResponseReturnValue | None:
    """Save, or show the preview. Return None, with an error in the form, when the database or a rule refuses."""
    plan_id = plan.id
    try:
        changes, affected = impact.of((plan.price, form.price), lambda: _change(plan, form))
        if affected.count and not form.confirmed.data:
            db.session.rollback()
            return _preview(plan, form, affected)
        if changes:
            log("plan.changed", f"{plan.title}: {'; '.join(changes)}", mode=plan.mode)
        db.session.commit()
    except (NotAllowed, IntegrityError) as error:
        db.session.rollback()
        form.add_error(_message(error, form))
        return None
    flash("Plan updated.", "success")
    return redirect(url_for(".edit", plan_id=plan_id), 303)


def _change(plan: Plan, form: PlanForm) -> list[str]:
    """Apply the form and return what changed. A plan whose type changes takes nothing that belongs to the other type."""
    type_before = plan.price.type
    changes = [*plan.sell(form.price, Settings.get().default_role), *plan.entitle(form.title.data or "")]
    changes += [*plan.change(form.offer), *plan.put(form.status.data)]
    password = form.new_password_hash
    if password:
        plan.password_hash = password
        changes.append("password changed")
    if plan.price.type != type_before:
        return changes
    changes += [*plan.map_roles(form.roles), *plan.change(form.terms)]
    return [*changes, *plan.let_switch(form.switches)]


def _preview(plan: Plan, form: PlanForm, affected: impact.Impact) -> str:
    form.prepare_to_show_again()
    fields = [(name, value) for name, value in request.form.items(multi=True) if name not in NOT_RESENT]
    return render_template("admin/plans/preview.html", plan=plan, form=form, impact=affected, fields=fields)


def _message(error: NotAllowed | IntegrityError, form: PlanForm) -> str:
    """Return the error for people: an IntegrityError means that two administrators saved at once."""
    if isinstance(error, NotAllowed):
        return str(error)
    return PRICE_TAKEN if "price_id" in form else CHANGED_MEANWHILE


def _screen(plan: Plan) -> dict[str, Any]:
    base = site_url()
    return {
        "plan": plan,
        "members": plans.members(plan),
        "addresses": {
            "short": f"{base}/subscribe/{plan.short_key}",
            "hashed": f"{base}/subscribe/{plan.key}",
            "register": f"{base}/register?plan={plan.key}",
            "reference": f"?client_reference_id={REFERENCE}",
            "success": f"{base}/checkout/success?umm_stripe_sid={{CHECKOUT_SESSION_ID}}",
            "switch": f"{base}/switch-plan/{plan.key}",
        },
    }
