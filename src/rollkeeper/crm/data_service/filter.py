"""OData's `$filter`, parsed into SQL with parameters.

    expression  :=  or
    or          :=  and ("or" and)*
    and         :=  not ("and" not)*
    not         :=  "not" not | comparison
    comparison  :=  operand (("eq" | "ne" | "gt" | "ge" | "lt" | "le") operand | "in" "(" literal, … ")")?
    operand     :=  literal | property | ("contains" | "startswith" | "endswith") "(" operand "," operand ")"
                    | "(" expression ")"

`null` compares as OData says: `eq null` and `ne null` ask whether there is a value; nothing is greater or less
than `null`. Text compares by code point.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from psycopg import sql

from rollkeeper.crm.data_service.entities import SQL, Edm, Entity
from rollkeeper.crm.data_service.errors import Refusal, bad_request

Value = str | int | Decimal | date | datetime

LONGEST_FILTER = 20_000  # characters
DEEPEST_FILTER = 50  # parentheses and nots within one another

_TOKEN = re.compile(
    r"\s*(?:"
    r"(?P<string>'(?:[^']|'')*')"
    r"|(?P<instant>\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d))"
    r"|(?P<date>\d{4}-\d\d-\d\d)"
    r"|(?P<number>-?\d{1,30}(?:\.\d{1,30})?)"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<mark>[(),])"
    r")",
    re.ASCII,
)
_COMPARISONS = {"eq": "=", "ne": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_FUNCTIONS = {
    "contains": sql.SQL("(strpos({}, {}) > 0)"),
    "startswith": sql.SQL("starts_with({}, {})"),
    "endswith": sql.SQL("(right({0}, length({1})) = {1})"),
}
_NUMBERS = frozenset({Edm.INTEGER, Edm.DECIMAL})


@dataclass(slots=True)
class Parameters:
    """The values of a query, each under a name of its own."""

    values: dict[str, Value] = field(default_factory=dict)

    def add(self, value: Value, type_: Edm) -> SQL:
        """The SQL of a value: a placeholder, with its type."""
        name = f"v{len(self.values)}"
        self.values[name] = value
        return sql.SQL("CAST({} AS {})").format(sql.Placeholder(name), type_.postgres)


@dataclass(frozen=True, slots=True)
class Operand:
    """A part of a filter: its SQL and type; type None is the literal `null`."""

    expression: SQL
    type: Edm | None
    nullable: bool = False


def filter_condition(text: str, entity: Entity, parameters: Parameters) -> SQL:
    """The SQL condition of a `$filter`. Raises a 400 `Refusal` that names what is not understood."""
    if len(text) > LONGEST_FILTER:
        raise bad_request(f"$filter is longer than {LONGEST_FILTER} characters.")
    parser = _Parser(_tokens(text), entity, parameters)
    condition = parser.expression()
    if parser.kind != "end":
        raise bad_request(f"$filter: {parser.text!r} was not expected.")
    return _condition(condition)


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise bad_request(f"$filter cannot be read from {text[position:].strip()[:40]!r} on.")
        found.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return [*found, ("end", "")]


class _Parser:
    """Recursive descent over the tokens, one method a line of the grammar above."""

    def __init__(self, tokens: list[tuple[str, str]], entity: Entity, parameters: Parameters) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self._entity = entity
        self._parameters = parameters

    @property
    def kind(self) -> str:
        return self._tokens[self._at][0]

    @property
    def text(self) -> str:
        return self._tokens[self._at][1]

    def expression(self) -> Operand:
        left = self._and()
        while self._word("or"):
            left = _boolean(sql.SQL("({} OR {})").format(_condition(left), _condition(self._and())))
        return left

    def _and(self) -> Operand:
        left = self._not()
        while self._word("and"):
            left = _boolean(sql.SQL("({} AND {})").format(_condition(left), _condition(self._not())))
        return left

    def _not(self) -> Operand:
        if not self._word("not"):
            return self._comparison()
        self._deeper()
        negated = _boolean(sql.SQL("(NOT {})").format(_condition(self._not())))
        self._depth -= 1
        return negated

    def _comparison(self) -> Operand:
        left = self._operand()
        for name, operator in _COMPARISONS.items():
            if self._word(name):
                return _compare(left, operator, self._operand())
        if self._word("in"):
            return self._in(left)
        return left

    def _in(self, left: Operand) -> Operand:
        self._mark("(")
        choices = [_compare(left, "=", self._operand()).expression]
        while self.text == "," and self.kind == "mark":
            self._at += 1
            choices.append(_compare(left, "=", self._operand()).expression)
        self._mark(")")
        return _boolean(sql.SQL("({})").format(sql.SQL(" OR ").join(choices)))

    def _operand(self) -> Operand:
        kind, text = self._tokens[self._at]
        self._at += kind != "end"
        if kind == "mark" and text == "(":
            self._deeper()
            inside = self.expression()
            self._depth -= 1
            self._mark(")")
            return inside
        if kind == "name":
            return self._name(text)
        if kind in {"mark", "end"}:
            raise bad_request(
                f"$filter: a value is missing before {text!r}." if text else "$filter ends too early."
            )
        value, type_ = _literal(kind, text)
        return Operand(self._parameters.add(value, type_), type_)

    def _name(self, name: str) -> Operand:
        if name == "null":
            return Operand(sql.SQL("NULL"), None)
        if name in {"true", "false"}:
            return _boolean(sql.SQL(name))
        if (self.kind, self.text) == ("mark", "("):
            return self._function(name)
        found = self._entity.find(name)
        if found is None:
            raise bad_request(f"$filter: {self._entity.name} has no property {name!r}.")
        return Operand(found.expression, found.type, found.nullable)

    def _function(self, name: str) -> Operand:
        if name not in _FUNCTIONS:
            raise bad_request(f"$filter: the function {name!r} is not known; known are {', '.join(_FUNCTIONS)}.")
        self._mark("(")
        text = self._operand()
        self._mark(",")
        part = self._operand()
        self._mark(")")
        if text.type != Edm.STRING or part.type != Edm.STRING:
            raise bad_request(f"$filter: {name} takes two texts.")
        return _boolean(_FUNCTIONS[name].format(text.expression, part.expression))

    def _word(self, word: str) -> bool:
        if (self.kind, self.text) != ("name", word):
            return False
        self._at += 1
        return True

    def _mark(self, mark: str) -> None:
        if (self.kind, self.text) != ("mark", mark):
            raise bad_request(f"$filter: {mark!r} was expected before {self.text or 'the end'!r}.")
        self._at += 1

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST_FILTER:
            raise bad_request(f"$filter is nested deeper than {DEEPEST_FILTER} levels.")


def _literal(kind: str, text: str) -> tuple[Value, Edm]:
    try:
        match kind:
            case "string":
                return plain_text(text[1:-1].replace("''", "'")), Edm.STRING
            case "instant":
                return datetime.fromisoformat(text), Edm.INSTANT
            case "date":
                return date.fromisoformat(text), Edm.DATE
            case _:
                # One numeric type for all literals: PostgreSQL compares it with bigint without loss.
                return Decimal(text), Edm.DECIMAL
    except ValueError as error:
        raise bad_request(f"$filter: {text!r} is no valid value.") from error


def plain_text(text: str) -> str:
    """The text, if PostgreSQL can hold it. Raises a 400 `Refusal` for U+0000."""
    if "\0" in text:
        raise bad_request("A value holds the character U+0000.")
    return text


def _boolean(expression: SQL) -> Operand:
    return Operand(expression, Edm.BOOLEAN)


def _condition(operand: Operand) -> SQL:
    if operand.type != Edm.BOOLEAN:
        raise bad_request("$filter: a condition is expected where there is a value.")
    return operand.expression


def _compare(left: Operand, operator: str, right: Operand) -> Operand:
    if left.type is None or right.type is None:
        return _compare_null(left, operator, right)
    if left.type != right.type and not {left.type, right.type} <= _NUMBERS:
        raise _mismatch(left.type, right.type)
    a, b = left.expression, right.expression
    if left.type == Edm.STRING:
        a, b = sql.SQL('{} COLLATE "C"').format(a), sql.SQL('{} COLLATE "C"').format(b)
    if not (left.nullable or right.nullable):
        return _boolean(sql.SQL("({} {} {})").format(a, sql.SQL(operator), b))
    if operator == "<>":
        return _boolean(sql.SQL("({} IS DISTINCT FROM {})").format(a, b))
    return _boolean(sql.SQL("(({} {} {}) IS TRUE)").format(a, sql.SQL(operator), b))


def _compare_null(left: Operand, operator: str, right: Operand) -> Operand:
    value = right.expression if left.type is None else left.expression
    if operator == "=":
        return _boolean(sql.SQL("({} IS NULL)").format(value))
    if operator == "<>":
        return _boolean(sql.SQL("({} IS NOT NULL)").format(value))
    return _boolean(sql.SQL("false"))


def _mismatch(left: Edm, right: Edm) -> Refusal:
    return bad_request(f"$filter: {left} cannot be compared with {right}.")
