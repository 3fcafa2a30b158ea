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

from umstripe.forms.plan_fields import Choice, Moment, WholeNumber, between, in_utc, price_choices
from umstripe.forms.user import role_id, stripped
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
        "Title", filters=[stripped], validators=[Length(max=200, message="At most 200 characters.")]
    )


class AddPlanForm(FlaskForm):
    """A plan made by hand: which price it sells."""

    title = title_field()
    price_id = Choice("Price", PRICE_TAKEN)

    def __init__(self, prices: list[Price]) -> None:
        super().__init__()
        self.prices = {price.id: price for price in prices}
        self.price_id.choices = price_choices(prices)


class PlanForm(FlaskForm):
    """Everything an administrator says of a plan, besides what `plan_form` adds for its type.

    `seen` is what the plan was when the page was opened. `sealed` carries a new password's hash, encrypted, from
    page to page: what was typed as a password is never sent back. `confirmed`: the preview was seen.
    """

    title = title_field()
    description = TextAreaField(
        "Description",
        filters=[stripped],
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
    published_at = Moment("Date and time (UTC)")
    promotion_codes = BooleanField("Display Promotion Code field on Stripe Checkout form")
    seen, sealed = HiddenField(), HiddenField()
    confirmed, back, add_price = SubmitField(), SubmitField(), SubmitField()
    remove_price = StringField()

    def __init__(self, plan: Plan) -> None:
        super().__init__(data=_stored(plan))
        self.plan, self.offered = plan, Role.for_plans()
        for field in self.role_fields:
            field.choices = [(NO_ROLE, "— None —"), *((role.id, role.name) for role in self.offered)]
        if "price_id" in self:
            self.free = {price.id: price for price in [plan.price, *Plan.free_prices(plan.mode)]}
            self.price_id.choices = price_choices(self.free.values())

    @property
    def is_being_filled(self) -> bool:
        """Whether a button was pressed that only shows the form again, with what was typed."""
        return bool(self.back.data or self.add_price.data or self.remove_price.data)

    @property
    def role_fields(self) -> list[Choice]:
        return [self[f"{status}_role"] for status in self.plan.role_labels]

    @property
    def roles(self) -> dict[str, Role | None]:
        by_id = {role.id: role for role in self.offered}
        return {status: by_id.get(self[f"{status}_role"].data) for status in self.plan.role_labels}

    @property
    def price(self) -> Price:
        """The price to sell: another one only where it may be chosen."""
        return self.free.get(self.price_id.data, self.plan.price) if "price_id" in self else self.plan.price

    @property
    def offer(self) -> dict[str, Any]:
        moment = self.published_at.data
        same = moment == in_utc(self.plan.published_at)
        values = {"description": self.description.data or "", "visibility": self.visibility.data}
        return {**values, "published_at": self.plan.published_at if same else moment}

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

    def keep_typed(self) -> None:
        """Before the form is shown again: carry the new password along, and compare with the plan as it is now."""
        if self.password.data and not self.password.errors:
            self.sealed.data = _seal(hash_password(self.password.data))
        self.seen.data = self.plan.fingerprint

    def refuse(self, sentence: str) -> None:
        """Say what was found wrong after the form was read, at the field that chooses the price if there is one."""
        field = self["price_id" if "price_id" in self else "title"]
        field.errors = [*field.errors, sentence]

    def validate_seen(self, field: HiddenField) -> None:
        if field.data and field.data != self.plan.fingerprint:
            raise ValidationError(CHANGED_MEANWHILE)

    def validate_password(self, field: PasswordField) -> None:
        given = field.data or _unsealed(self.sealed.data) or self.plan.password_hash
        if self.visibility.data == "password" and not given:
            raise ValidationError("Type the password that opens this plan.")


class RecurringForm(PlanForm):
    """What only a recurring plan has: a trial, and prices that a subscriber may switch to."""

    trial_days = WholeNumber(
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
        kept = [price for price in plan.switch_prices if not price.is_for_sale]
        prices = [*Price.recurring(plan.mode, plan.price.currency), *kept]
        self.switchable = {price.id: price for price in prices if price.id != plan.price_id}

    @property
    def switch_choices(self) -> dict[str, list[tuple[int, str]]]:
        return price_choices(self.switchable.values())

    @property
    def switches(self) -> list[Price]:
        chosen = dict.fromkeys(self.switch_prices.data or [])
        return [self.switchable[one] for one in chosen if one in self.switchable]

    @property
    def switch_rows(self) -> list[int]:
        """The chosen price of each row, 0 for one in which nothing is chosen, or something that cannot be."""
        rows = [one if one in self.switchable else 0 for one in self.switch_prices.data or []]
        gone = self.remove_price.data or ""
        if gone.isdecimal() and len(gone) < 4 and int(gone) < len(rows):
            del rows[int(gone)]
        return [*rows, 0] if self.add_price.data else rows

    def validate_switch_prices(self, field: SelectMultipleField) -> None:
        if not set(field.data or []) - {0} <= self.switchable.keys():
            raise ValidationError(
                "One of the prices cannot be switched to: it must be another recurring one that is for sale in the "
                "same currency. Choose again."
            )


class OneTimeForm(PlanForm):
    """What only a one-time plan has: how long it lasts, and whether an administrator must approve."""

    duration_count = WholeNumber("Expiration duration")
    duration_unit = SelectField(
        "Unit", choices=[("", "For ever"), *((unit, label) for unit, (label, _) in UNITS.items())]
    )
    approval = BooleanField("Capture on approval")

    def validate_duration_count(self, field: WholeNumber) -> None:
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
    """The form for this plan: a field for each status of its type, and for the price where it may be chosen."""
    fields: dict[str, Any] = {
        f"{status}_role": Choice(label, ROLE_GONE) for status, label in plan.role_labels.items()
    }
    if not plan.price_is_locked:
        fields["price_id"] = Choice("Price", PRICE_TAKEN)
    kind = RecurringForm if plan.price.type == "recurring" else OneTimeForm
    return type("PlanFormOfType", (kind,), fields)(plan)


def _stored(plan: Plan) -> dict[str, Any]:
    roles = {status: plan.role_for(status) for status in plan.role_labels}
    ids = {f"{status}_role": role.id if role else NO_ROLE for status, role in roles.items()}
    names = ("title", "description", "status", "visibility", "price_id", *TERMS[plan.price.type])
    values = {name: getattr(plan, name) for name in names}
    switches = [price.id for price in plan.switch_prices]
    moment = in_utc(plan.published_at)
    return {**values, **ids, "published_at": moment, "switch_prices": switches, "seen": plan.fingerprint}


def _seal(text: str) -> str:
    return current_app.extensions["fernet"].encrypt(text.encode()).decode()


def _unsealed(text: str | None) -> str:
    try:
        return current_app.extensions["fernet"].decrypt(text or "", ttl=SEALED_SECONDS).decode()
    except (InvalidToken, ValueError):
        return ""
