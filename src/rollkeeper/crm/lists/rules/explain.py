"""A rule asked about one person: what each condition finds, and what that makes of each group (B5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection

from rollkeeper.crm.lists.rules.fields import JOINS, FieldCatalogue
from rollkeeper.crm.lists.rules.rule import Condition, Group, parse_rule
from rollkeeper.crm.lists.rules.selection import Writer
from rollkeeper.crm.lists.rules.sentence import Sentence, sentence

LONGEST_VALUE = 200  # characters that are shown


@dataclass(frozen=True, slots=True)
class Verdict:
    """A condition or group in words, whether it holds, and, of a condition, what the person has there.

    `value` None: nothing. `parts`: those of a group.
    """

    text: str
    holds: bool
    is_group: bool
    value: str | None = None
    parts: tuple[Verdict, ...] = ()


def explain(rule: dict[str, Any], catalogue: FieldCatalogue, today: date, constituent_id: int) -> Verdict | None:
    """What the rule says of a constituent today; None where there is no such constituent. Raises `RuleError`.

    Each condition is the one that the selection would ask, put to one row.
    """
    group = parse_rule(rule, catalogue, today)
    found = _ask(list(_conditions(group)), today, constituent_id)
    if found is None:
        return None
    return _group(group, sentence(rule), iter(found))


def _conditions(group: Group) -> Iterator[Condition]:
    for part in group.parts:
        if isinstance(part, Group):
            yield from _conditions(part)
        else:
            yield part


def _ask(conditions: list[Condition], today: date, constituent_id: int) -> list[tuple[bool, str | None]] | None:
    """Of each condition whether it holds, and the value there."""
    held, values = Writer(), Writer()
    holds = [f"({held.condition(each)} IS TRUE)" for each in conditions]
    texts = [values.value(each.field) for each in conditions]
    joins = [JOINS[name] for name in JOINS if name in held.joins | values.joins]
    dates = [today for join in joins for _ in range(join.count("%s"))]
    query = " ".join(
        [
            f"SELECT ARRAY[{', '.join(holds)}]::boolean[],",
            f"ARRAY[{', '.join(texts)}]::text[] FROM constituent c",  # built from the catalogue alone
            *joins,
            "WHERE c.id = %s",
        ]
    )
    with connection.cursor() as cursor:
        cursor.execute(query, [*held.parameters, *values.parameters, *dates, constituent_id])
        row = cursor.fetchone()
    return None if row is None else list(zip(row[0], row[1], strict=True))


def _group(group: Group, words: Sentence, found: Iterator[tuple[bool, str | None]]) -> Verdict:
    parts = tuple(
        _group(part, said, found) if isinstance(part, Group) else _condition(said, *next(found))
        for part, said in zip(group.parts, words.parts, strict=True)
    )
    met = [part.holds for part in parts]
    holds = all(met) if group.combinator == "and" else any(met)
    return Verdict(words.text, holds is not group.opposite, is_group=True, parts=parts)


def _condition(words: Sentence, holds: bool, value: str | None) -> Verdict:
    if value is not None and len(value) > LONGEST_VALUE:
        value = f"{value[:LONGEST_VALUE]}…"
    return Verdict(words.text, holds, is_group=False, value=value)
