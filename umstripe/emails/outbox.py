"""How the worker sends the emails that wait in the outbox (see models/mail)."""

from __future__ import annotations

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

BATCH_SIZE = 100
HIDDEN_LINK = "(a link that only the mail itself has)"
PATHS = {
    "password_reset": "/reset",
    "password_changed": "/reset",
    "health": "/admin/health/",
    "approval": "/admin/approvals/",
    "free_order": "/admin/approvals/",
}
DEFAULT_PATH = "/account/billing"


def send_pending() -> int:
    """Send the emails that are due. Return how many were tried. From a copy of the site nothing is sent."""
    if site_identity.mismatches():
        return 0
    Mail.give_up()
    for number in range(BATCH_SIZE):
        mail = Mail.take_due()
        if mail is None:
            return number
        _send(mail)
    return BATCH_SIZE


def send_now(kind: str, about: str) -> None:
    """Send the emails of a kind whose `about` begins so, without a worker."""
    for mail in Mail.take_all(kind, about):
        _send(mail)


def render_mail(mail: Mail, with_secrets: bool) -> render.Text:
    """Return an email's text as it is now. Without secrets, a link that lets somebody in is left out."""
    values = _values(mail)
    if mail.kind in SECRET_LINKS:
        values["link"] = (SECRET_LINKS[mail.kind](mail) or values["link"]) if with_secrets else HIDDEN_LINK
    return render.fill(*render.current_text(f"mail.{mail.kind}"), values)


def preview(mail: Mail) -> render.Text:
    """Return what an administrator sees: what was sent, as it was; of what waits, what would be sent now.

    Without a mail server a site that is only tried out, on this machine, shows it whole, for handing it on.
    """
    if mail.state == "sent":
        return render.Text(mail.subject, mail.text, Markup(mail.html))
    return render_mail(mail, with_secrets=shows_secrets(mail))


def shows_secrets(mail: Mail) -> bool:
    """Return whether a link that lets somebody in is shown.

    That is so on a loopback address alone, where nobody else can be logged in.
    """
    return mail.state == "kept" and site_address.is_on_loopback()


def _values(mail: Mail) -> dict[str, object]:
    name = (mail.user.name or mail.user.username) if mail.user else mail.address
    link = site_address.site_url() + PATHS.get(mail.kind, DEFAULT_PATH)
    empty = dict.fromkeys(DEFAULTS[f"mail.{mail.kind}"].placeholders, "")
    return {**empty, "site": Settings.get().site_name, "name": name, "link": link, **mail.given}


def _invitation_link(mail: Mail) -> str:
    return invitation.link(mail.user) if mail.user else ""


def _claim_link(mail: Mail) -> str:
    return payment_claim.link(mail.user, mail.given["mode"], mail.about) if mail.user else ""


SECRET_LINKS = {
    "invitation": _invitation_link,
    "claim": _claim_link,
    "register": registration_request.link,
    "confirm_address": address_change.link,
    "reset": password_reset.link,
}
"""The links that only their reader may have, made when the mail is sent, so that they are stored nowhere."""


def _send(mail: Mail) -> None:
    """Send an email and store what came of it. Whatever goes wrong does not hold up the next one."""
    address, mail_id, kind = mail.recipient, mail.id, mail.kind
    columns: dict[str, object] = {"address": address}
    try:
        text, logged = render_mail(mail, with_secrets=True), render_mail(mail, with_secrets=False)
        subject = text.title[:300]
        columns |= {"subject": subject, "search_key": search_key(address, subject)}
        columns |= {"text": logged.text, "html": str(logged.html)}
        db.session.expunge(mail)
        db.session.rollback()
        _deliver(text, address)
        is_kept = current_app.config["MAIL_BACKEND"] == "file"
        columns |= {"state": "kept" if is_kept else "sent", "sent_at": now(), "error": ""}
    except Exception as error:
        db.session.rollback()
        structlog.get_logger().error("a mail could not be sent", kind=kind, error=str(error))
        columns |= mail.failed(f"{type(error).__name__}: {error}")
    db.session.rollback()
    with write() as tx:
        tx.execute(update(Mail).where(Mail.id == mail_id).values(columns))


def _deliver(text: render.Text, address: str) -> None:
    message = EmailMultiAlternatives(text.title, text.text, to=[address])
    message.attach_alternative(str(text.html), "text/html")
    message.send()
