from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from umstripe.accounts import setup
from umstripe.database import db
from umstripe.forms.setup import SetupForm
from umstripe.security import hosts, sessions
from umstripe.security.rate_limits import limiter

blueprint = Blueprint("setup", __name__)


@blueprint.route("/setup", methods=["GET", "POST"])
@limiter.limit("30 per minute")
def first_administrator() -> ResponseReturnValue:
    """Create the first administrator, with the one-time token that the first start prints; 404 without it."""
    form = SetupForm(token=request.args.get("token", ""))
    if not setup.is_open(form.token.data or ""):
        abort(404)
    if form.validate_on_submit():
        site_name = form.site_name.data or "Member Site"
        user = setup.set_up(
            form.token.data, site_name, form.username.data, form.email.data, form.password.data, form.address
        )
        db.session.commit()
        sessions.switch_to(user)
        if form.address and not hosts.is_at(form.address):
            return render_template("setup/done.html", site_url=form.address)
        flash("Your site is set up. Next, connect your Stripe account.", "success")
        return redirect(url_for("admin.settings.stripe"))
    return render_template("setup/first_administrator.html", form=form)
