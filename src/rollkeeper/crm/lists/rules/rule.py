"""A rule as a checked tree: groups of conditions, every field, operator and value known to be right."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from rollkeeper.crm.lists.errors import RuleError, shown
from rollkeeper.crm.lists.rules.fields import FieldCatalogue, RuleField, ValueType
from rollkeeper.crm.lists.rules.values import (
    NUMBER,
    RELATIVE_DATE,
    Value,
    date_value,
    parse_value,
    text_value,
)

DEEPEST = 50  # groups in groups
MOST_CONDITIONS = 1_000
MOST_VALUES = 10_000  # of one `in`; more ids than that are a list of ids


class Operator(StrEnum):
    """The operators of the contract (`spec/interface.md`, Files)."""

    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="
    CONTAINS = "contains"
    BEGINS_WITH = "beginsWith"
    ENDS_WITH = "endsWith"
    DOES_NOT_CONTAIN = "doesNotContain"
    NULL = "null"
    NOT_NULL = "notNull"
    IN = "in"
    NOT_IN = "notIn"
    BETWEEN = "between"


# An operator that is the opposite of another: true exactly where the other is not, missing values included.
OPPOSITES = {
    Operator.NOT_EQUAL: Operator.EQUAL,
    Operator.DOES_NOT_CONTAIN: Operator.CONTAINS,
    Operator.NOT_IN: Operator.IN,
    Operator.NULL: Operator.NOT_NULL,
}
ORDERING = frozenset({Operator.LESS, Operator.AT_MOST, Operator.GREATER, Operator.AT_LEAST, Operator.BETWEEN})
FOR_TEXT_ONLY = frozenset({Operator.CONTAINS, Operator.BEGINS_WITH, Operator.ENDS_WITH, Operator.DOES_NOT_CONTAIN})
_WITHOUT_VALUE = frozenset({Operator.NULL, Operator.NOT_NULL})
_LISTS = frozenset({Operator.IN, Operator.NOT_IN})


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition, said positively: `opposite` turns it round."""

    field: RuleField
    operator: Operator
    values: tuple[Value, ...]
    opposite: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions and groups joined by `and` or `or`; `opposite` turns the whole round.

    An `and` of nothing holds for every one, an `or` of nothing for no one.
    """

    combinator: str
    parts: tuple[Condition | Group, ...]
    opposite: bool = False


def parse_rule(rule: object, catalogue: FieldCatalogue, today: date) -> Group:
    """The checked tree of a rule in react-querybuilder's shape. Raises `RuleError`."""
    parser = _Parser(catalogue, today)
    return parser.group(rule, depth=1)


