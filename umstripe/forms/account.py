from __future__ import annotations

from functools import cached_property
from typing import Any

from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, StringField
from wtforms.validators import Length, Optional, ValidationError

from umstripe.forms.user import UserFields, a_mail_address, stripped, visible
from umstripe.models import User


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
    def is_owner(self) -> bool:
        return self.owner.has_password(self.password.data or "")

    def validate_email(self, field: EmailField) -> None:
        """Whether somebody has the address is told to nobody who has not shown first that they may change it."""
        if self.is_moving and self.is_owner:
            super().validate_email(field)

    def validate_password(self, field: PasswordField) -> None:
        if not self.is_moving:
            return
        if not field.data:
            raise ValidationError("Please type your current password, because the mail address changes.")
        if not self.is_owner:
            raise ValidationError("This is not your current password.")

    @property
    def account(self) -> dict[str, str]:
        return {"email": self.email.data or "", "name": self.name.data or ""}

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
