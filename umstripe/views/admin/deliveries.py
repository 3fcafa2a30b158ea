from __future__ import annotations

import json

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from umstripe import webhooks
from umstripe.database import db
from umstripe.errors import UmstripeError
from umstripe.formatting import mode_words
from umstripe.listings import deliveries
from umstripe.listings.deliveries import RESULT_WORDS
from umstripe.models import Delivery
from umstripe.views.lists import page_number, text_argument
from umstripe.views.log import log

blueprint = Blueprint("deliveries", __name__, url_prefix="/deliveries")
PER_PAGE = 50
MODES = ("test", "live")
NOTICES = {"repeated": "It has been processed already.", "processed": "It is applied now."}
FAULT = "A fault in umstripe kept it from being applied. The log has the details."


@blueprint.get("/")
def index() -> ResponseReturnValue:
    query = {name: text_argument(name) for name in ("result", "mode", "type", "search")}
    return render_template(
        "admin/deliveries/index.html",
        page=deliveries.listed(page_number(), PER_PAGE, query),
        query=query,
        results=[(result, words[0]) for result, words in RESULT_WORDS.items()],
        result_words=RESULT_WORDS,
        types=[(type_, type_) for type_ in deliveries.types()],
        modes=[(mode, mode_words(mode)) for mode in MODES],
        failed={mode: Delivery.count_failed(mode) for mode in MODES},
    )


@blueprint.get("/<id:delivery_id>")
def show(delivery_id: int) -> ResponseReturnValue:
    delivery = db.get_or_404(Delivery, delivery_id)
    return render_template(
        "admin/deliveries/show.html",
        delivery=delivery,
        member=deliveries.member_of(delivery),
        result_words=RESULT_WORDS[delivery.result],
        body=_indented(delivery.body),
    )


@blueprint.post("/<id:delivery_id>/process")
def process(delivery_id: int) -> ResponseReturnValue:
    """Process a failed delivery again."""
    delivery = db.get_or_404(Delivery, delivery_id)
    mode, event_id = delivery.mode, delivery.stripe_event_id
    try:
        result = webhooks.process_again(delivery)
        flash(NOTICES.get(result) or RESULT_WORDS[result][1], "success" if result == "processed" else "info")
    except UmstripeError as error:
        flash(str(error), "error")
    except Exception:
        flash(FAULT, "error")
    db.session.rollback()
    log("deliveries.processed", f"{event_id} was processed again", mode=mode)
    db.session.commit()
    return redirect(url_for(".show", delivery_id=delivery_id), 303)


def _indented(body: str) -> str:
    """Return a body as indented JSON; as it came where it is no JSON, or nested too deep."""
    try:
        text = json.dumps(json.loads(body), indent=2, ensure_ascii=False) if body else ""
    except (ValueError, RecursionError):
        text = body
    return text.encode(errors="backslashreplace").decode()
