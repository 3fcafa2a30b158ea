from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError

from umstripe.database import db
from umstripe.errors import NotAllowed
from umstripe.forms.role import RoleForm
from umstripe.models import Role, Settings
from umstripe.views.log import log

blueprint = Blueprint("roles", __name__, url_prefix="/roles")


@blueprint.route("/", methods=["GET", "POST"])
def index() -> ResponseReturnValue:
    form = RoleForm()
    if form.validate_on_submit():
        try:
            role = Role.create(form.name.data)
            log("role.created", f"Role {role.name} created")
            db.session.commit()
            flash(f"The role “{role.name}” is created.", "success")
            return redirect(url_for(".index"), 303)
        except (NotAllowed, IntegrityError) as error:
            db.session.rollback()
            form.name.errors = [_message(error)]
    return render_template(
        "admin/roles/index.html", form=form, roles=Role.with_uses(), default_id=Settings.get().default_role_id
    )


@blueprint.route("/<id:role_id>", methods=["GET", "POST"])
def edit(role_id: int) -> ResponseReturnValue:
    role = _role_or_404(role_id)
    form = RoleForm(obj=role)
    if form.validate_on_submit():
        name_before = role.name
        try:
            role.rename(form.name.data)
            log("role.renamed", f"Role {name_before} is called {role.name} now")
            db.session.commit()
            flash("The role is renamed.", "success")
            return redirect(url_for(".index"), 303)
        except (NotAllowed, IntegrityError) as error:
            db.session.rollback()
            form.name.errors = [_message(error)]
    return render_template("admin/roles/edit.html", form=form, role=role)


@blueprint.route("/<id:role_id>/delete", methods=["GET", "POST"])
def delete(role_id: int) -> ResponseReturnValue:
    role = _role_or_404(role_id)
    form = RoleForm(obj=role)
    if not form.is_submitted():
        return render_template("admin/roles/delete.html", role=role, uses=role.uses())
    try:
        role.delete()
        log("role.deleted", f"Role {role.name} deleted")
        db.session.commit()
        flash(f"The role “{role.name}” is deleted.", "success")
    except (NotAllowed, IntegrityError) as error:
        db.session.rollback()
        flash(_message(error), "error")
    return redirect(url_for(".index"), 303)


def _role_or_404(role_id: int) -> Role:
    """Return a role that may be changed. Raise NotFound for the administrator's."""
    role = db.get_or_404(Role, role_id)
    if role.is_administrator:
        abort(404)
    return role


def _message(error: NotAllowed | IntegrityError) -> str:
    """Return the error for people: an IntegrityError means that two administrators saved at once."""
    if isinstance(error, NotAllowed):
        return str(error)
    return "Another administrator has changed the roles at the same moment. Look at the list, then try again."
