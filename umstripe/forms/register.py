from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, RadioField, StringField
from wtforms.validators import Length, Optional, ValidationError

from umstripe.accounts.registration_request import RegistrationRequest
from umstripe.forms.user import UserFields, required, strip_invisible, valid_email, valid_password
from umstripe.models import Plan, Settings, User
from umstripe.models.mail import are_sent as mails_are_sent
from umstripe.normalization import email_key
from umstripe.security import rate_limits
from umstripe.security.rate_limits import PLAN_PASSWORD, TooManyTries, Tries

NO_PLAN = ""


class RegisterForm(UserFields):
    """A new account, and the plan that it is for. `plans` are those that can be chosen.

    A mail address that somebody has is no error here, and its owner is told. Where mails are sent, the account is
    made by the link in one (see accounts/registration_request), so that nobody sees whether the address was free.
    Without a mail server a new account is logged in at once, and whoever registers does see it.
    """

    password = PasswordField(
        "Password",
        validators=[required("Please type a password."), valid_password],
        render_kw={"autocomplete": "new-password"},
    )
    billing_email = EmailField(
        "Billing Email",
        filters=[strip_invisible],
        validators=[Optional(), Length(max=255, message="At most 255 characters."), valid_email],
    )
    plan = RadioField("Plans", validate_choice=False)

    def __init__(self, settings: Settings, plans: list[Plan], chosen: Plan | None) -> None:
        preset = chosen or (plans[0] if plans else None)
        super().__init__(data={"plan": preset.short_key if preset else NO_PLAN})
        self.plans, self.allows_no_plan = plans, settings.register_without_plan
        self.email.label.text = "Email Address"
        self.plan.choices = [(plan.short_key, plan.title) for plan in plans]
        self.finishes_by_mail = mails_are_sent()
        if self.finishes_by_mail:
            del self.password
        if not settings.billing_email_field:
            del self.billing_email

    @property
    def chosen_plan(self) -> Plan | None:
        return next((plan for plan in self.plans if plan.short_key == self.plan.data), None)

    def validate_username(self, field: StringField) -> None:
        """Raise ValidationError for a taken name, unless the same person sends the form once more.

        The password is always tried, so that the time it takes does not tell whose address this is; that is a try like
        any other, and counted.
        """
        other = User.with_username(field.data or "")
        if other is None:
            return
        if not self._has_password_of(other) or other.email_key != email_key(self.email.data):
            raise ValidationError("This username is taken. Choose another one.")

    def _has_password_of(self, user: User) -> bool:
        if not self.password:
            return False
        typed = self.password.data or "-"
        return rate_limits.password_tries(user.username).check(lambda: user.has_password(typed))

    def validate_email(self, field: EmailField) -> None:
        """Take any address: see above."""

    def validate_plan(self, field: RadioField) -> None:
        if self.chosen_plan is None and not (self.allows_no_plan and field.data in (NO_PLAN, None)):
            raise ValidationError("This plan cannot be bought at the moment. Choose another one.")


class FinishForm(UserFields):
    """The password of a new account whose address was confirmed; another username if it was taken in the meantime."""

    email = None
    password = PasswordField(
        "Password",
        validators=[required("Please type a password."), valid_password],
        render_kw={"autocomplete": "new-password"},
    )

    def __init__(self, registration_request: RegistrationRequest) -> None:
        super().__init__(data={"username": registration_request.username})
        self.registration_request = registration_request


class PlanPasswordForm(FlaskForm):
    """The password of a plan that is not for everybody."""

    plan_password = PasswordField(
        "Password of this plan",
        validators=[required("Please type the password that you were given.")],
        render_kw={"autocomplete": "off"},
    )

    def opens(self, plan: Plan, visitor: str) -> bool:
        """Return whether this is the plan's password; if not, set the field's error. Wrong ones are limited."""
        typed = self.plan_password.data or ""
        tries = Tries((PLAN_PASSWORD, f"{plan.short_key} {visitor}"))
        try:
            if tries.check(lambda: plan.check_password(typed)):
                return True
            self.plan_password.errors = ["This is not the password of this plan."]
        except TooManyTries as error:
            self.plan_password.errors = [rate_limits.answer_429(error)]
        return False