class _Parser:
    def __init__(self, catalogue: FieldCatalogue, today: date) -> None:
        self.catalogue = catalogue
        self.today = today
        self.conditions = 0

    def group(self, rule: object, depth: int) -> Group:
        if depth > DEEPEST:
            raise RuleError(f"The rule has groups more than {DEEPEST} deep.")
        if not isinstance(rule, dict):
            raise RuleError(f'A rule is an object such as {{"combinator": "and", "rules": []}}, not {shown(rule)}.')
        combinator = rule.get("combinator")
        if not isinstance(combinator, str) or combinator.lower() not in {"and", "or"}:
            raise RuleError(f"The combinator is {shown(combinator)}; it must be and or or.")
        parts = rule.get("rules")
        if not isinstance(parts, list):
            raise RuleError(f"The rules of a group are a list, not {shown(parts)}.")
        return Group(
            combinator.lower(),
            tuple(self._part(part, depth) for part in parts),
            opposite=_flag(rule, "not"),
        )

    def _part(self, part: object, depth: int) -> Condition | Group:
        if isinstance(part, dict) and "field" in part and "rules" not in part:
            return self._condition(part)
        return self.group(part, depth + 1)

    def _condition(self, part: dict[str, object]) -> Condition:
        self.conditions += 1
        if self.conditions > MOST_CONDITIONS:
            raise RuleError(f"The rule has more than {MOST_CONDITIONS} conditions.")
        name = part["field"]
        if not isinstance(name, str) or text_value(name) is None:
            raise RuleError(f"A field is named by a text, not {shown(name)}.")
        field = self.catalogue.field(name)
        operator = _operator(part.get("operator"), name)
        if part.get("valueSource", "value") != "value":
            raise RuleError(f"The condition on {name!r} compares with another field; only values are possible.")
        if _flag(part, "muted"):
            raise RuleError(f"The condition on {name!r} is muted; take it out or unmute it.")
        _check_operator(field, operator, name)
        field, values = self._values(field, operator, part)
        positive = OPPOSITES.get(operator, operator)
        return Condition(field, positive, values, opposite=positive is not operator)

    def _values(
        self, field: RuleField, operator: Operator, part: dict[str, object]
    ) -> tuple[RuleField, tuple[Value, ...]]:
        if operator in _WITHOUT_VALUE:
            return field, ()
        name = str(part["field"])
        raw = part.get("value")
        if raw is None:
            raise RuleError(f"The condition {name!r} {operator} has no value. For missing values use null.")
        found = _split(raw, operator, name)
        if field.is_attribute and operator in ORDERING:
            return self._attribute_order(field, found, name)
        return field, tuple(parse_value(field.type, one, self.today, name) for one in found)

    def _attribute_order(
        self, field: RuleField, found: list[object], name: str
    ) -> tuple[RuleField, tuple[Value, ...]]:
        """Attributes are text; what is compared with numbers, or with a day from today, is ordered as such."""
        texts = [text_value(one) for one in found]
        if all(text is not None and NUMBER.fullmatch(text) for text in texts):
            number = as_number(field)
            return number, tuple(parse_value(number.type, one, self.today, name) for one in texts)
        relative = [
            date_value(text, self.today) if text and RELATIVE_DATE.fullmatch(text.strip()) else None
            for text in texts
        ]
        plain = [day.isoformat() if day else one for day, one in zip(relative, found, strict=True)]
        return field, tuple(parse_value(field.type, one, self.today, name) for one in plain)


def as_number(field: RuleField) -> RuleField:
    """A text field read as a number; text that is none counts as missing."""
    return replace(field, type=ValueType.DECIMAL, expression=f"number_or_null({field.expression})")


def _operator(raw: object, field: str) -> Operator:
    try:
        return Operator(str(raw) if isinstance(raw, str) else "")
    except ValueError as error:
        raise RuleError(
            f"The condition on {field!r} has the operator {shown(raw)}. "
            f"The operators are: {' '.join(operator.value for operator in Operator)}."
        ) from error


def _check_operator(field: RuleField, operator: Operator, name: str) -> None:
    is_text = field.type is ValueType.TEXT
    if operator in FOR_TEXT_ONLY and not is_text:
        raise RuleError(f"The operator {operator} is for text; the field {name!r} is of type {field.type}.")
    if operator in ORDERING and field.type is ValueType.BOOLEAN:
        raise RuleError(f"The operator {operator} is not for the field {name!r}, which is true or false.")


def _split(raw: object, operator: Operator, name: str) -> list[object]:
    """The single values of a condition: one, two for between, any number but none for in and notIn."""
    if operator not in _LISTS and operator is not Operator.BETWEEN:
        return [raw]
    if isinstance(raw, str):
        found: list[object] = [part.strip() for part in raw.split(",")]
    else:
        found = list(raw) if isinstance(raw, list) else [raw]
    if operator is Operator.BETWEEN and len(found) != 2:
        raise RuleError(f"The condition {name!r} between needs two values, not {shown(raw)}.")
    if not found or found == [""]:
        raise RuleError(f"The condition {name!r} {operator} has an empty list.")
    if len(found) > MOST_VALUES:
        raise RuleError(f"The condition {name!r} {operator} has more than {MOST_VALUES} values.")
    return found


def _flag(part: dict[str, object], key: str) -> bool:
    flag = part.get(key, False)
    if not isinstance(flag, bool):
        raise RuleError(f"{key!r} is true or false, not {shown(flag)}.")
    return flag
