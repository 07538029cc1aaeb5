"""Values of a rule, from what JSON brings to what a field's type needs."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation

from rollkeeper.crm.lists.errors import RuleError, shown
from rollkeeper.crm.lists.rules.fields import ValueType

Value = str | int | Decimal | date | bool

NUMBER = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?")
RELATIVE_DATE = re.compile(r"today(?:\s*([+-])\s*([0-9]{1,6}))?", re.IGNORECASE)
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
TRUE = frozenset({"true", "y", "yes", "1"})
_FALSE = frozenset({"false", "n", "no", "0"})


def parse_value(type_: ValueType, raw: object, today: date, field: str) -> Value:
    """One value of that type. `raw` is a JSON scalar; numbers, dates and flags may come as text.

    Raises `RuleError`, naming the field and the value.
    """
    parsed: Value | None
    if type_ is ValueType.TEXT:
        parsed = text_value(raw)
    elif type_ is ValueType.DATE:
        parsed = date_value(raw, today)
    elif type_ is ValueType.BOOLEAN:
        parsed = _boolean_value(raw)
    else:
        parsed = _number_value(raw, whole=type_ is ValueType.INTEGER)
    if parsed is None:
        raise RuleError(f"{shown(raw)} is no value for the field {field!r}, which needs {_NEEDS[type_]}.")
    return parsed


_NEEDS = {
    ValueType.TEXT: "a text (no list, no true or false, no control character U+0000)",
    ValueType.INTEGER: "a whole number",
    ValueType.DECIMAL: "a number",
    ValueType.DATE: "a date such as 2026-11-30, or today, today+30, today-365",
    ValueType.BOOLEAN: "true or false (Y and N will do)",
}


def text_value(raw: object) -> str | None:
    """A text; a JSON number is taken as its digits. None: it is no text that the database can hold."""
    if isinstance(raw, bool):
        return None
    if isinstance(raw, (int, float)):
        return _digits(raw)
    if not isinstance(raw, str) or "\x00" in raw or any("\ud800" <= sign <= "\udfff" for sign in raw):
        return None
    return raw


def date_value(raw: object, today: date) -> date | None:
    """A date in ISO form, or one relative to today in days."""
    if not isinstance(raw, str):
        return None
    text = raw.strip()
    try:
        if relative := RELATIVE_DATE.fullmatch(text):
            sign, days = relative.groups()
            return today + timedelta(days=int(f"{sign or '+'}{days or 0}"))
        return date.fromisoformat(text) if _ISO_DATE.fullmatch(text) else None
    except (ValueError, OverflowError):
        return None


def _boolean_value(raw: object) -> bool | None:
    word = str(raw).strip().lower()
    if isinstance(raw, float) or word not in TRUE | _FALSE:
        return None
    return word in TRUE


def _number_value(raw: object, *, whole: bool) -> Decimal | int | None:
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str)):
        return None
    text = raw.strip() if isinstance(raw, str) else _digits(raw)
    if text is None or not NUMBER.fullmatch(text):
        return None
    number = Decimal(text)
    if not whole:
        return number
    return int(number) if number == number.to_integral_value() else None


def _digits(raw: float) -> str | None:
    """A number written without exponent, or None for one that no field can hold."""
    try:
        number = Decimal(repr(raw))
    except (InvalidOperation, ValueError):  # ValueError: an integer of thousands of digits
        return None
    if not number.is_finite() or abs(number) >= Decimal("1e40") or (number and abs(number) < Decimal("1e-30")):
        return None
    return f"{number:f}"
