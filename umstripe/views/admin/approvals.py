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
    orders = approval_list.waiting()
    soon = int(time.time()) + approval_list.WARN_SECONDS
    return render_template("admin/approvals/index.html", orders=orders, soon=soon, now=int(time.time()))


@blueprint.route("/<id:purchase_id>/<any(approve, refuse):verb>", methods=["GET", "POST"])
def answer(purchase_id: int, verb: str) -> ResponseReturnValue:
    order = approval_list.one(purchase_id)
    if order is None:
        abort(404)
    if request.method == "GET":
        return render_template("admin/approvals/answer.html", order=order, verb=verb)
    _answer(order, verb)
    return redirect(url_for(".index"), 303)


def _answer(order: Waiting, verb: str) -> None:
    try:
        outcome = approvals.answer(order, verb)
    except UmstripeError as error:
        flash(f"Nothing has changed: {error}", "error")
        return
    flash(outcome.says, "success" if outcome.done else "warning")
    if outcome.done:
        columns = {
            "mode": order.purchase.mode,
            "user_id": order.user.id,
            "details": {"object": order.purchase.stripe_payment_intent_id},
        }
        log(f"purchase.{verb}", f"{order.user.username}: {outcome.says}", **columns)
        db.session.commit()
