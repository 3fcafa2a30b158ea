"""The link in the mail that asks whether a payment was the account owner's."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for

from umstripe.database import db
from umstripe.errors import UmstripeError
from umstripe.extensions import limiter
from umstripe.models.claim import Claim
from umstripe.selling import claims

blueprint = Blueprint("claim", __name__)


@blueprint.get("/claim/<token>")
def ask(token: str):
    claim = Claim.of(token)
    if claim is None:
        return render_template("claim/over.html"), 404
    return render_template("claim/ask.html", claim=claim, token=token)


@blueprint.post("/claim/<token>")
@limiter.limit("10 per minute")
def confirm(token: str):
    claim = Claim.of(token)
    if claim is None:
        return render_template("claim/over.html"), 404
    db.session.commit()
    try:
        flash(claims.confirm(claim), "success")
    except UmstripeError as error:
        flash(str(error), "error")
        return redirect(url_for(".ask", token=token), 303)
    return redirect(url_for("billing.index"), 303)
