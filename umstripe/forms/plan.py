from __future__ import annotations

from typing import Any

from cryptography.fernet import InvalidToken
from flask import current_app
from flask_security import hash_password
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    HiddenField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    SubmitField,
    TextAreaField,
)
from wtforms.validators import Length, ValidationError

from umstripe.forms.plan_fields import IdField, MomentField, WholeNumberField, between, in_utc, price_choices
from umstripe.forms.user import role_id, strip
from umstripe.models import Plan, Price, Role
from umstripe.models.offer import STATUSES, VISIBILITIES
from umstripe.models.plan import TERMS

NO_ROLE = 0
TRIAL_DAYS = (2, 730)
"""Stripe takes two years at most; a trial that ends within 48 hours is not shown on its page."""
UNITS = {"day": ("Days", 36500), "week": ("Weeks", 5200), "month": ("Months", 1200)}
SEALED_SECONDS = 12 * 3600
ROLE_GONE = "This role does not exist any more. Choose another one."
PRICE_TAKEN = "This price is not free any more: it has a plan, or is not for sale. Choose another one."
CHANGED_MEANWHILE = (
    "Another administrator changed this plan after you opened the page. What you typed is still here: "
    "look at the activity log, then press Update to save yours over theirs."
)


def title_field() -> StringField:
    return StringField(
        "Title", filters=[strip], validators=[Length(max=200, message="At most 200 characters.")]
    )


class AddPlanForm(FlaskForm):
    """A plan made by hand: its title, and the price that it sells."""

    title = title_field()
    price_id = IdField("Price", PRICE_TAKEN)

    def __init__(self, prices: list[Price]) -> None:
        super().__init__()
        self.prices = {price.id: price for price in prices}
        self.price_id.choices = price_choices(prices)


class PlanForm(FlaskForm):
    """The settings of a plan, besides the fields that `plan_form` adds for its type.

    `version` is the plan's fingerprint when the page was opened (rule 14). `sealed` carries the hash of a new password
    from page to page, encrypted: a typed password is never sent back. `confirmed`: the preview was shown.
    """

    title = title_field()
    description = TextAreaField(
        "Description",
        filters=[strip],
        validators=[Length(max=1000, message="At most 1,000 characters.")],
        render_kw={"rows": 3, "maxlength": 1000},
    )
    status = SelectField("Status", choices=list(STATUSES.items()))
    visibility = RadioField("Visibility", choices=list(VISIBILITIES.items()))
    password = PasswordField(
        "Password",
        validators=[Length(max=128, message="At most 128 characters.")],
        render_kw={"autocomplete": "new-password"},
    )
    published_at = MomentField("Date and time (UTC)")
    promotion_codes = BooleanField("Display Promotion Code field on Stripe Checkout form")
    version, sealed = HiddenField(), HiddenField()
    confirmed, back, add_price = SubmitField(), SubmitField(), SubmitField()
    remove_price = StringField()

    def __init__(self, plan: Plan) -> None:
        super().__init__(data=_initial_data(plan))
        self.plan, self.available_roles = plan, Role.for_plans()
        for field in self.role_fields:
            field.choices = [(NO_ROLE, "— None —"), *((role.id, role.name) for role in self.available_roles)]
        if "price_id" in self:
            self.available_prices = {price.id: price for price in [plan.price, *Plan.free_prices(plan.mode)]}
            self.price_id.choices = price_choices(self.available_prices.values())

    @property
    def is_being_filled(self) -> bool:
        """Whether the pressed button only shows the form again, with what was typed."""
        return bool(self.back.data or self.add_price.data or self.remove_price.data)

    @property
    def role_fields(self) -> list[IdField]:
        return [self[f"{status}_role"] for status in self.plan.role_labels]

    @property
    def roles(self) -> dict[str, Role | None]:
        by_id = {role.id: role for role in self.available_roles}
        return {status: by_id.get(self[f"{status}_role"].data) for status in self.plan.role_labels}

    @property
    def price(self) -> Price:
        """The price to sell: the plan's own where no other may be chosen."""
        return (
            self.available_prices.get(self.price_id.data, self.plan.price)
            if "price_id" in self
            else self.plan.price
        )

    @property
    def offer(self) -> dict[str, Any]:
        moment = self.published_at.data
        is_unchanged = moment == in_utc(self.plan.published_at)
        values = {"description": self.description.data or "", "visibility": self.visibility.data}
        return {**values, "published_at": self.plan.published_at if is_unchanged else moment}

    @property
    def terms(self) -> dict[str, Any]:
        return {name: self[name].data for name in TERMS[self.plan.price.type]}

    @property
    def switches(self) -> list[Price]:
        """The prices that a subscriber may switch to."""
        return []

    @property
    def new_password_hash(self) -> str:
        """The hash of the password that was typed, now or on a page before; "" for none."""
        return hash_password(self.password.data) if self.password.data else _unsealed(self.sealed.data)

    def prepare_to_show_again(self) -> None:
        """Seal the new password and take over the plan's present version, before the form is shown again."""
        if self.password.data and not self.password.errors:
            self.sealed.data = _seal(hash_password(self.password.data))
        self.version.data = self.plan.fingerprint

    def add_error(self, message: str) -> None:
        """Add an error after the validation, to the field of the price if there is one."""
        field = self["price_id" if "price_id" in self else "title"]
        field.errors = [*field.errors, message]

    def validate_version(self, field: HiddenField) -> None:
        if field.data and field.data != self.plan.fingerprint:
            raise ValidationError(CHANGED_MEANWHILE)

    def validate_password(self, field: PasswordField) -> None:
        has_password = field.data or _unsealed(self.sealed.data) or self.plan.password_hash
        if self.visibility.data == "password" and not has_password:
            raise ValidationError("Type the password that opens this plan.")


