from __future__ import annotations

import time

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from umstripe.checkout import approvals
from umstripe.database import db
from umstripe.errors import UmstripeError
from umstripe.listings import approvals as approval_list
from umstripe.listings.approvals import Waiting
from umstripe.views.log import log

blueprint = Blueprint("approvals", __name__, url_prefix="/approvals")


@blueprint.get("/")
def index() -> ResponseReturnValue:
    waiting = approval_list.waiting()
    soon = int(time.time()) + approval_list.WARN_SECONDS
    return render_template("admin/approvals/index.html", waiting=waiting, soon=soon, now=int(time.time()))


@blueprint.route("/<id:purchase_id>/<any(approve, refuse):verb>", methods=["GET", "POST"])
def answer(purchase_id: int, verb: str) -> ResponseReturnValue:
    waiting = approval_list.one(purchase_id)
    if waiting is None:
        abort(404)
    if request.method == "GET":
        return render_template("admin/approvals/answer.html", one=waiting, verb=verb)
    _answer(waiting, verb)
    return redirect(url_for(".index"), 303)


def _answer(waiting: Waiting, verb: str) -> None:
    try:
        outcome = approvals.answer(waiting, verb)
    except UmstripeError as error:
        flash(f"Nothing has changed: {error}", "error")
        return
    flash(outcome.says, "success" if outcome.done else "warning")
    if outcome.done:
        line = {"mode": waiting.purchase.mode, "user_id": waiting.user.id}
        details = {"object": waiting.purchase.stripe_payment_intent_id}
        log(f"purchase.{verb}", f"{waiting.user.username}: {outcome.says}", **line, details=details)
        db.session.commit()
