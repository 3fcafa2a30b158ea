"""Sending mail without ever breaking the page that asked for it."""

from __future__ import annotations

import smtplib
from typing import Any

import structlog
from flask_security import MailUtil


class PatientMail(MailUtil):
    """A mail server that is down is written to the log, and shown to nobody: otherwise the answer to "I lost
    my password" would tell who has an account."""

    def send_mail(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().send_mail(*args, **kwargs)
        except (OSError, smtplib.SMTPException) as error:
            structlog.get_logger().error("a mail could not be sent", error=str(error))
