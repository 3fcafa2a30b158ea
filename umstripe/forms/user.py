from __future__ import annotations

from typing import Any

from email_validator import EmailNotValidError, validate_email
from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, Field, PasswordField, SelectMultipleField, StringField
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


def valid_password(form: FlaskForm, field: Field) -> None:
    """Raise ValidationError if the password breaks the policy, for the account of the form: as typed, else as stored."""
    account = getattr(form, "user", None) or getattr(form, "registration_request", None)
    fields = {name: getattr(form, name, None) for name in ("username", "email", "site_name")}
    values = {
        name: (other.data or "") if other else getattr(account, name, "") for name, other in fields.items()
    }
    if problem := password_policy.problem(field.data or "", **values):
        raise ValidationError(problem)


def optional_password_field(label: str) -> PasswordField:
    validators = [Optional(), valid_password]
    return PasswordField(label, validators=validators, render_kw={"autocomplete": "new-password"})


def strip_invisible(text: str | None) -> str | None:
    """Return the text as `strip` does, without characters of no width, which come along when it is copied from a page."""
    return strip(without_invisible(text)) if text else text


def strip(text: str | None) -> str | None:
    """Return the text without space around it and without the null character, which Postgres does not take."""
    return text.replace("\x00", "").strip() if isinstance(text, str) else None


def required(sentence: str) -> DataRequired:
    """Return a validator that wants some text; spaces alone are none."""
    return DataRequired(message=sentence)


def valid_email(_form: FlaskForm, field: Field) -> None:
    """Normalize the address. Raise StopValidation if it is none."""
    try:
        field.data = validate_email(field.data or "", check_deliverability=False).normalized
    except EmailNotValidError:
        raise StopValidation("This is not a mail address. It must look like jane@example.org.") from None


class UserFields(FlaskForm):
    """The fields of an account: a username and a mail address that nobody else has."""

    username = StringField(
        "Username",
        filters=[strip_invisible],
        validators=[
            required("Please type a username."),
            Length(max=60, message="At most 60 characters."),
            USERNAME,
        ],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )
    email = EmailField(
        "Email",
        filters=[strip_invisible],
        validators=[
            required("Please type a mail address."),
            Length(max=255, message="At most 255 characters."),
            valid_email,
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


def role_id(text: str | int) -> int:
    """Return a role's id; 0, which no role has, for what is none."""
    return int(text) if str(text).isdecimal() and len(str(text)) < 10 else 0


class AddUserForm(UserFields):
    """A user that an administrator adds."""

    name = StringField(
        "Name", filters=[strip], validators=[Length(max=120, message="At most 120 characters.")]
    )
    password = optional_password_field("Password")
    notify = BooleanField("Send User Notification", default=True)
    roles = SelectMultipleField("Roles", coerce=role_id, validate_choice=False)

    def __init__(self, *args: Any, user: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        self.all_roles = Role.everything()

    @property
    def chosen_roles(self) -> list[Role]:
        return [role for role in self.all_roles if role.id in (self.roles.data or [])]

    @property
    def account(self) -> dict[str, str]:
        return {"username": self.username.data, "email": self.email.data, "name": self.name.data or ""}

    def validate_again(self) -> None:
        """Set the fields' errors after the database refused, because somebody else was faster."""
        self.all_roles = Role.everything()
        if self.validate():
            self.username.errors = ["Somebody else changed this at the same moment. Look again, then save."]

    def validate_roles(self, field: SelectMultipleField) -> None:
        if not set(field.data or []) <= {role.id for role in self.all_roles}:
            raise ValidationError("One of the roles does not exist any more. Choose again.")


class EditUserForm(AddUserForm):
    """The fields of a user that an administrator may change."""

    notify = None
    password = optional_password_field("New Password")

    def __init__(self, user: User) -> None:
        stored = {"username": user.username, "email": user.email, "name": user.name}
        super().__init__(user=user, data={**stored, "roles": [role.id for role in user.roles]})


class ChosenPassword(FlaskForm):
    """A password, typed twice, for a user who exists or for one whose fields are in the same form."""

    password = PasswordField(
        "Password",
        validators=[
            required("Please type a password."),
            valid_password,
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
    """An administrator who is created without a browser."""


def first_error(form: FlaskForm) -> str:
    """Return the first error of a form with the label of its field, for commands."""
    name, errors = next(iter(form.errors.items()))
    return f"{form[name].label.text}: {errors[0]}" if name else str(errors[0])
