from __future__ import annotations

import time
from typing import Any

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
from umstripe.views.lists import page_number, text_argument
from umstripe.views.log import log
from umstripe.webhooks import reconcile

blueprint = Blueprint("users", __name__, url_prefix="/users")
PER_PAGE = 20


@blueprint.get("/")
def index() -> ResponseReturnValue:
    query = {name: text_argument(name) for name in ("role", "status", "search")}
    role = query["role"]
    role_id = int(role) if role.isdecimal() and len(role) < 10 else 0
    page = users.listed(page_number(), PER_PAGE, role_id, query["status"], query["search"])
    return render_template(
        "admin/users/index.html",
        page=page,
        rows=users.rows(page.items),
        query=query,
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
        user = _create(form)
        if user is not None:
            _create_customer(user)
            flash(f"{user.username} is added.", "success")
            return redirect(url_for(".edit", user_id=user.id), 303)
    return render_template("admin/users/add.html", form=form)


def _create(form: AddUserForm) -> User | None:
    """Create the user. Return None, with an error in the form, if somebody else was faster."""
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
        form.validate_again()
        return None
    return user


@blueprint.route("/<id:user_id>", methods=["GET", "POST"])
def edit(user_id: int) -> ResponseReturnValue:
    user = User.get_for_update(user_id) if request.method == "POST" else db.session.get(User, user_id)
    if user is None:
        abort(404)
    form = EditUserForm(user)
    if form.validate_on_submit() and _save(form, user):
        if user.id == current_user.id:
            login_user(user)
        flash("User updated.", "success")
        return redirect(url_for(".edit", user_id=user_id), 303)
    return render_template("admin/users/edit.html", form=form, **_context(user))


def _save(form: EditUserForm, user: User) -> bool:
    """Save the user. Return False, with errors in the form, if a rule or the database refuses."""
    try:
        _change(form, user)
        db.session.commit()
    except NotAllowed as error:
        db.session.rollback()
        form.roles.errors = [str(error)]
        return False
    except IntegrityError:
        db.session.rollback()
        form.validate_again()
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


def _context(user: User) -> dict[str, Any]:
    """Return what the template shows beside the form."""
    at, settings = int(time.time()), Settings.get()
    explained = effective_roles.explained(user, at)
    in_force = {role for role, _ in explained}
    memberships = effective_roles.holdings_of([user.id], ("live", "test"))
    return {
        "user": user,
        "effective_roles": explained,
        "set_aside": [role for role in user.roles if role not in in_force],
        "memberships": [(membership, membership.status_at(at)) for membership in memberships],
        "disputes": Dispute.of_user(user.id),
        "counted_modes": settings.counted_modes,
        "connection": Connection.of(settings.mode),
        "has_customer": user.customer(settings.mode) is not None,
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
    """Compare the user's customers with Stripe and repair the differences."""
    user = db.get_or_404(User, user_id)
    customers = [
        (customer.mode, customer.stripe_customer_id)
        for customer in user.customers
        if Connection.of(customer.mode).has_keys
    ]
    try:
        repaired = [difference for customer in customers for difference in reconcile.sync(*customer, "admin")]
        states = "; ".join(f"{difference.stripe_object_id} was {difference.local}" for difference in repaired)
        result = f"Put right: {states}." if repaired else "Everything was right."
        flash(f"Stripe was asked. {result}", "success")
    except UmstripeError as error:
        flash(f"This could not be compared with Stripe. {error}", "error")
    return redirect(url_for(".edit", user_id=user_id), 303)


@blueprint.post("/<id:user_id>/customer")
def create_customer(user_id: int) -> ResponseReturnValue:
    user = db.get_or_404(User, user_id)
    if _create_customer(user):
        flash("The customer is made at Stripe.", "success")
    return redirect(url_for(".edit", user_id=user_id), 303)


def _create_customer(user: User) -> bool:
    """Create a customer at Stripe. Return False, with a notice, if that fails: a button does it later."""
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
    description = f"Customer {customer.stripe_customer_id} made at Stripe"
    log("customer.created", description, mode=connection.mode, user_id=user.id)
    db.session.commit()
    return True
