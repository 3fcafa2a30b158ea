from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from umstripe.accounts import invitation
from umstripe.database import db
from umstripe.forms.user import ChosenPassword
from umstripe.security import sessions
from umstripe.security.rate_limits import limiter

blueprint = Blueprint("invitation", __name__)


@blueprint.route("/invitation/<token>", methods=["GET", "POST"])
@limiter.limit("30 per minute")
def choose_password(token: str) -> ResponseReturnValue:
    """Let a user who was invited by mail choose a password, then log them in."""
    user = invitation.user_of(token)
    if user is None:
        return render_template("invitation/over.html"), 404
    form = ChosenPassword(user=user)
    if form.validate_on_submit():
        invitation.accept(user, form.password.data or "")
        db.session.commit()
        sessions.switch_to(user)
        flash("Your password is set, and you are logged in.", "success")
        return redirect(url_for("account.index"), 303)
    return render_template("invitation/choose_password.html", form=form, user=user, token=token)
