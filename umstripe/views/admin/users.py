from __future__ import annotations

import time

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user, login_user
from sqlalchemy.exc import IntegrityError

from umstripe.database import db
from umstripe.errors import NotAllowed, UmstripeError
from umstripe.forms.user import AddUserForm, EditUserForm
from umstripe.listings import users
from umstripe.memberships import effective_roles
from umstripe.models import Connection, Dispute, LoginSession, Mail, Settings, User
from umstripe.security import sessions
from umstripe.statuses import LABELS
from umstripe.views.log import log
from umstripe.views.lists import page_number, text_argument
from umstripe.webhooks import reconcile

blueprint = Blueprint("users", __name__, url_prefix="/users")
PER_PAGE = 20


@blueprint.get("/")
def index() -> ResponseReturnValue:
    asked = {name: text_argument(name) for name in ("role", "status", "search")}
    role_id = int(asked["role"]) if asked["role"].isdecimal() and len(asked["role"]) < 10 else 0
    page = users.listed(page_number(), PER_PAGE, role_id, asked["status"], asked["search"])
    return render_template(
        "admin/users/index.html",
        page=page,
        rows=users.rows(page.items),
        asked=asked,
        count=users.count(),
        counts=users.counts_by_role(),
        statuses=[(key or users.INACTIVE, words) for key, words in LABELS.items()],
    )


@blueprint.route("/add", methods=["GET", "POST"])
def add() -> ResponseReturnValue:
    form = AddUserForm()
    if request.method == "GET":
        form.roles.data = [Settings.get().default_role_id]
    if form.validate_on_submit():
        user = _added(form)
        if user is not None:
            _make_customer(user)
            flash(f"{user.username} is added.", "success")
            return redirect(url_for(".edit", user_id=user.id), 303)
    return render_template("admin/users/add.html", form=form)


def _added(form: AddUserForm) -> User | None:
    user = User(**form.account, roles=form.chosen_roles)
    if form.password.data:
        user.set_password(form.password.data)
    try:
        db.session.add(user)
        db.session.flush()
        names = ", ".join(role.name for role in user.roles) or "none"
        log("user.created", f"{user.username} added, roles: {names}", user_id=user.id)
        if form.notify.data:
            kind = "welcome" if user.password else "invitation"
            Mail.write(db.session.connection(), kind, user.public_id, user.id)
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        form.look_again()
        return None
    return user


@blueprint.route("/<id:user_id>", methods=["GET", "POST"])
def edit(user_id: int) -> ResponseReturnValue:
    user = User.get_for_update(user_id) if request.method == "POST" else db.session.get(User, user_id)
    if user is None:
        abort(404)
    form = EditUserForm(user)
    if form.validate_on_submit() and _changed(form, user):
        if user.id == current_user.id:
            login_user(user)
        flash("User updated.", "success")
        return redirect(url_for(".edit", user_id=user_id), 303)
    return render_template("admin/users/edit.html", form=form, **_screen(user))


def _changed(form: EditUserForm, user: User) -> bool:
    try:
        _change(form, user)
        db.session.commit()
    except NotAllowed as error:
        db.session.rollback()
        form.roles.errors = [str(error)]
        return False
    except IntegrityError:
        db.session.rollback()
        form.look_again()
        return False
    return True


def _change(form: EditUserForm, user: User) -> None:
    changed_roles = user.give_roles(form.chosen_roles)
    if changed_roles:
        log("security.roles_changed", f"{user.username}: {changed_roles}", user_id=user.id)
    changed = user.change(form.account)
    if changed:
        log("user.changed", f"{user.username}: {changed}", user_id=user.id)
    if form.password.data:
        user.set_password(form.password.data)
        log("security.password_set", f"New password for {user.username}", user_id=user.id)


def _screen(user: User) -> dict:
    at, settings = int(time.time()), Settings.get()
    effective = effective_roles.explained(user, at)
    kept = {role for role, _ in effective}
    return {
        "user": user,
        "effective": effective,
        "set_aside": [role for role in user.roles if role not in kept],
        "held": [
            (one, one.status_at(at)) for one in effective_roles.holdings_of([user.id], ("live", "test"))
        ],
        "disputes": Dispute.of_user(user.id),
        "counted": settings.counted_modes,
        "connection": Connection.of(settings.mode),
        "customer": user.customer(settings.mode),
        "logins": LoginSession.count(user),
    }


@blueprint.post("/<id:user_id>/log-out-everywhere")
def log_out_everywhere(user_id: int) -> ResponseReturnValue:
    """End every login of the user. Administrators who do this to themselves are logged out here, too."""
    user = db.get_or_404(User, user_id)
    sessions.log_out_everywhere(user)
    log("security.logged_out_everywhere", f"{user.username} was logged out on all devices", user_id=user.id)
    db.session.commit()
    flash(f"{user.username} is logged out on all devices.", "success")
    return redirect(url_for(".edit", user_id=user_id), 303)


@blueprint.post("/<id:user_id>/sync")
def sync(user_id: int) -> ResponseReturnValue:
    """Make Stripe's truth about the user's customers ours, now."""
    user = db.get_or_404(User, user_id)
    asked = [(one.mode, one.stripe_customer_id) for one in user.customers if Connection.of(one.mode).has_keys]
    try:
        found = [difference for customer in asked for difference in reconcile.sync(*customer, "admin")]
        said = "; ".join(f"{one.stripe_object_id} was {one.local}" for one in found)
        flash(
            f"Stripe was asked. Put right: {said}." if found else "Stripe was asked. Everything was right.",
            "success",
        )
    except UmstripeError as error:
        flash(f"This could not be compared with Stripe. {error}", "error")
    return redirect(url_for(".edit", user_id=user_id), 303)


@blueprint.post("/<id:user_id>/customer")
def make_customer(user_id: int) -> ResponseReturnValue:
    user = db.get_or_404(User, user_id)
    if _make_customer(user):
        flash("The customer is made at Stripe.", "success")
    return redirect(url_for(".edit", user_id=user_id), 303)


def _make_customer(user: User) -> bool:
    """A customer at Stripe for a new user. Without one the user stays, and a button makes it later."""
    connection = Connection.of(Settings.get().mode)
    if not connection.is_connected or user.customer(connection.mode):
        return False
    try:
        customer = connection.create_customer(user)
    except UmstripeError as error:
        flash(
            f"The user has no customer at Stripe yet: {error} Then press “Create customer at Stripe”.",
            "warning",
        )
        return False
    except IntegrityError:
        db.session.rollback()
        return False
    line = {"mode": connection.mode, "user_id": user.id}
    log("customer.created", f"Customer {customer.stripe_customer_id} made at Stripe", **line)
    db.session.commit()
    return True
