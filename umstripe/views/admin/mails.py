from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from umstripe.database import db
from umstripe.emails import defaults, outbox
from umstripe.errors import NotAllowed
from umstripe.models import Mail
from umstripe.models.mail import STATE_WORDS
from umstripe.views.lists import page_number, text_argument
from umstripe.views.log import log

blueprint = Blueprint("mails", __name__, url_prefix="/mails")
PER_PAGE = 50
KINDS = [(name[5:], default.label) for name, default in defaults.DEFAULTS.items() if name.startswith("mail.")]


@blueprint.get("/")
def index() -> ResponseReturnValue:
    query = {name: text_argument(name) for name in ("state", "kind", "search")}
    return render_template(
        "admin/mails/index.html",
        page=Mail.listed(page_number(), PER_PAGE, **query),
        query=query,
        kinds=KINDS,
        states=STATE_WORDS,
    )


@blueprint.get("/<id:mail_id>")
def show(mail_id: int) -> ResponseReturnValue:
    mail = db.get_or_404(Mail, mail_id)
    text = outbox.preview(mail)
    return render_template(
        "admin/mails/show.html",
        mail=mail,
        text=text,
        states=STATE_WORDS,
        shows_secrets=outbox.shows_secrets(mail),
    )


@blueprint.post("/<id:mail_id>/send")
def send(mail_id: int) -> ResponseReturnValue:
    mail = db.get_or_404(Mail, mail_id)
    try:
        mail.send_again()
    except NotAllowed as error:
        db.session.rollback()
        flash(str(error), "error")
        return redirect(url_for(".show", mail_id=mail_id), 303)
    log("mail.sent_again", f"“{mail.subject}” is sent again to {mail.address}", user_id=mail.user_id)
    db.session.commit()
    flash("The mail waits for the background worker, which sends it in a moment.", "success")
    return redirect(url_for(".show", mail_id=mail_id), 303)
