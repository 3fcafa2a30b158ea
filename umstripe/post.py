"""The post: what the worker does with the mails that are written down (see models/mail)."""

from __future__ import annotations

import smtplib
from typing import Any

import structlog
from flask import current_app
from flask_mailman import EmailMultiAlternatives
from sqlalchemy import update

from umstripe import texts
from umstripe.database import db, now, write
from umstripe.models import Mail, Settings, claim, home, invitation
from umstripe.wordings import DEFAULTS

AT_ONCE = 100
HIDDEN = "(a link that only the mail itself has)"
PATHS = {"health": "/admin/health/", "approval": "/admin/approvals/"}
ACCOUNT = "/account/billing"


def send_due() -> int:
    """Send the mails whose turn it is. Gives how many were tried. From a copy of the site nothing is sent."""
    if home.elsewhere():
        return 0
    for number in range(AT_ONCE):
        mail = Mail.take_due()
        if mail is None:
            return number
        _send(mail)
    return AT_ONCE


def rendered(mail: Mail, with_secrets: bool) -> texts.Text:
    """A mail's text as it is now. Without secrets, a link that lets somebody in is left out."""
    known = _known(mail)
    if mail.kind in SECRET_LINKS:
        known["link"] = (SECRET_LINKS[mail.kind](mail) or known["link"]) if with_secrets else HIDDEN
    return texts.fill(*texts.written(f"mail.{mail.kind}"), known)


def _known(mail: Mail) -> dict[str, Any]:
    name = (mail.user.name or mail.user.username) if mail.user else mail.address
    link = home.site_url() + PATHS.get(mail.kind, ACCOUNT)
    empty = dict.fromkeys(DEFAULTS[f"mail.{mail.kind}"].gaps, "")
    return {**empty, "site": Settings.get().site_name, "name": name, "link": link, **mail.given}


def _invited(mail: Mail) -> str:
    return invitation.link(mail.user) if mail.user else ""


def _asked(mail: Mail) -> str:
    return claim.link(mail.user, mail.given["mode"], mail.about) if mail.user else ""


SECRET_LINKS = {"invitation": _invited, "claim": _asked}
"""The links that only their reader may have, made when the mail is sent, so that they are stored nowhere."""


def _send(mail: Mail) -> None:
    whole, shown = rendered(mail, with_secrets=True), rendered(mail, with_secrets=False)
    address = mail.recipient
    db.session.expunge(mail)
    db.session.rollback()
    kept = current_app.config["MAIL_BACKEND"] == "file"
    done: dict[str, Any] = {"subject": whole.title[:300], "text": shown.text, "html": str(shown.html)}
    done["address"] = address
    try:
        message = EmailMultiAlternatives(whole.title, whole.text, to=[address])
        message.attach_alternative(str(whole.html), "text/html")
        message.send()
        done |= {"state": "kept" if kept else "sent", "sent_at": now(), "error": ""}
    except (OSError, smtplib.SMTPException, ValueError) as error:
        structlog.get_logger().error("a mail could not be sent", kind=mail.kind, error=str(error))
        done |= mail.failed(f"{type(error).__name__}: {error}")
    with write() as tx:
        tx.execute(update(Mail).where(Mail.id == mail.id).values(done))
