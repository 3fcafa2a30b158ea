from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user, login_user
from sqlalchemy.exc import IntegrityError

from umstripe.accounts.registration import Registration
from umstripe.accounts.registration_request import RegistrationRequest
from umstripe.database import db
from umstripe.extensions import MAIL_LINKS, REGISTRATIONS, client_address
from umstripe.forms.register import FinishForm, RegisterForm
from umstripe.models import Plan, Settings, User
from umstripe.security.rate_limits import limiter, password_tries
from umstripe.views.offers import PENDING_PLAN, plan_or_abort, redirect_to_checkout

blueprint = Blueprint("register", __name__)


@blueprint.route("/register", methods=["GET", "POST"])
@limiter.limit(REGISTRATIONS, methods=["POST"])
def register() -> ResponseReturnValue:
    settings, key = Settings.get(), request.args.get("plan", "")
    if current_user.is_authenticated:
        chosen = request.form.get(
            "plan", key
        )  # the form again, by the back button: what is chosen in it counts
        return _continue(plan_or_abort(chosen) if chosen else None)
    linked_plan = plan_or_abort(key) if key else None
    plans = _plan_choices(settings, linked_plan)
    if not plans and not settings.register_without_plan:
        return render_template("register/no_plan.html", plans=Plan.on_offer(settings.mode))
    form = RegisterForm(settings, plans, linked_plan)
    if form.validate_on_submit():
        if form.finishes_by_mail:
            return _request_by_mail(form)
        user, has_failed = _create_user(form)
        if not has_failed:
            return _welcome(user, form)
    return render_template("register/register.html", form=form, settings=settings, linked_plan=linked_plan)


@blueprint.get("/register/mail")
def mail() -> ResponseReturnValue:
    """Say that a mail was sent, whether the address has an account or not."""
    return render_template("register/mail.html")


def _plan_choices(settings: Settings, linked_plan: Plan | None) -> list[Plan]:
    """Return the plans that the form takes: the link's, and with the setting all that are on offer."""
    offered = Plan.on_offer(settings.mode) if settings.register_field == "several" else []
    return [*([linked_plan] if linked_plan and linked_plan not in offered else []), *offered]


def _request_by_mail(form: RegisterForm) -> ResponseReturnValue:
    """Send the mail of a registration. The answer is the same whether the address has an account or not."""
    plan, billing_email = form.chosen_plan, form.billing_email.data if form.billing_email else ""
    RegistrationRequest(
        form.username.data or "", form.email.data or "", billing_email or "", plan.short_key if plan else ""
    ).send(client_address(), request.path)
    db.session.commit()
    return redirect(url_for(".mail"), 303)


@blueprint.route("/register/finish/<token>", methods=["GET", "POST"])
@limiter.limit(MAIL_LINKS, methods=["POST"])
def finish(token: str) -> ResponseReturnValue:
    """Finish a registration with the link in the mail: choose the password, then pay for the chosen plan."""
    registration_request = RegistrationRequest.of(token)
    if registration_request is None:
        return render_template("register/over.html"), 404
    form = FinishForm(registration_request)
    if form.validate_on_submit():
        user = _create_requested_user(registration_request, form)
        if user is not None:
            login_user(user)
            db.session.commit()
            flash("Your password is set, and you are logged in.", "success")
            return _continue(_requested_plan(registration_request), user)
    return render_template(
        "register/finish.html", form=form, registration_request=registration_request, token=token
    )


def _requested_plan(registration_request: RegistrationRequest) -> Plan | None:
    return plan_or_abort(registration_request.plan) if registration_request.plan else None


def _create_requested_user(registration_request: RegistrationRequest, form: FinishForm) -> User | None:
    """Create the account. Return None, with an error in the form, if somebody else has taken its name."""
    email, billing_email = registration_request.email, registration_request.billing_email
    account = (form.username.data or "", email, form.password.data or "", billing_email)
    try:
        user = Registration(*account, address=client_address(), path=request.path).made(is_confirmed=True)
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        form.validate()
        return None
    return user


def _create_user(form: RegisterForm) -> tuple[User | None, bool]:
    """Return the new account, None for an address that has one, and whether it failed.

    On failure somebody else has just taken the name, and the form has an error.
    """
    billing_email = form.billing_email.data if form.billing_email else ""
    account = (form.username.data, form.email.data, form.password.data, billing_email or "")
    registration = Registration(*account, address=client_address(), path=request.path)
    tries = password_tries(form.email.data or "")
    tries.begin()
    for _ in range(2):
        try:
            user = registration.user()
            db.session.commit()
            if user is not None:
                tries.succeeded()
            return user, False
        except IntegrityError:
            db.session.rollback()
            if not form.validate():
                break
    tries.succeeded()
    return None, True


def _welcome(user: User | None, form: RegisterForm) -> ResponseReturnValue:
    if user is None:
        return redirect(url_for(".mail"), 303)
    login_user(user)
    db.session.commit()
    return _continue(form.chosen_plan, user)


def _continue(plan: Plan | None, user: User | None = None) -> ResponseReturnValue:
    """Redirect a submitted form to Checkout; an opened link shows first what is to be paid."""
    session.pop(PENDING_PLAN, None)
    if plan is None:
        return redirect(url_for("account.index"), 303)
    if request.method == "POST":
        return redirect_to_checkout(user or current_user, plan)
    return redirect(url_for("subscribe.show", key=plan.short_key), 303)
