"""A rule as a person reads it: sentences in sentences, for the list's page.

For a rule that was checked when it was saved (`rule.py`); this only puts it into words.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from rollkeeper.crm.lists.rules.draft import IN_LAST, IN_NEXT, relative_days

WORDS = {
    "=": "is",
    "!=": "is not",
    "<": "is less than",
    "<=": "is at most",
    ">": "is more than",
    ">=": "is at least",
    "contains": "contains",
    "beginsWith": "begins with",
    "endsWith": "ends with",
    "doesNotContain": "does not contain",
    "null": "is missing",
    "notNull": "is there",
    "in": "is one of",
    "notIn": "is none of",
    "between": "is between",
}
DAYS = {IN_NEXT: "is in the next", IN_LAST: "was in the last"}
GROUPS = {
    ("and", False): "All of these hold:",
    ("and", True): "Not all of these hold:",
    ("or", False): "At least one of these holds:",
    ("or", True): "None of these holds:",
}
EMPTY_GROUPS = {
    ("and", False): "Everyone.",
    ("and", True): "No one.",
    ("or", False): "No one.",
    ("or", True): "Everyone.",
}
PLAIN = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?|[0-9]{4}-[0-9]{2}-[0-9]{2}|today([+-][0-9]+)?")
KEYS = ("combinator", "not", "rules", "field", "operator", "value")
SHOWN_VALUES = 20  # of a long list of values; the rest is counted


@dataclass(frozen=True, slots=True)
class Sentence:
    """A condition, or a group's heading with its parts."""

    text: str
    parts: tuple[Sentence, ...] = ()


def sentence(rule: dict[str, Any]) -> Sentence:
    """A group of a rule (react-querybuilder's shape) in words."""
    kind = (str(rule["combinator"]).lower(), bool(rule.get("not", False)))
    parts = tuple(_part(part) for part in rule["rules"])
    return Sentence(GROUPS[kind] if parts else EMPTY_GROUPS[kind], parts)


def as_json(rule: dict[str, Any]) -> str:
    """The rule's JSON for people: indented, the keys in the order in which one reads them."""
    return json.dumps(_in_order(rule), indent=2, ensure_ascii=False)


def _in_order(part: Any) -> Any:
    if isinstance(part, list):
        return [_in_order(each) for each in part]
    if not isinstance(part, dict):
        return part
    names = [*(name for name in KEYS if name in part), *sorted(part.keys() - set(KEYS))]
    return {name: _in_order(part[name]) for name in names}


def _part(part: dict[str, Any]) -> Sentence:
    return _condition(part) if "field" in part and "rules" not in part else sentence(part)


def _condition(part: dict[str, Any]) -> Sentence:
    operator = str(part["operator"])
    words = f"{field_words(str(part['field']))} {WORDS[operator]}"
    if operator in {"null", "notNull"}:
        return Sentence(f"{words}.")
    values = _values(part["value"], several=operator in {"in", "notIn", "between"})
    if operator == "between" and (days := relative_days(operator, part["value"])):
        return Sentence(f"{field_words(str(part['field']))} {DAYS[days[0]]} {days[1]} days.")
    if operator == "between":
        return Sentence(f"{words} {values[0]} and {values[1]}.")
    more = len(values) - SHOWN_VALUES
    shown = ", ".join(values[:SHOWN_VALUES])
    return Sentence(f"{words} {shown} and {more} more." if more > 0 else f"{words} {shown}.")


def field_words(name: str) -> str:
    """Such as `membership expires on`; an attribute as it is named."""
    if name.startswith("attribute:"):
        return f"attribute “{name.removeprefix('attribute:')}”"
    return name.replace(".", " ").replace("_", " ")


def _values(raw: object, *, several: bool) -> list[str]:
    if not several:
        return [_value(raw)]
    found = [part.strip() for part in raw.split(",")] if isinstance(raw, str) else raw
    return [_value(one) for one in found] if isinstance(found, list) else [_value(found)]


def _value(raw: object) -> str:
    """Numbers and dates as they are, text in quotes."""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if raw == "":
        return "empty"
    return str(raw) if PLAIN.fullmatch(str(raw)) else f"“{raw}”"
