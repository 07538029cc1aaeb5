"""A rule as one builds it: the fields of a form as a rule's JSON, and what the builder's buttons do to it.

A node's place is its *path*: `0` the whole rule, `0.2` its third part, `0.2.0` the first part of that. A form has,
for each group, `g:PATH` (and, or) and `n:PATH` (on: turned round); for each condition `f:PATH` (field), `o:PATH`
(operator) and `v:PATH` (the values). Nothing here checks the rule: it need not be whole yet.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rollkeeper.crm.lists.errors import RuleError
from rollkeeper.crm.lists.rules.fields import FieldCatalogue, ValueType
from rollkeeper.crm.lists.rules.rule import DEEPEST, Operator

ROOT = "0"
MOST_NODES = 150  # of a rule in the builder; a longer one is edited as JSON (a form has at most 1,000 fields)
IN_NEXT, IN_LAST = "inNextDays", "inLastDays"  # operators of the builder alone: `between` with today
_NEXT = re.compile(r"today\s*\+\s*([0-9]{1,6})")
_LAST = re.compile(r"today\s*-\s*([0-9]{1,6})")
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,14})")
_PATH = re.compile(r"0(\.[0-9]{1,3}){0,60}")

Rule = dict[str, Any]


Sent = Mapping[str, list[str]]  # a form as it was sent: each field with its values


@dataclass(frozen=True, slots=True)
class Changed:
    """A rule after a button was pressed, and the path of the node that the reader looks at now."""

    rule: Rule
    path: str


def empty_rule() -> Rule:
    return {"combinator": "and", "rules": []}


def nodes(rule: Rule) -> int:
    """How many groups and conditions the rule has, itself included."""
    return 1 + sum(nodes(part) if "rules" in part else 1 for part in rule["rules"])


def was_built(sent: Sent) -> bool:
    """Whether the form has a rule in the builder's fields."""
    return f"g:{ROOT}" in sent


def read(sent: Sent, catalogue: FieldCatalogue) -> Rule:
    """The rule that the builder's fields say."""
    return _group(sent, ROOT, catalogue)


def _group(sent: Sent, path: str, catalogue: FieldCatalogue) -> Rule:
    parts = [
        _group(sent, child, catalogue) if f"g:{child}" in sent else _condition(sent, child, catalogue)
        for child in _children(sent, path)
    ]
    rule: Rule = {"combinator": "or" if _first(sent, f"g:{path}") == "or" else "and", "rules": parts}
    if f"n:{path}" in sent:
        rule["not"] = True
    return rule


def _children(sent: Sent, path: str) -> Iterator[str]:
    place = 0
    while f"g:{path}.{place}" in sent or f"f:{path}.{place}" in sent:
        yield f"{path}.{place}"
        place += 1


def _condition(sent: Sent, path: str, catalogue: FieldCatalogue) -> Rule:
    field, operator = _first(sent, f"f:{path}"), _first(sent, f"o:{path}") or "="
    type_ = type_of(field, catalogue)
    values = [_typed(text, type_) for text in sent.get(f"v:{path}", ())]
    if operator in {Operator.NULL, Operator.NOT_NULL}:
        return {"field": field, "operator": operator}
    if operator in {IN_NEXT, IN_LAST}:
        days = str(values[0]).strip() if values else ""
        shift = f"today{'+' if operator == IN_NEXT else '-'}{days or 30}"
        value: object = ["today", shift] if operator == IN_NEXT else [shift, "today"]
        return {"field": field, "operator": Operator.BETWEEN.value, "value": value}
    if operator == Operator.BETWEEN:
        value = [*values, "", ""][:2]
    elif operator in {Operator.IN, Operator.NOT_IN}:
        value = [_typed(line, type_) for line in lines_of(_first(sent, f"v:{path}"))]
    else:
        value = values[0] if values else ""
    return {"field": field, "operator": operator, "value": value}


def _first(sent: Sent, name: str) -> str:
    values = sent.get(name, [])
    return values[0] if values else ""


