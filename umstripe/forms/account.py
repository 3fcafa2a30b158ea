from __future__ import annotations

from functools import cached_property
from typing import Any

from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, StringField
from wtforms.validators import Length, Optional, ValidationError

from umstripe.forms.user import UserFields, a_mail_address, stripped, visible
from umstripe.models import User
from umstripe.models.mail import are_sent as mails_are_sent
from umstripe.security import rate_limits
from umstripe.security.rate_limits import TooManyTries


class AccountForm(UserFields):
    """What members change of their own account. Another mail address wants the password."""

    username = None
    name = StringField(
        "Name", filters=[stripped], validators=[Length(max=120, message="At most 120 characters.")]
    )
    password = PasswordField("Current password", render_kw={"autocomplete": "current-password"})

    def __init__(self, user: User, **kwargs: Any) -> None:
        super().__init__(user=user, data={"email": user.email, "name": user.name}, **kwargs)
        self.owner, self.address_before = user, user.email

    @property
    def is_moving(self) -> bool:
        return (self.email.data or "") != self.address_before

    @cached_property
    def why_not_owner(self) -> str:
        """A sentence when the current password is wrong or was tried too often, else ""."""
        password = self.password.data or ""
        if not password:
            return "Enter your current password to change your email address."
        tries = rate_limits.password_tries(self.owner.username)
        try:
            fits = tries.check(lambda: self.owner.has_password(password))
        except TooManyTries as error:
            return rate_limits.answer_with(error)
        return "" if fits else "This is not your current password."

    def validate_email(self, field: EmailField) -> None:
        """Where mails are sent, whether somebody has the address is told to nobody but its owner, by mail; elsewhere
        to nobody who has not shown first that they may change it."""
        if self.is_moving and not self.why_not_owner and not mails_are_sent():
            super().validate_email(field)

    def validate_password(self, field: PasswordField) -> None:
        if self.is_moving and self.why_not_owner:
            raise ValidationError(self.why_not_owner)

    @property
    def confirms_by_mail(self) -> bool:
        """Whether the new address counts only when the link in a mail to it is opened."""
        return self.is_moving and mails_are_sent()

    @property
    def account(self) -> dict[str, str]:
        """What changes at once."""
        email = {} if self.confirms_by_mail else {"email": self.email.data or ""}
        return {**email, "name": self.name.data or ""}

    def taken(self) -> None:
        """Somebody else took the address at the same moment, and the database refused."""
        self.email.errors = ["Another user has this mail address."]


class BillingEmailForm(FlaskForm):
    """Where invoices and receipts go; empty is the account's address."""

    billing_email = EmailField(
        "Billing email",
        filters=[visible],
        validators=[Optional(), Length(max=255, message="At most 255 characters."), a_mail_address],
        render_kw={"autocomplete": "email"},
    )