class RecurringForm(PlanForm):
    """A recurring plan: also its trial, and the prices that a subscriber may switch to."""

    trial_days = WholeNumberField(
        "Trial Periods",
        validators=[between(*TRIAL_DAYS, "Leave it empty, or type a number of days from 2 to 730.")],
    )
    switch_prices = SelectMultipleField(
        "Users who have subscribed to this plan can switch to any of the chosen Stripe Prices.",
        coerce=role_id,
        validate_choice=False,
    )

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        archived = [price for price in plan.switch_prices if not price.is_for_sale]
        prices = [*Price.recurring(plan.mode, plan.price.currency), *archived]
        self.switch_targets = {price.id: price for price in prices if price.id != plan.price_id}

    @property
    def switch_choices(self) -> dict[str, list[tuple[int, str]]]:
        return price_choices(self.switch_targets.values())

    @property
    def switches(self) -> list[Price]:
        chosen = dict.fromkeys(self.switch_prices.data or [])
        return [self.switch_targets[price_id] for price_id in chosen if price_id in self.switch_targets]

    @property
    def switch_rows(self) -> list[int]:
        """The id of the price that is chosen in each row, 0 for none and for one that cannot be chosen."""
        chosen = self.switch_prices.data or []
        rows = [price_id if price_id in self.switch_targets else 0 for price_id in chosen]
        removed = self.remove_price.data or ""
        if removed.isdecimal() and len(removed) < 4 and int(removed) < len(rows):
            del rows[int(removed)]
        return [*rows, 0] if self.add_price.data else rows

    def validate_switch_prices(self, field: SelectMultipleField) -> None:
        if not set(field.data or []) - {0} <= self.switch_targets.keys():
            raise ValidationError(
                "One of the prices cannot be switched to: it must be another recurring one that is for sale in the "
                "same currency. Choose again."
            )


class OneTimeForm(PlanForm):
    """A one-time plan: also how long it lasts, and whether an administrator must approve."""

    duration_count = WholeNumberField("Expiration duration")
    duration_unit = SelectField(
        "Unit", choices=[("", "For ever"), *((unit, label) for unit, (label, _) in UNITS.items())]
    )
    approval = BooleanField("Capture on approval")

    def validate_duration_count(self, field: WholeNumberField) -> None:
        unit = self.duration_unit.data
        if field.process_errors:
            return
        if not unit and field.data is not None:
            raise ValidationError("Choose days, weeks or months, or leave the number empty.")
        if unit in UNITS and (field.data is None or not 1 <= field.data <= UNITS[unit][1]):
            raise ValidationError(
                f"Type how many {UNITS[unit][0].lower()} it lasts, from 1 to {UNITS[unit][1]:,}."
            )


def plan_form(plan: Plan) -> PlanForm:
    """Return the form of a plan, with a field for each status of its type, and for the price where it may be chosen."""
    fields: dict[str, Any] = {
        f"{status}_role": IdField(label, ROLE_GONE) for status, label in plan.role_labels.items()
    }
    if not plan.price_is_locked:
        fields["price_id"] = IdField("Price", PRICE_TAKEN)
    base = RecurringForm if plan.price.type == "recurring" else OneTimeForm
    form: PlanForm = type("PlanFormOfType", (base,), fields)(plan)
    return form


def _initial_data(plan: Plan) -> dict[str, Any]:
    roles = {status: plan.role_for(status) for status in plan.role_labels}
    ids = {f"{status}_role": role.id if role else NO_ROLE for status, role in roles.items()}
    fields = ("title", "description", "status", "visibility", "price_id", *TERMS[plan.price.type])
    values = {name: getattr(plan, name) for name in fields}
    switches = [price.id for price in plan.switch_prices]
    moment = in_utc(plan.published_at)
    return {**values, **ids, "published_at": moment, "switch_prices": switches, "version": plan.fingerprint}


def _seal(text: str) -> str:
    return current_app.extensions["fernet"].encrypt(text.encode()).decode()


def _unsealed(text: str | None) -> str:
    try:
        return current_app.extensions["fernet"].decrypt(text or "", ttl=SEALED_SECONDS).decode()
    except (InvalidToken, ValueError):
        return ""
