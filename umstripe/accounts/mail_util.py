"""Flask-Security's emails go to the outbox (see models/mail); password_reset has the link."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Response, after_this_request
from flask_security import MailUtil

from umstripe.database import db
from umstripe.models import Mail, User

KINDS = {
    "security/email/reset_notice": "password_reset",
    "security/email/change_notice": "password_changed",
}
"""Flask-Security's templates, and the texts that stand for them (Settings > Texts)."""


class OutboxMailUtil(MailUtil):
    """Flask-Security's way to send an email. It adds a row to the outbox, so that no request waits for a mail server."""

    def send_mail(self, template: str, *_rendered: Any, **context: Any) -> None:
        user: User = context["user"]
        Mail.write(db.session.connection(), KINDS[template], f"{user.id}:{uuid.uuid4().hex}", user.id)
        db.session.info["changed"] = True
        after_this_request(_commit)


def _commit(response: Response) -> Response:
    if response.status_code < 500:
        db.session.commit()
    return response
