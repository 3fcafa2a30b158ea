from __future__ import annotations

import time

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from umstripe.checkout import approvals
from umstripe.database import db
from umstripe.errors import UmstripeError
from umstripe.listings import approvals as approval_list
from umstripe.listings.approvals import PendingApproval
from umstripe.views.log import log

blueprint = Blueprint("approvals", __name__, url_prefix="/approvals")


@blueprint.get("/")
def index() -> ResponseReturnValue:
    pending = approval_list.pending()
    soon = int(time.time()) + approval_list.WARN_SECONDS
    return render_template("admin/approvals/index.html", pending=pending, soon=soon, now=int(time.time()))


@blueprint.route("/<id:purchase_id>/<any(approve, refuse):verb>", methods=["GET", "POST"])
def answer(purchase_id: int, verb: str) -> ResponseReturnValue:
    approval = approval_list.get(purchase_id)
    if approval is None:
        abort(404)
    if request.method == "GET":
        return render_template("admin/approvals/answer.html", approval=approval, verb=verb)
    _answer(approval, verb)
    return redirect(url_for(".index"), 303)


def _answer(approval: PendingApproval, verb: str) -> None:
    try:
        outcome = approvals.decide(approval, verb)
    except UmstripeError as error:
        flash(f"Nothing has changed: {error}", "error")
        return
    flash(outcome.message, "success" if outcome.applied else "warning")
    if outcome.applied:
        line = {"mode": approval.purchase.mode, "user_id": approval.user.id}
        details = {"object": approval.purchase.stripe_payment_intent_id}
        log(f"purchase.{verb}", f"{approval.user.username}: {outcome.message}", **line, details=details)
        db.session.commit()
