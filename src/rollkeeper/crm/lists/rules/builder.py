"""The rule builder's view of a rule: each node with what its inputs offer and hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rollkeeper.crm.lists.rules.draft import IN_LAST, IN_NEXT, ROOT, as_lines, relative_days, type_of
from rollkeeper.crm.lists.rules.fields import FIELDS, FieldCatalogue, ValueType
from rollkeeper.crm.lists.rules.rule import FOR_TEXT_ONLY, ORDERING, Operator
from rollkeeper.crm.lists.rules.sentence import WORDS, field_words
from rollkeeper.crm.lists.rules.values import TRUE

Choice = tuple[str, str]  # value, label
_LISTS = {Operator.IN, Operator.NOT_IN}
_WITHOUT = {Operator.NULL, Operator.NOT_NULL}
_DAYS = ((IN_NEXT, "is in the next … days"), (IN_LAST, "was in the last … days"))
_DATE_WORDS = {"<": "is before", "<=": "is on or before", ">": "is after", ">=": "is on or after", "=": "is on"}


@dataclass(frozen=True, slots=True)
class ConditionView:
    """A condition's inputs. `input`: none, list, flag, number, days, date or text; `values`: what they hold.

    `is_listed`: whether the field is among those offered.
    """

    path: str
    field: str
    field_label: str
    operator: str
    operators: tuple[Choice, ...]
    input: str
    values: tuple[str, ...]
    is_listed: bool
    is_group: bool = False


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group with its parts."""

    path: str
    combinator: str
    opposite: bool
    parts: tuple[ConditionView | GroupView, ...]
    is_group: bool = True

    @property
    def is_root(self) -> bool:
        return self.path == ROOT


class Fields:
    """Every field that a condition may choose, in groups, as a `<select>` shows them."""

    def __init__(self, catalogue: FieldCatalogue) -> None:
        self.catalogue = catalogue

    @cached_property
    def groups(self) -> list[tuple[str, list[Choice]]]:
        built_in: dict[str, list[Choice]] = {}
        for name in FIELDS:
            heading = name.partition(".")[0].capitalize() if "." in name else "Constituent"
            built_in.setdefault(heading, []).append((name, field_words(name)))
        attributes = [(name, name) for name in sorted(self.catalogue.attributes - FIELDS.keys())]
        return [*built_in.items(), *([("Attributes", attributes)] if attributes else [])]


def view(rule: dict[str, Any], catalogue: FieldCatalogue) -> GroupView:
    """The whole rule for the builder's template."""
    return _group(rule, ROOT, catalogue)


def _group(rule: dict[str, Any], path: str, catalogue: FieldCatalogue) -> GroupView:
    parts = tuple(
        _group(part, f"{path}.{place}", catalogue)
        if "rules" in part
        else _condition(part, f"{path}.{place}", catalogue)
        for place, part in enumerate(rule["rules"])
    )
    return GroupView(path, str(rule["combinator"]).lower(), bool(rule.get("not", False)), parts)


def _condition(part: dict[str, Any], path: str, catalogue: FieldCatalogue) -> ConditionView:
    field, operator, value = str(part["field"]), str(part["operator"]), part.get("value", "")
    type_ = type_of(field, catalogue)
    days = relative_days(operator, value) if type_ is ValueType.DATE else None
    values = [days[1]] if days else _texts(value, operator)
    if type_ is ValueType.BOOLEAN and operator not in _LISTS:
        values = ["true" if one.strip().lower() in TRUE else "false" for one in values]
    operator = days[0] if days else operator
    return ConditionView(
        path=path,
        field=field,
        field_label=field_words(field),
        operator=operator,
        operators=tuple(operators(type_, operator)),
        input=_input(type_, operator),
        values=(as_lines(values),) if operator in _LISTS else tuple(values),
        is_listed=field in FIELDS or field in catalogue.attributes,
    )


def operators(type_: ValueType, chosen: str) -> Iterable[Choice]:
    """The operators for a field of that type, and the chosen one, whatever it is."""
    for operator in Operator:
        fits = not (operator in FOR_TEXT_ONLY and type_ is not ValueType.TEXT) and not (
            type_ is ValueType.BOOLEAN and (operator in ORDERING or operator in _LISTS)
        )
        if fits or operator == chosen:
            words = _DATE_WORDS.get(operator, WORDS[operator]) if type_ is ValueType.DATE else WORDS[operator]
            yield operator.value, words
    if type_ is ValueType.DATE:
        yield from _DAYS


def _input(type_: ValueType, operator: str) -> str:
    if operator in _WITHOUT:
        return "none"
    if operator in {IN_NEXT, IN_LAST}:
        return "days"
    if operator in _LISTS:
        return "list"
    return {
        ValueType.BOOLEAN: "flag",
        ValueType.DATE: "date",
        ValueType.INTEGER: "number",
        ValueType.DECIMAL: "number",
        ValueType.TEXT: "text",
    }[type_]


def _texts(value: object, operator: str) -> list[str]:
    """The values as inputs hold them: one, two for between, any number for a list."""
    several = operator in _LISTS or operator == Operator.BETWEEN
    if several and isinstance(value, str):
        found: list[object] = [part.strip() for part in value.split(",")] if value else []
    elif isinstance(value, list):
        found = list(value)
    else:
        found = [value]
    texts = [_text(one) for one in found]
    return [*texts, "", ""][:2] if operator == Operator.BETWEEN else texts if several else texts[:1] or [""]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
