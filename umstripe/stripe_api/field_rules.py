"""Rules for the fields of a JSON object: a small schema language. types.py has the schemas of Stripe's objects.

What passes is safe to read and to store: texts hold no NUL and no half of a surrogate pair, numbers fit into 63 bits,
times into a calendar. Fields without a rule are not looked at. Null counts as absent. Of an object that is called
deleted only the id is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any, Generic, TypedDict, TypeVar, get_args, get_origin, get_type_hints, is_typeddict

from umstripe.errors import MalformedObject
from umstripe.formatting import LAST_MOMENT

Rule = Callable[[object], None]
Shape = Mapping[str, Rule]
ID_LENGTH = 255
LARGEST = 2**63 - 1
T = TypeVar("T")


class StripeList(TypedDict, Generic[T]):
    """A list of Stripe's: https://docs.stripe.com/api/pagination."""

    data: list[T]


class InvalidField(Exception):
    """A field does not follow its rule. `path` (like `.items.data[0].id`) grows as the error leaves nested objects."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem, self.path = problem, ""


def check(shape: Shape, value: object, what: str) -> None:
    """Raise MalformedObject with a sentence that names the first field of `value` that does not fit the shape."""
    try:
        fits(shape, value)
    except InvalidField as invalid:
        field = invalid.path.removeprefix(".")
        of = f"The field “{field}” of Stripe’s {what}" if field else f"Stripe’s {what}"
        raise MalformedObject(f"{of} {invalid.problem}. This site cannot use it.") from None


def fits(shape: Shape, value: object) -> None:
    """Raise InvalidField for the first field of `value` that does not follow its rule."""
    if not isinstance(value, Mapping):
        raise InvalidField(f"is {_kind(value)} and not an object")
    is_deleted = value.get("deleted") is True
    for name, rule in shape.items():
        field = value.get(name)
        if field is None and is_deleted and name != "id":
            continue
        try:
            rule(field)
        except InvalidField as invalid:
            invalid.path = f".{name}{invalid.path}"
            raise


def shape_of(typed_dict: type) -> Shape:
    """Return the rules of the fields of a TypedDict. `Annotated` gives a field's rule, `| None` makes it optional, and
    `Id | Product` is an id or, expanded, the object."""
    return {name: _rule_of(hint) for name, hint in get_type_hints(typed_dict, include_extras=True).items()}


def _rule_of(hint: Any) -> Rule:
    if hasattr(hint, "__metadata__"):
        rule: Rule = hint.__metadata__[0]
        return rule
    if hint is bool:
        return flag
    if is_typeddict(hint):
        return part(shape_of(hint))
    options = get_args(hint)
    if get_origin(hint) is StripeList:
        return each(_rule_of(options[0]))
    kinds = [option for option in options if option is not NoneType]
    rule = _rule_of(kinds[0]) if len(kinds) == 1 else reference(shape_of(kinds[1]))
    return maybe(rule) if NoneType in options else rule


def valid_or_empty(rule: Rule, value: object) -> str:
    """Return a text that follows `rule`, else ""."""
    try:
        rule(value)
    except InvalidField:
        return ""
    return str(value)


def maybe(rule: Rule) -> Rule:
    """Return a rule that also accepts null and an absent field."""

    def optional(value: object) -> None:
        if value is not None:
            rule(value)

    return optional


def text(most: int = LARGEST, least: int = 0) -> Rule:
    """Return a rule for texts of `least` to `most` characters, without NUL and lone surrogates."""

    def rule(value: object) -> None:
        if not isinstance(value, str):
            raise _wrong(value, "a text")
        if not least <= len(value) <= most:
            raise InvalidField(
                "is empty" if not value else f"has {len(value)} characters, {most} at most are allowed"
            )
        if "\x00" in value or not (value.isascii() or _has_only_whole_characters(value)):
            raise InvalidField("has a character that cannot be stored")

    return rule


def number(most: int = LARGEST, least: int = -LARGEST) -> Rule:
    """Return a rule for whole numbers from `least` to `most`; true and 1.0 are none."""

    def rule(value: object) -> None:
        if type(value) is not int:
            raise _wrong(value, "a whole number")
        if not least <= value <= most:
            raise InvalidField("is a number out of range")

    return rule


def flag(value: object) -> None:
    """The rule for true and false."""
    if not isinstance(value, bool):
        raise _wrong(value, "true or false")


def anything(value: object) -> None:
    """The rule for a field of which only is asked whether it is there, or what it equals."""


def part(shape: Shape) -> Rule:
    """Return a rule for an object inside the object."""

    def rule(value: object) -> None:
        if value is None:
            raise InvalidField("is missing")
        fits(shape, value)

    return rule


def each(rule: Rule, least: int = 0) -> Rule:
    """Return a rule for a list of Stripe's: an object with its entries in `data`."""

    def entries(value: object) -> None:
        if not isinstance(value, list):
            raise _wrong(value, "a list")
        if len(value) < least:
            raise InvalidField("is empty")
        for place, entry in enumerate(value):
            try:
                rule(entry)
            except InvalidField as invalid:
                invalid.path = f"[{place}]{invalid.path}"
                raise

    return part({"data": entries})


def reference(shape: Shape) -> Rule:
    """Return a rule for the id of an object, or the object itself where Stripe was asked to expand it."""
    whole = part(shape)

    def rule(value: object) -> None:
        (ID if isinstance(value, str) else whole)(value)

    return rule


def either(first: str, second: str, shape: Shape) -> Rule:
    """Return a rule for an object that must have at least one of two fields."""

    def rule(value: object) -> None:
        fits(shape, value)
        assert isinstance(value, Mapping)
        if not (value.get(first) or value.get(second)):
            raise InvalidField(f"has neither “{first}” nor “{second}”")

    return rule


def _wrong(value: object, wanted: str) -> InvalidField:
    return InvalidField("is missing" if value is None else f"is {_kind(value)} and not {wanted}")


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
ANYTHING = anything
