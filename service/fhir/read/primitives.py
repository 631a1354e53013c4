"""FHIR's primitives as JSON writes them: each put right, and whether it is surely valid.

The patterns are stricter than those of the R4 models: what they let pass, the models do; of what they do not, nothing
is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, tzinfo
from enum import Enum
from math import isfinite
from typing import Any, Final, TypeAlias

from service.fhir.read.dates import with_zone

Form: TypeAlias = str | None
"""`{status,code{coding[{system,code}]}}`; None: something in it may not be valid. Of a primitive: ""."""
Fit: TypeAlias = Callable[[object, tzinfo], tuple[Any, Form]]
"""A value put right, and its form."""

_TEXT: Final = re.compile("[^\ud800-\udfff]+").fullmatch
_CODE: Final = re.compile(r"[!-~]+(?: [!-~]+)*").fullmatch
_DAY: Final = re.compile(r"[1-8]\d{3}(?:-(?:0[1-9]|1[0-2])(?:-\d\d)?)?", re.ASCII).fullmatch
_MOMENT: Final = re.compile(
    r"[1-8]\d{3}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?(?:Z|[+-](?:0\d|1[0-3]):[0-5]\d)", re.ASCII
).fullmatch
_TIME: Final = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d", re.ASCII).fullmatch
_MOST_DIGITS: Final = 10**15
_GREATEST_INTEGER: Final = 2**31 - 1


def is_text(value: str) -> bool:
    """Any text that can be sent."""
    return value.isascii() or _TEXT(value) is not None


def is_code(value: str) -> bool:
    """Words of visible ASCII characters with one space between them."""
    return _CODE(value) is not None


def is_day(value: str) -> bool:
    """A year, month or day of the calendar."""
    if _DAY(value) is None:
        return False
    try:
        return len(value) < len("2026-01-01") or bool(date.fromisoformat(value))
    except ValueError:
        return False


def is_moment(value: str) -> bool:
    """An instant: to the second, with its zone. A leap second is for the model to judge."""
    if _MOMENT(value) is None:
        return False
    try:
        return bool(datetime.fromisoformat(value))
    except ValueError:
        return False


def is_date_time(value: str) -> bool:
    return is_moment(value) if "T" in value else is_day(value)


def is_time(value: str) -> bool:
    return _TIME(value) is not None


def is_decimal(value: object) -> bool:
    return isfinite(value) if type(value) is float else type(value) is int and -_MOST_DIGITS < value < _MOST_DIGITS


def is_positive(value: object) -> bool:
    return type(value) is int and 0 < value <= _GREATEST_INTEGER


def is_integer(value: object) -> bool:
    return type(value) is int and -_GREATEST_INTEGER <= value <= _GREATEST_INTEGER


def text(value: object, _: tzinfo) -> tuple[object, Form]:
    """A string or uri: valid is any text that can be sent."""
    value = value if isinstance(value, str) else single(value)
    if not isinstance(value, str):
        return value, None
    value = value.strip()
    return value, "" if is_text(value) else None


def of_text(is_valid: Callable[[str], bool]) -> Fit:
    """A primitive that JSON writes as a string of one form."""

    def fitted(value: object, _: tzinfo) -> tuple[object, Form]:
        value = value if isinstance(value, str) else single(value)
        if not isinstance(value, str):
            return value, None
        value = value.strip()
        return value, "" if is_valid(value) else None

    return fitted


def of_date(is_valid: Callable[[str], bool]) -> Fit:
    """A dateTime or instant; one without seconds or zone gets them."""

    def fitted(value: object, zone: tzinfo) -> tuple[object, Form]:
        value = value if isinstance(value, str) else single(value)
        if not isinstance(value, str):
            return value, None
        value = value.strip()
        if is_valid(value):
            return value, ""
        value = with_zone(value, zone)
        return value, "" if is_valid(value) else None

    return fitted


def of_number(is_valid: Callable[[object], bool]) -> Fit:
    """A number; written as a string, it is for the model to judge."""

    def fitted(value: object, _: tzinfo) -> tuple[object, Form]:
        value = single(value)
        return value.strip() if isinstance(value, str) else value, "" if is_valid(value) else None

    return fitted


def boolean(value: object, _: tzinfo) -> tuple[object, Form]:
    """True or false, also when written as a string."""
    value = single(value)
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.strip(), value.strip())
    return value, "" if isinstance(value, bool) else None


def single(value: object) -> object:
    """The one member of a list where no list belongs."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


class Primitive(Enum):
    """FHIR's primitive types, as far as they are looked at; `DATE` is one without a time."""

    STRING = "string"
    CODE = "code"
    URI = "uri"
    DECIMAL = "decimal"
    INTEGER = "integer"
    POSITIVE_INT = "positiveInt"
    BOOLEAN = "boolean"
    DATE = "date"
    DATE_TIME = "dateTime"
    INSTANT = "instant"
    TIME = "time"


FITS: Final[Mapping[Primitive, Fit]] = {
    Primitive.STRING: text,
    Primitive.CODE: of_text(is_code),
    Primitive.URI: text,
    Primitive.DECIMAL: of_number(is_decimal),
    Primitive.INTEGER: of_number(is_integer),
    Primitive.POSITIVE_INT: of_number(is_positive),
    Primitive.BOOLEAN: boolean,
    Primitive.DATE: of_text(is_day),
    Primitive.DATE_TIME: of_date(is_date_time),
    Primitive.INSTANT: of_date(is_moment),
    Primitive.TIME: of_text(is_time),
}
