from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user, login_user
from sqlalchemy.exc import IntegrityError
from werkzeug.wrappers import Response

from umstripe.accounts.registration import Registration
from umstripe.accounts.registration_request import RegistrationRequest
from umstripe.database import db
from umstripe.extensions import MAIL_LINKS, REGISTRATIONS, caller_address
from umstripe.forms.register import FinishForm, RegisterForm
from umstripe.models import Plan, Settings, User
from umstripe.security.rate_limits import limiter, password_tries
from umstripe.views.offers import WANTED, plan_of_link, to_checkout

blueprint = Blueprint("register", __name__)


@blueprint.route("/register", methods=["GET", "POST"])
@limiter.limit(REGISTRATIONS, methods=["POST"])
def register() -> ResponseReturnValue:
    settings, key = Settings.get(), request.args.get("plan", "")
    if current_user.is_authenticated:
        wanted = request.form.get(
            "plan", key
        )  # the form again, by the back button: what is chosen in it counts
        return _go_on(plan_of_link(wanted) if wanted else None)
    linked = plan_of_link(key) if key else None
    plans = _choices(settings, linked)
    if not plans and not settings.register_without_plan:
        return render_template("register/no_plan.html", plans=Plan.on_offer(settings.mode))
    form = RegisterForm(settings, plans, linked)
    if form.validate_on_submit():
        if form.finishes_by_mail:
            return _requested(form)
        user, failed = _registered(form)
        if not failed:
            return _welcome(user, form)
    return render_template("register/register.html", form=form, settings=settings, linked=linked)


@blueprint.get("/register/mail")
def mail() -> ResponseReturnValue:
    """What is shown whether the address has an account or not."""
    return render_template("register/mail.html")


def _choices(settings: Settings, linked: Plan | None) -> list[Plan]:
    """The plans that the form takes: the link's, and with the setting all that are on offer."""
    offered = Plan.on_offer(settings.mode) if settings.register_field == "several" else []
    return [*([linked] if linked and linked not in offered else []), *offered]


def _requested(form: RegisterForm) -> Response:
    """The same answer whether the address has an account or not: what comes of it is in the mail."""
    plan, billing_email = form.chosen_plan, form.billing_email.data if form.billing_email else ""
    RegistrationRequest(
        form.username.data or "", form.email.data or "", billing_email or "", plan.short_key if plan else ""
    ).send(caller_address(), request.path)
    db.session.commit()
    return redirect(url_for(".mail"), 303)


@blueprint.route("/register/finish/<token>", methods=["GET", "POST"])
@limiter.limit(MAIL_LINKS, methods=["POST"])
def finish(token: str) -> ResponseReturnValue:
    """The link in the mail: whoever reads it chooses the password, and goes on to pay what was chosen."""
    asked = RegistrationRequest.from_token(token)
    if asked is None:
        return render_template("register/over.html"), 404
    form = FinishForm(asked)
    if form.validate_on_submit():
        user = _finished(asked, form)
        if user is not None:
            login_user(user)
            db.session.commit()
            flash("Your password is set, and you are logged in.", "success")
            return _go_on(plan_of_link(asked.plan) if asked.plan else None, user)
    return render_template("register/finish.html", form=form, asked=asked, token=token)


def _finished(asked: RegistrationRequest, form: FinishForm) -> User | None:
    typed = (form.username.data or "", asked.email, form.password.data or "", asked.billing_email)
    try:
        user = Registration(*typed, address=caller_address(), path=request.path).create(is_confirmed=True)
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        form.validate()
        return None
    return user


def _registered(form: RegisterForm) -> tuple[User | None, bool]:
    """The account, and whether it failed: then the form says at its fields what somebody else has just taken."""
    billing_email = form.billing_email.data if form.billing_email else ""
    typed = (form.username.data, form.email.data, form.password.data, billing_email or "")
    registration = Registration(*typed, address=caller_address(), path=request.path)
    tries = password_tries(form.email.data or "")
    tries.begin()
    for _ in range(2):
        try:
            user = registration.find_or_create()
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


def _welcome(user: User | None, form: RegisterForm) -> Response | tuple[str, int]:
    if user is None:
        return redirect(url_for(".mail"), 303)
    login_user(user)
    db.session.commit()
    return _go_on(form.chosen_plan, user)


def _go_on(plan: Plan | None, user: User | None = None) -> Response | tuple[str, int]:
    """A form that was sent goes straight on to Checkout; an opened link shows first what is to be paid."""
    session.pop(WANTED, None)
    if plan is None:
        return redirect(url_for("account.index"), 303)
    if request.method == "POST":
        return to_checkout(user or current_user, plan)
    return redirect(url_for("subscribe.show", key=plan.short_key), 303)
