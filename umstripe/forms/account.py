from __future__ import annotations

from functools import cached_property
from typing import Any

from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, StringField
from wtforms.validators import Length, Optional, ValidationError

from umstripe.forms.user import UserFields, strip, strip_invisible, valid_email
from umstripe.models import User
from umstripe.models.mail import are_sent as mails_are_sent
from umstripe.security import rate_limits
from umstripe.security.rate_limits import TooManyTries


class AccountForm(UserFields):
    """The fields of their account that members may change. Another mail address needs the password."""

    username = None
    name = StringField(
        "Name", filters=[strip], validators=[Length(max=120, message="At most 120 characters.")]
    )
    password = PasswordField("Current password", render_kw={"autocomplete": "current-password"})

    def __init__(self, user: User, **kwargs: Any) -> None:
        super().__init__(user=user, data={"email": user.email, "name": user.name}, **kwargs)
        self.owner, self.current_email = user, user.email

    @property
    def changes_email(self) -> bool:
        return (self.email.data or "") != self.current_email

    @cached_property
    def password_error(self) -> str:
        """What is wrong with the current password, if it does not fit or was tried too often; "" otherwise."""
        password = self.password.data or ""
        if not password:
            return "Enter your current password to change your email address."
        tries = rate_limits.password_tries(self.owner.username)
        try:
            is_right = tries.check(lambda: self.owner.has_password(password))
        except TooManyTries as error:
            return rate_limits.answer_429(error)
        return "" if is_right else "This is not your current password."

    def validate_email(self, field: EmailField) -> None:
        """Raise ValidationError for another user's address; only where no mails are sent, and with the right password.

        Where mails are sent, nobody but the owner of the address learns that it has an account, by mail.
        """
        if self.changes_email and not self.password_error and not mails_are_sent():
            super().validate_email(field)

    def validate_password(self, field: PasswordField) -> None:
        if self.changes_email and self.password_error:
            raise ValidationError(self.password_error)

    @property
    def confirms_by_mail(self) -> bool:
        """Whether the new address counts only when the link in a mail to it is opened."""
        return self.changes_email and mails_are_sent()

    @property
    def account(self) -> dict[str, str]:
        """What changes at once: not an address that is confirmed by mail."""
        email = {} if self.confirms_by_mail else {"email": self.email.data or ""}
        return {**email, "name": self.name.data or ""}

    def mark_email_taken(self) -> None:
        """Set the error of an address that somebody else took at the same moment, so that the database refused."""
        self.email.errors = ["Another user has this mail address."]


class BillingEmailForm(FlaskForm):
    """Where invoices and receipts go; empty is the account's address."""

    billing_email = EmailField(
        "Billing email",
        filters=[strip_invisible],
        validators=[Optional(), Length(max=255, message="At most 255 characters."), valid_email],
        render_kw={"autocomplete": "email"},
    )
