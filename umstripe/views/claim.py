"""The link in the mail that asks whether a payment was made by the account's owner."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from umstripe.accounts import invitation
from umstripe.accounts.payment_claim import Claim
from umstripe.billing.overview import message_for_member
from umstripe.checkout import claims
from umstripe.database import db
from umstripe.errors import UmstripeError
from umstripe.forms.user import ChosenPassword
from umstripe.security import sessions
from umstripe.security.rate_limits import limiter

blueprint = Blueprint("claim", __name__)


@blueprint.get("/claim/<token>")
def ask(token: str) -> ResponseReturnValue:
    return _page(Claim.of(token), token, ChosenPassword())


def _page(claim: Claim | None, token: str, form: ChosenPassword) -> ResponseReturnValue:
    if claim is None:
        return render_template("claim/over.html"), 404
    return render_template("claim/ask.html", claim=claim, token=token, form=form)


@blueprint.post("/claim/<token>")
@limiter.limit("10 per minute")
def confirm(token: str) -> ResponseReturnValue:
    claim = Claim.of(token)
    form = ChosenPassword(user=claim.user if claim else None)
    if claim is None or (claim.wants_password and not form.validate_on_submit()):
        return _page(claim, token, form)
    if claim.wants_password:
        invitation.accept(claim.user, form.password.data or "")
        db.session.commit()
        sessions.switch_to(claim.user)
    sessions.log_out_unless(claim.user)
    db.session.commit()
    try:
        flash(claims.confirm(claim), "success")
    except UmstripeError as error:
        flash(message_for_member(error), "error")
        return redirect(url_for(".ask", token=token), 303)
    return redirect(url_for("billing.index"), 303)
