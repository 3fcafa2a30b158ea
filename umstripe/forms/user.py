from __future__ import annotations

from typing import Any

from email_validator import EmailNotValidError, validate_email
from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, PasswordField, SelectMultipleField, StringField
from wtforms.validators import (
    DataRequired,
    EqualTo,
    Length,
    Optional,
    Regexp,
    StopValidation,
    ValidationError,
)

from umstripe.accounts import password_policy
from umstripe.models import Role, User
from umstripe.normalization import without_invisible

USERNAME = Regexp(
    r"^[A-Za-z0-9_.\-]+$", message="Use only letters, digits, dots, hyphens and underscores in the username."
)


def a_good_password(form: FlaskForm, field: Any) -> None:
    """The one rule for passwords, about the account that the form is for: as typed here, else as it is stored."""
    user = getattr(form, "user", None) or getattr(form, "asked", None)
    typed = {name: getattr(form, name, None) for name in ("username", "email", "site_name")}
    known = {name: (one.data or "") if one else getattr(user, name, "") for name, one in typed.items()}
    if sentence := password_policy.problem(field.data or "", **known):
        raise ValidationError(sentence)


def optional_password(label: str) -> PasswordField:
    validators = [Optional(), a_good_password]
    return PasswordField(label, validators=validators, render_kw={"autocomplete": "new-password"})


def visible(text: str | None) -> str | None:
    """Text as `stripped` returns it, without characters of no width, which come along when it is copied from a page."""
    return stripped(without_invisible(text)) if text else text


def stripped(text: str | None) -> str | None:
    """Text without space around it, and without the null character, which Postgres does not take."""
    return text.replace("\x00", "").strip() if isinstance(text, str) else None


def required(sentence: str) -> DataRequired:
    """Something must be typed; spaces alone are nothing."""
    return DataRequired(message=sentence)


def a_mail_address(_form: FlaskForm, field: Any) -> None:
    try:
        field.data = validate_email(field.data or "", check_deliverability=False).normalized
    except EmailNotValidError:
        raise StopValidation("This is not a mail address. It must look like jane@example.org.") from None


class UserFields(FlaskForm):
    """What an account has: a username and a mail address that nobody else has."""

    username = StringField(
        "Username",
        filters=[visible],
        validators=[
            required("Please type a username."),
            Length(max=60, message="At most 60 characters."),
            USERNAME,
        ],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )
    email = EmailField(
        "Email",
        filters=[visible],
        validators=[
            required("Please type a mail address."),
            Length(max=255, message="At most 255 characters."),
            a_mail_address,
        ],
        render_kw={"autocomplete": "email"},
    )

    def __init__(self, *args: Any, user: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def validate_username(self, field: StringField) -> None:
        other = User.with_username(field.data or "")
        if other is not None and other is not self.user:
            raise ValidationError("This username is taken. Choose another one.")

    def validate_email(self, field: EmailField) -> None:
        other = User.with_email(field.data or "")
        if other is not None and other is not self.user:
            raise ValidationError("Another user has this mail address.")


def role_id(text: Any) -> int:
    """A role's id; 0, which no role has, for what is none."""
    return int(text) if str(text).isdecimal() and len(str(text)) < 10 else 0


class AddUserForm(UserFields):
    """A user that an administrator adds."""

    name = StringField(
        "Name", filters=[stripped], validators=[Length(max=120, message="At most 120 characters.")]
    )
    password = optional_password("Password")
    notify = BooleanField("Send User Notification", default=True)
    roles = SelectMultipleField("Roles", coerce=role_id, validate_choice=False)

    def __init__(self, *args: Any, user: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        self.offered = Role.everything()

    @property
    def chosen_roles(self) -> list[Role]:
        return [role for role in self.offered if role.id in (self.roles.data or [])]

    @property
    def account(self) -> dict[str, str]:
        return {"username": self.username.data, "email": self.email.data, "name": self.name.data or ""}

    def look_again(self) -> None:
        """Somebody else was faster, and the database refused: say at the fields what is taken or gone."""
        self.offered = Role.everything()
        if self.validate():
            self.username.errors = ["Somebody else changed this at the same moment. Look again, then save."]

    def validate_roles(self, field: SelectMultipleField) -> None:
        if not set(field.data or []) <= {role.id for role in self.offered}:
            raise ValidationError("One of the roles does not exist any more. Choose again.")


class EditUserForm(AddUserForm):
    """What an administrator may change of a user."""

    notify = None
    password = optional_password("New Password")

    def __init__(self, user: User) -> None:
        stored = {"username": user.username, "email": user.email, "name": user.name}
        super().__init__(user=user, data={**stored, "roles": [role.id for role in user.roles]})


class ChosenPassword(FlaskForm):
    """A password, typed twice, for a user who is there or for one whose fields stand beside it."""

    password = PasswordField(
        "Password",
        validators=[
            required("Please type a password."),
            a_good_password,
        ],
        render_kw={"autocomplete": "new-password"},
    )
    password_again = PasswordField(
        "Password, once more",
        validators=[EqualTo("password", message="The two passwords differ. Type the same one twice.")],
        render_kw={"autocomplete": "new-password"},
    )

    def __init__(self, *args: Any, user: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user


class AdministratorForm(UserFields, ChosenPassword):
    """An administrator who is made without a browser."""


def first_error(form: FlaskForm) -> str:
    """The first complaint of a form, with its field: for commands."""
    name, errors = next(iter(form.errors.items()))
    return f"{form[name].label.text}: {errors[0]}" if name else str(errors[0])
