"""The fields of the plan screen, each with a sentence of its own for what it cannot take."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from wtforms import DateTimeLocalField, IntegerField, SelectField
from wtforms.validators import ValidationError

from umstripe.formatting import price_words
from umstripe.models import Price

MOMENT = "%Y-%m-%dT%H:%M"
YEARS = (2000, 2199)


class WholeNumber(IntegerField):
    """A whole number, or nothing."""

    def process_formdata(self, valuelist: list[str]) -> None:
        typed = valuelist[0].strip() if valuelist else ""
        self.data = None
        if typed and not (typed.isascii() and typed.isdecimal() and len(typed) < 10):
            raise ValueError("Please type a whole number, in digits.")
        if typed:
            self.data = int(typed)


class Choice(SelectField):
    """A choice of ids; what is none of them is refused with `sentence`."""

    def __init__(self, label: str, sentence: str, **kwargs: Any) -> None:
        super().__init__(label, coerce=_id, **kwargs)
        self.sentence = sentence

    def pre_validate(self, form: Any) -> None:
        if self.data not in {value for value, *_ in self.iter_choices()}:
            raise ValidationError(self.sentence)


class Moment(DateTimeLocalField):
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


def between(low: int, high: int, sentence: str) -> Callable[[Any, Any], None]:
    """A validator: a number from `low` to `high`, or nothing."""

    def check(_form: Any, field: Any) -> None:
        if field.data is not None and not low <= field.data <= high:
            raise ValidationError(sentence)

    return check


def price_choices(prices: Iterable[Price]) -> dict[str, list[tuple[int, str]]]:
    """Prices to choose from, the recurring ones apart from the others."""
    grouped: dict[str, list[tuple[int, str]]] = {}
    for price in prices:
        kind = "Recurring" if price.type == "recurring" else "One-time"
        grouped.setdefault(kind, []).append((price.id, price_label(price)))
    return grouped


def price_label(price: Price) -> str:
    gone = "" if price.is_for_sale else " (not for sale any more)"
    return f"{price.title} – {price_words(price)}{gone}"


def _id(value: Any) -> int:
    """An id, or 0 for none; -1, which nothing has, for what is no id."""
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1


def in_utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC).replace(second=0, microsecond=0) if moment else None