def lines_of(text: str) -> list[str]:
    """The values of a list, one a line. An empty line is the empty text (missing); one at the end is none."""
    lines = text.replace("\r\n", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def as_lines(values: list[str]) -> str:
    """The opposite of `lines_of`."""
    return "\n".join(values) + ("\n" if values and not values[-1] else "")


def _typed(text: str, type_: ValueType) -> object:
    """A value as JSON has it: numbers and flags as such, where they are some."""
    if type_ is ValueType.BOOLEAN and text in {"true", "false"}:
        return text == "true"
    if type_ in {ValueType.INTEGER, ValueType.DECIMAL} and _WHOLE.fullmatch(text):
        return int(text)
    return text


def type_of(field: str, catalogue: FieldCatalogue) -> ValueType:
    """The type of a field; text for one that there is not."""
    try:
        return catalogue.field(field).type
    except RuleError:
        return ValueType.TEXT


def relative_days(operator: str, value: object) -> tuple[str, str] | None:
    """What a `between` with today is in the builder: its operator and the days. None: it is no such one."""
    if operator != Operator.BETWEEN or not isinstance(value, list) or len(value) != 2:
        return None
    first, second = (str(one).strip().lower() for one in value)
    if first == "today" and (found := _NEXT.fullmatch(second)):
        return IN_NEXT, found[1]
    if second == "today" and (found := _LAST.fullmatch(first)):
        return IN_LAST, found[1]
    return None


def changed(rule: Rule, action: str) -> Changed:
    """What a button makes of the rule: `add:PATH`, `group:PATH`, `remove:PATH`, `up:PATH`, `down:PATH`.

    A place that is not there, or a rule that would get too long or too deep, leaves it as it is.
    """
    verb, _, path = action.partition(":")
    new = copy.deepcopy(rule)
    if not _PATH.fullmatch(path) or _at(new, path) is None:
        return Changed(rule, ROOT)
    if verb in {"add", "group"}:
        return _added(new, path, is_group=verb == "group")
    if path == ROOT or verb not in {"remove", "up", "down"}:
        return Changed(rule, path)
    if verb == "remove":
        parent, place = _parent(new, path)
        del parent["rules"][place]
        return Changed(new, path if place < len(parent["rules"]) else path.rpartition(".")[0])
    return _moved(new, path, up=verb == "up")


def _added(rule: Rule, path: str, *, is_group: bool) -> Changed:
    group = _at(rule, path)
    if group is None or "rules" not in group or nodes(rule) >= MOST_NODES or path.count(".") + 2 >= DEEPEST:
        return Changed(rule, path)
    group["rules"].append(empty_rule() if is_group else {"field": "state", "operator": "=", "value": ""})
    return Changed(rule, f"{path}.{len(group['rules']) - 1}")


def _moved(rule: Rule, path: str, *, up: bool) -> Changed:
    """One step: past a condition, into a group that is next to it, or out of its own group at its end."""
    parent, place = _parent(rule, path)
    above = path.rpartition(".")[0]
    node = parent["rules"].pop(place)
    beside = place - 1 if up else place
    if not 0 <= beside < len(parent["rules"]):  # at the end of its group: out of it
        if above == ROOT:
            parent["rules"].insert(place, node)
            return Changed(rule, path)
        outer, outer_place = _parent(rule, above)
        target = outer_place if up else outer_place + 1
        outer["rules"].insert(target, node)
        return Changed(rule, f"{above.rpartition('.')[0]}.{target}")
    neighbour = parent["rules"][beside]
    if "rules" in neighbour and "rules" not in node:
        target = len(neighbour["rules"]) if up else 0
        neighbour["rules"].insert(target, node)
        return Changed(rule, f"{above}.{beside}.{target}")
    target = beside if up else beside + 1
    parent["rules"].insert(target, node)
    return Changed(rule, f"{above}.{target}")


def _at(rule: Rule, path: str) -> Rule | None:
    node: Rule = rule
    for place in path.split(".")[1:]:
        parts = node.get("rules", [])
        if int(place) >= len(parts):
            return None
        node = parts[int(place)]
    return node


def _parent(rule: Rule, path: str) -> tuple[Rule, int]:
    above, _, place = path.rpartition(".")
    parent = _at(rule, above)
    if parent is None:
        raise ValueError(f"there is no node {above} in the rule")
    return parent, int(place)
