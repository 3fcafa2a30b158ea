"""The post: what the worker does with the mails that are written down (see models/mail)."""

from __future__ import annotations

from typing import Any

import structlog
from flask import current_app
from flask_mailman import EmailMultiAlternatives
from markupsafe import Markup
from sqlalchemy import update

from umstripe.accounts import address_change, invitation, password_reset, payment_claim, registration_request
from umstripe.database import db, now, write
from umstripe.emails import render
from umstripe.emails.defaults import DEFAULTS
from umstripe.models import Mail, Settings, site_address, site_identity
from umstripe.normalization import search_key

AT_ONCE = 100
HIDDEN = "(a link that only the mail itself has)"
PATHS = {
    "password_reset": "/reset",
    "password_changed": "/reset",
    "health": "/admin/health/",
    "approval": "/admin/approvals/",
    "free_order": "/admin/approvals/",
}
ACCOUNT = "/account/billing"


def send_pending() -> int:
    """Send the mails whose turn it is. Gives how many were tried. From a copy of the site nothing is sent."""
    if site_identity.mismatches():
        return 0
    Mail.give_up()
    for number in range(AT_ONCE):
        mail = Mail.take_due()
        if mail is None:
            return number
        _send(mail)
    return AT_ONCE


def send_now(kind: str, about: str) -> None:
    """Send the mails whose `about` begins so, without a worker."""
    for mail in Mail.take_all(kind, about):
        _send(mail)


def rendered(mail: Mail, with_secrets: bool) -> render.Text:
    """A mail's text as it is now. Without secrets, a link that lets somebody in is left out."""
    known = _known(mail)
    if mail.kind in SECRET_LINKS:
        known["link"] = (SECRET_LINKS[mail.kind](mail) or known["link"]) if with_secrets else HIDDEN
    return render.fill(*render.written(f"mail.{mail.kind}"), known)


def shown(mail: Mail) -> render.Text:
    """What an administrator sees: what was sent, as it was; of what waits, what would be sent now. Without a mail
    server a site that is only tried out, on this machine, shows it whole, for handing it on."""
    if mail.state == "sent":
        return render.Text(mail.subject, mail.text, Markup(mail.html))
    return rendered(mail, with_secrets=shows_secrets(mail))


def shows_secrets(mail: Mail) -> bool:
    """Whether a link that lets somebody in is shown: on a loopback address alone, where nobody else can be logged in."""
    return mail.state == "kept" and site_address.is_on_loopback()


def _known(mail: Mail) -> dict[str, Any]:
    name = (mail.user.name or mail.user.username) if mail.user else mail.address
    link = site_address.site_url() + PATHS.get(mail.kind, ACCOUNT)
    empty = dict.fromkeys(DEFAULTS[f"mail.{mail.kind}"].gaps, "")
    return {**empty, "site": Settings.get().site_name, "name": name, "link": link, **mail.given}


def _invited(mail: Mail) -> str:
    return invitation.link(mail.user) if mail.user else ""


def _asked(mail: Mail) -> str:
    return payment_claim.link(mail.user, mail.given["mode"], mail.about) if mail.user else ""


SECRET_LINKS = {
    "invitation": _invited,
    "claim": _asked,
    "register": registration_request.link,
    "confirm_address": address_change.link,
    "reset": password_reset.link,
}
"""The links that only their reader may have, made when the mail is sent, so that they are stored nowhere."""


def _send(mail: Mail) -> None:
    """Whatever goes wrong is this mail's own trouble: the next one is not held up by it."""
    address, number, kind = mail.recipient, mail.id, mail.kind
    done: dict[str, Any] = {"address": address}
    try:
        whole, shown_as = rendered(mail, with_secrets=True), rendered(mail, with_secrets=False)
        subject = whole.title[:300]
        done |= {"subject": subject, "search_key": search_key(address, subject)}
        done |= {"text": shown_as.text, "html": str(shown_as.html)}
        db.session.expunge(mail)
        db.session.rollback()
        _hand_over(whole, address)
        kept = current_app.config["MAIL_BACKEND"] == "file"
        done |= {"state": "kept" if kept else "sent", "sent_at": now(), "error": ""}
    except Exception as error:
        db.session.rollback()
        structlog.get_logger().error("a mail could not be sent", kind=kind, error=str(error))
        done |= mail.failed(f"{type(error).__name__}: {error}")
    db.session.rollback()
    with write() as tx:
        tx.execute(update(Mail).where(Mail.id == number).values(done))


def _hand_over(text: render.Text, address: str) -> None:
    message = EmailMultiAlternatives(text.title, text.text, to=[address])
    message.attach_alternative(str(text.html), "text/html")
    message.send()
