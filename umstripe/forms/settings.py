from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField, SelectField, StringField
from wtforms.validators import Length, NumberRange, Optional, Regexp, ValidationError

from umstripe.forms.site_address import ChangedAddressForm
from umstripe.forms.user import required, stripped
from umstripe.models import Role, Settings
from umstripe.stripe_api.keys import why_wrong

INVISIBLE = "\u200b\u2060\ufeff"
KEYS = ("publishable", "secret")


def without_space_around(text: str | None) -> str | None:
    """A key as it was meant: copying it often brings spaces, line ends and characters that nobody sees."""
    return text.strip().strip(INVISIBLE).strip() if text else text


class Key:
    """The text is this field's key by its look. `which` is `publishable` or `secret`."""

    def __init__(self, which: str, mode: str) -> None:
        self.which, self.mode = which, mode

    def __call__(self, _form: FlaskForm, field: StringField) -> None:
        wrong = why_wrong(self.which, self.mode, field.data or "")
        if wrong:
            raise ValidationError(wrong)


def key_field(label: str, which: str, mode: str) -> StringField:
    return StringField(label, filters=[without_space_around], validators=[Optional(), Key(which, mode)])


class StripeForm(FlaskForm):
    """Settings > Extensions > Stripe, in the order of the screen. It holds both modes' keys; one mode is shown."""

    sandbox = BooleanField("Sandbox/Test Mode")
    test_publishable_key = key_field("Test Publishable Key", "publishable", "test")
    live_publishable_key = key_field("Live Publishable Key", "publishable", "live")
    test_secret_key = key_field("Test Secret Key", "secret", "test")
    live_secret_key = key_field("Live Restricted or Secret Key", "secret", "live")
    replace_roles = BooleanField("Replace existing roles when a subscription status changes")
    test_clock = BooleanField("Test Clock")
    test_clock_id = StringField(
        "Test Clock ID",
        filters=[stripped],
        validators=[
            Optional(),
            Length(max=255, message="At most 255 characters."),
            Regexp(
                r"^clock_[A-Za-z0-9]+$", message="A test clock’s ID starts with clock_. Copy it from Stripe."
            ),
        ],
    )
    activity_off = BooleanField("Disable Activity Logs")
    embedded_checkout = BooleanField("Stripe Embedded Checkout")
    collection_method_choice = BooleanField("Enable an option to change the payment collection method")

    @property
    def mode(self) -> str:
        return "test" if self.sandbox.data else "live"

    def key(self, mode: str, which: str) -> StringField:
        return self[f"{mode}_{which}_key"]

    def typed_keys(self, mode: str) -> dict[str, str]:
        """The keys that were typed for a mode; empty ones keep what is stored."""
        return {which: self.key(mode, which).data or "" for which in KEYS}

    def forget_keys(self) -> None:
        """Empty the key fields of the shown mode, after their keys were stored."""
        for which in KEYS:
            self.key(self.mode, which).data = ""

    def settings(self) -> Mapping[str, Any]:
        return {name: self[name].data for name in SETTINGS}

    def refuse(self, name: str, sentence: str) -> None:
        """Say at a field what was found wrong after the form was read."""
        self[name].errors = [*self[name].errors, sentence]


SETTINGS = (
    "sandbox",
    "replace_roles",
    "test_clock",
    "test_clock_id",
    "activity_off",
    "embedded_checkout",
    "collection_method_choice",
)


class DaysField(IntegerField):
    """A number of days. What is none, or too long for one, is left to the validator, for one sentence."""

    def process_formdata(self, valuelist: list[str]) -> None:
        with contextlib.suppress(ValueError):
            super().process_formdata([text[:10] for text in valuelist])


class GeneralForm(ChangedAddressForm):
    """Settings > General."""

    site_name = StringField(
        "Site Title",
        filters=[stripped],
        validators=[required("Please type a name."), Length(max=80, message="At most 80 characters.")],
    )
    keep_bodies_days = DaysField(
        "Keep Deliveries For (Days)",
        validators=[NumberRange(min=1, max=365, message="Please type a number of days from 1 to 365.")],
    )
    default_role_id = SelectField("New User Default Role", coerce=int)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, obj=Settings.get(), **kwargs)
        self.default_role_id.choices = [(role.id, role.name) for role in Role.for_plans()]

    def settings(self) -> Mapping[str, Any]:
        return {name: self[name].data for name in ("site_name", "keep_bodies_days", "default_role_id")}
