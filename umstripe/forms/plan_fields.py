"""The fields of the plan screen, each with its own error message."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from flask_wtf import FlaskForm
from wtforms import DateTimeLocalField, Field, IntegerField, SelectField
from wtforms.validators import ValidationError

from umstripe.formatting import price_words
from umstripe.models import Price

MOMENT = "%Y-%m-%dT%H:%M"
YEARS = (2000, 2199)


class WholeNumberField(IntegerField):
    """A whole number, or nothing."""

    def process_formdata(self, valuelist: list[str]) -> None:
        typed = valuelist[0].strip() if valuelist else ""
        self.data = None
        if typed and not (typed.isascii() and typed.isdecimal() and len(typed) < 10):
            raise ValueError("Please type a whole number, in digits.")
        if typed:
            self.data = int(typed)


class IdField(SelectField):
    """A choice of ids. `message` is the error for any other value."""

    def __init__(self, label: str, message: str, **kwargs: Any) -> None:
        super().__init__(label, coerce=_id, **kwargs)
        self.message = message

    def pre_validate(self, form: FlaskForm) -> None:
        if self.data not in {value for value, *_ in self.iter_choices()}:
            raise ValidationError(self.message)


class MomentField(DateTimeLocalField):
    """A moment in UTC to the minute, or nothing."""

    def __init__(self, label: str, **kwargs: Any) -> None:
        super().__init__(label, format=[MOMENT, "%Y-%m-%dT%H:%M:%S"], **kwargs)

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = None
        if not valuelist or not valuelist[0].strip():
            return
        try:
            super().process_formdata([valuelist[0].strip()])
        except ValueError:
            raise ValueError("Please choose a day and a time, like 2027-01-31 09:00.") from None
        if self.data is None or not YEARS[0] <= self.data.year <= YEARS[1]:
            raise ValueError(f"Please choose a year from {YEARS[0]} to {YEARS[1]}.")
        self.data = self.data.replace(tzinfo=UTC)

    def _value(self) -> str:
        return self.raw_data[0] if self.raw_data else self.data.strftime(MOMENT) if self.data else ""


def between(low: int, high: int, message: str) -> Callable[[FlaskForm, Field], None]:
    """Return a validator that takes a number from `low` to `high`, or nothing."""

    def check(_form: FlaskForm, field: Field) -> None:
        if field.data is not None and not low <= field.data <= high:
            raise ValidationError(message)

    return check


def price_choices(prices: Iterable[Price]) -> dict[str, list[tuple[int, str]]]:
    """Return the choices of a select field, grouped by type. Each is the price's id and its label."""
    grouped: dict[str, list[tuple[int, str]]] = {}
    for price in prices:
        group = "Recurring" if price.type == "recurring" else "One-time"
        grouped.setdefault(group, []).append((price.id, price_label(price)))
    return grouped


def price_label(price: Price) -> str:
    suffix = "" if price.is_for_sale else " (not for sale any more)"
    return f"{price.title} – {price_words(price)}{suffix}"


def _id(value: Any) -> int:
    """Return an id, 0 for the empty choice, or -1, which nothing has, for what is no id."""
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1


def in_utc(moment: datetime | None) -> datetime | None:
    """Return a moment in UTC, to the minute."""
    return moment.astimezone(UTC).replace(second=0, microsecond=0) if moment else None
