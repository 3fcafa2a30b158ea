from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask_security import current_user, login_user
from sqlalchemy.exc import IntegrityError
from werkzeug.wrappers import Response

from umstripe.database import db
from umstripe.extensions import LOGIN_TRIES, caller_address, limiter
from umstripe.forms.register import RegisterForm
from umstripe.models import Plan, Settings, User
from umstripe.models.registration import Registration
from umstripe.views.offers import WANTED, plan_of_link, to_checkout

blueprint = Blueprint("register", __name__)


@blueprint.route("/register", methods=["GET", "POST"])
@limiter.limit(LOGIN_TRIES, methods=["POST"])
def register():
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
        user, failed = _registered(form)
        if not failed:
            return _welcome(user, form)
    return render_template("register/register.html", form=form, settings=settings, linked=linked)


@blueprint.get("/register/mail")
def mail():
    """What is shown instead of "this address is taken"."""
    return render_template("register/mail.html")


def _choices(settings: Settings, linked: Plan | None) -> list[Plan]:
    """The plans that the form takes: the link's, and with the setting all that are on offer."""
    offered = Plan.on_offer(settings.mode) if settings.register_field == "several" else []
    return [*([linked] if linked and linked not in offered else []), *offered]


def _registered(form: RegisterForm) -> tuple[User | None, bool]:
    """The account, and whether it failed: then the form says at its fields what somebody else has just taken."""
    billing_email = form.billing_email.data if form.billing_email else ""
    typed = (form.username.data, form.email.data, form.password.data, billing_email or "")
    registration = Registration(*typed, address=caller_address(), path=request.path)
    for _ in range(2):
        try:
            user = registration.user()
            db.session.commit()
            return user, False
        except IntegrityError:
            db.session.rollback()
            if not form.validate():
                break
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
