from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField, SelectField, StringField
from wtforms.validators import Length, NumberRange, Optional, Regexp, ValidationError

from umstripe.forms.site_address import ChangedAddressForm
from umstripe.forms.user import required, strip
from umstripe.models import Role, Settings
from umstripe.stripe_api.keys import why_wrong

INVISIBLE = "\u200b\u2060\ufeff"
KEYS = ("publishable", "secret")


def strip_key(text: str | None) -> str | None:
    """Return a key without the spaces, line ends and invisible characters that copying often brings."""
    return text.strip().strip(INVISIBLE).strip() if text else text


class ValidKey:
    """A validator: the text looks like a key of this kind (`publishable` or `secret`) and mode."""

    def __init__(self, kind: str, mode: str) -> None:
        self.kind, self.mode = kind, mode

    def __call__(self, _form: FlaskForm, field: StringField) -> None:
        if problem := why_wrong(self.kind, self.mode, field.data or ""):
            raise ValidationError(problem)


def key_field(label: str, kind: str, mode: str) -> StringField:
    return StringField(label, filters=[strip_key], validators=[Optional(), ValidKey(kind, mode)])


class StripeForm(FlaskForm):
    """Settings > Extensions > Stripe, in the order of the screen. It has the keys of both modes; one mode is shown."""

    sandbox = BooleanField("Sandbox/Test Mode")
    test_publishable_key = key_field("Test Publishable Key", "publishable", "test")
    live_publishable_key = key_field("Live Publishable Key", "publishable", "live")
    test_secret_key = key_field("Test Secret Key", "secret", "test")
    live_secret_key = key_field("Live Restricted or Secret Key", "secret", "live")
    replace_roles = BooleanField("Replace existing roles when a subscription status changes")
    test_clock = BooleanField("Test Clock")
    test_clock_id = StringField(
        "Test Clock ID",
        filters=[strip],
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

    def key(self, mode: str, kind: str) -> StringField:
        return self[f"{mode}_{kind}_key"]

    def typed_keys(self, mode: str) -> dict[str, str]:
        """Return the keys that were typed for a mode; an empty one keeps the stored key."""
        return {kind: self.key(mode, kind).data or "" for kind in KEYS}

    def forget_keys(self) -> None:
        """Empty the key fields of the shown mode, after their keys were stored."""
        for kind in KEYS:
            self.key(self.mode, kind).data = ""

    def settings(self) -> Mapping[str, Any]:
        return {name: self[name].data for name in SETTINGS}

    def add_error(self, name: str, message: str) -> None:
        """Add an error to a field after the validation."""
        self[name].errors = [*self[name].errors, message]


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
    """A number of days. What is no number, or too long, is left to the validator, which has one message for all."""

    def process_formdata(self, valuelist: list[str]) -> None:
        with contextlib.suppress(ValueError):
            super().process_formdata([text[:10] for text in valuelist])


class GeneralForm(ChangedAddressForm):
    """Settings > General."""

    site_name = StringField(
        "Site Title",
        filters=[strip],
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
