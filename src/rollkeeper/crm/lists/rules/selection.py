"""A rule's tree as one parameterised query for constituent ids.

Logic has two values here: a comparison with a missing value is false, and its opposite true. Conditions
are written positively, so SQL's unknown counts as false all the way up to an opposite, which is written
`IS NOT TRUE`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from rollkeeper.crm.lists.rules.fields import JOINS, FieldCatalogue, RuleField, ValueType
from rollkeeper.crm.lists.rules.rule import Condition, Group, Operator, parse_rule
from rollkeeper.crm.lists.rules.values import Value

MERGED = "DUPLICATE"  # the status of a record that was merged into another one


@dataclass(frozen=True, slots=True)
class Selection:
    """A query with one column, constituent ids without repetition, and its parameters (`%s`)."""

    sql: str
    parameters: tuple[Any, ...]


def select_by_rule(rule: object, catalogue: FieldCatalogue, today: date) -> Selection:
    """The query of a rule (react-querybuilder's shape). Raises `RuleError`.

    `today` is the organisation's date, to which relative dates refer. The loser of a merge is never in.
    """
    return selection(parse_rule(rule, catalogue, today), today)


def selection(group: Group, today: date) -> Selection:
    writer = Writer()
    condition = writer.group(group)
    joins = [JOINS[name] for name in JOINS if name in writer.joins]
    dates = [today for join in joins for _ in range(join.count("%s"))]
    sql = " ".join(
        [
            "SELECT c.id FROM constituent c",
            *joins,
            f"WHERE c.status <> '{MERGED}' AND {condition}",  # built from the catalogue alone
        ]
    )
    return Selection(sql, (*dates, *writer.parameters))


@dataclass(slots=True)
class Writer:
    """Writes conditions from left to right, gathering parameters in the order of their `%s`."""

    parameters: list[Any] = field(default_factory=list)
    joins: set[str] = field(default_factory=set)

    def group(self, group: Group) -> str:
        parts = [self.group(part) if isinstance(part, Group) else self.condition(part) for part in group.parts]
        if not parts:
            joined = "true" if group.combinator == "and" else "false"
        else:
            joined = f" {group.combinator.upper()} ".join(parts)
        return f"(({joined}) IS NOT TRUE)" if group.opposite else f"({joined})"

    def condition(self, condition: Condition) -> str:
        self.joins.update(condition.field.joins)
        if condition.field.is_many:
            held = self._of_many(condition)
            return f"(NOT {held})" if condition.opposite else held
        held = self._comparison(condition)
        return f"({held} IS NOT TRUE)" if condition.opposite else held

    def _of_many(self, condition: Condition) -> str:
        """One of the values meets the condition. The empty text means here that there is none."""
        rows = f"SELECT 1 FROM {condition.field.table} x WHERE x.constituent_id = c.id AND"  # noqa: S608  # ours
        equality = condition.operator in _EQUALITIES
        present = tuple(value for value in condition.values if not (equality and value == ""))
        alternatives = []
        if present or not equality:
            alternatives.append(f"EXISTS ({rows} {self._comparison(replace(condition, values=present))})")
        if len(present) < len(condition.values):
            there = self._comparison(replace(condition, operator=Operator.NOT_NULL, values=()))
            alternatives.append(f"NOT EXISTS ({rows} {there})")
        return f"({' OR '.join(alternatives)})"

    def _comparison(self, condition: Condition) -> str:
        rule_field, operator, values = condition.field, condition.operator, condition.values
        if operator is Operator.NOT_NULL:
            return f"({self._expression(rule_field)} IS NOT NULL)"
        if operator in _CASELESS:
            return self._caseless(rule_field, operator, values[0])
        if operator in _EQUALITIES:
            return self._equals(rule_field, values)
        expression = self._expression(rule_field)
        if rule_field.type is ValueType.TEXT:
            expression = f'{expression} COLLATE "C"'
        self.parameters.extend(values)
        if operator is Operator.BETWEEN:
            return f"({expression} BETWEEN %s AND %s)"
        return f"({expression} {operator.value} %s)"

    def _equals(self, rule_field: RuleField, values: tuple[Value, ...]) -> str:
        """One of the values, or, where the empty text is among them, missing."""
        alternatives = []
        present = [value for value in values if value != ""]
        if len(present) == 1:
            alternatives.append(f"{self._expression(rule_field)} = %s")
            self.parameters.append(present[0])
        elif present:
            alternatives.append(f"{self._expression(rule_field)} = ANY(%s)")
            self.parameters.append(present)
        if len(present) < len(values):
            alternatives.append(f"{self._expression(rule_field)} IS NULL")
        return f"({' OR '.join(alternatives)})"

    def _caseless(self, rule_field: RuleField, operator: Operator, value: Value) -> str:
        """Parts of a text, upper and lower case alike. No LIKE, so no sign in the value is a wildcard."""
        template = _CASELESS[operator]
        before, after = template.split("{field}")
        self.parameters.extend([value] * before.count("%s"))
        expression = self._expression(rule_field)
        self.parameters.extend([value] * after.count("%s"))
        return f"({before}{expression}{after})"

    def _expression(self, rule_field: RuleField) -> str:
        self.parameters.extend(rule_field.parameters)
        return rule_field.expression

    def value(self, rule_field: RuleField) -> str:
        """What the constituent has there, as one text; of many values each once."""
        self.joins.update(rule_field.joins)
        text = f"({self._expression(rule_field)})::text"
        if not rule_field.is_many:
            return text
        return (
            f"(SELECT string_agg(DISTINCT {text}, ', ') "  # noqa: S608  # built from the catalogue alone
            f"FROM {rule_field.table} x WHERE x.constituent_id = c.id)"
        )


_EQUALITIES = frozenset({Operator.EQUAL, Operator.IN})
_CASELESS = {
    Operator.CONTAINS: "position(fold_case(%s) IN fold_case({field})) > 0",
    Operator.BEGINS_WITH: "starts_with(fold_case({field}), fold_case(%s))",
    Operator.ENDS_WITH: "right(fold_case({field}), length(fold_case(%s))) = fold_case(%s)",
}
