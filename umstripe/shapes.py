"""Rules that say what the fields of an object must be. What Stripe's objects must be is in stripe_shapes.

What passes is safe to read and to store: texts hold no NUL and no half of a surrogate pair, numbers fit into 63 bits,
times into a calendar. Fields without a rule are not looked at. Null counts as absent. Of an object that is called
deleted only the id is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from umstripe.errors import Unusable
from umstripe.words import LAST_MOMENT

Rule = Callable[[object], None]
Shape = Mapping[str, Rule]
ID_LENGTH = 255
LARGEST = 2**63 - 1


class Odd(Exception):
    """A field is not what it must be; `path` is filled in from the inside to the outside."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem, self.path = problem, ""


def check(shape: Shape, value: object, what: str) -> None:
    """Raise Unusable with a sentence that names the first field of `value` that does not fit the shape."""
    try:
        fits(shape, value)
    except Odd as odd:
        field = odd.path.removeprefix(".")
        of = f"The field “{field}” of Stripe’s {what}" if field else f"Stripe’s {what}"
        raise Unusable(f"{of} {odd.problem}. This site cannot use it.") from None


def fits(shape: Shape, value: object) -> None:
    if not isinstance(value, Mapping):
        raise Odd(f"is {_kind(value)} and not an object")
    is_deleted = value.get("deleted") is True
    for name, rule in shape.items():
        field = value.get(name)
        if field is None and is_deleted and name != "id":
            continue
        try:
            rule(field)
        except Odd as odd:
            odd.path = f".{name}{odd.path}"
            raise


def storable(rule: Rule, value: object) -> str:
    """Return the text if it fits a rule of texts, else ""."""
    try:
        rule(value)
    except Odd:
        return ""
    return str(value)


def maybe(rule: Rule) -> Rule:
    """The same, or null, or absent."""

    def optional(value: object) -> None:
        if value is not None:
            rule(value)

    return optional


def text(most: int = LARGEST, least: int = 0) -> Rule:
    """A text that both databases and every page can hold."""

    def rule(value: object) -> None:
        if not isinstance(value, str):
            raise _wrong(value, "a text")
        if not least <= len(value) <= most:
            raise Odd("is empty" if not value else f"has {len(value)} characters, {most} at most are allowed")
        if "\x00" in value or not (value.isascii() or _has_only_whole_characters(value)):
            raise Odd("has a character that cannot be stored")

    return rule


def number(most: int = LARGEST, least: int = -LARGEST) -> Rule:
    """A whole number; true and 1.0 are none."""

    def rule(value: object) -> None:
        if type(value) is not int:
            raise _wrong(value, "a whole number")
        if not least <= value <= most:
            raise Odd("is a number out of range")

    return rule


def flag(value: object) -> None:
    """True or false."""
    if not isinstance(value, bool):
        raise _wrong(value, "true or false")


def part(shape: Shape) -> Rule:
    """An object inside the object."""

    def rule(value: object) -> None:
        if value is None:
            raise Odd("is missing")
        fits(shape, value)

    return rule


def each(rule: Rule, least: int = 0) -> Rule:
    """A list of Stripe's: an object with its entries in `data`."""

    def entries(value: object) -> None:
        if not isinstance(value, list):
            raise _wrong(value, "a list")
        if len(value) < least:
            raise Odd("is empty")
        for place, entry in enumerate(value):
            try:
                rule(entry)
            except Odd as odd:
                odd.path = f"[{place}]{odd.path}"
                raise

    return part({"data": entries})


def reference(shape: Shape | None = None) -> Rule:
    """The id of an object, or the whole object where Stripe was asked to expand it."""
    whole = part(shape or {"id": ID})

    def rule(value: object) -> None:
        (ID if isinstance(value, str) else whole)(value)

    return rule


def either(first: str, second: str, shape: Shape) -> Rule:
    """An object of which one of two parts must be there."""

    def rule(value: object) -> None:
        fits(shape, value)
        assert isinstance(value, Mapping)
        if not (value.get(first) or value.get(second)):
            raise Odd(f"has neither “{first}” nor “{second}”")

    return rule


def _wrong(value: object, wanted: str) -> Odd:
    return Odd("is missing" if value is None else f"is {_kind(value)} and not {wanted}")


def _kind(value: object) -> str:
    kinds = {bool: "true or false", int: "a number", float: "a decimal number", str: "a text", list: "a list"}
    return "null" if value is None else kinds.get(type(value), "an object")


def _has_only_whole_characters(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


ID = text(ID_LENGTH, 1)
WORD = text(ID_LENGTH, 1)
TEXT = text()
AMOUNT = number()
MOMENT = number(LAST_MOMENT, 0)
COUNT = number(2**31 - 1, 0)
ANY_PART = part({})
