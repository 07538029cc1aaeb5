"""Where a personalization field (and a list rule) can take its value from.

A source has a key (`constituent.city`, `membership.level_name`, `attribute:colour`), a label, a type and an
SQL expression of that type over `constituent c` and the relations it needs. A relation has at most one row
a constituent; `joins` writes them. The time-bound one is `membership`: which term is current depends on the
day, given as a date.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache

from django.db import models
from psycopg import sql

from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.personalization.models import FieldType

ATTRIBUTE = "attribute:"
SQL = sql.SQL | sql.Composed

# Each relation: one row a constituent (`constituent_id`), of the constituents that `{only}` leaves.
RELATIONS: dict[str, str] = {
    "permission": "SELECT * FROM constituent_permission WHERE true {only}",
    "membership": """
        SELECT DISTINCT ON (constituent_id) * FROM membership WHERE begins_on <= {today} {only}
        ORDER BY constituent_id, expires_on DESC, id DESC""",
    "events": """
        SELECT constituent_id, count(*) AS number,
               (array_agg(event_name ORDER BY event_on DESC, id DESC))[1] AS last_name, max(event_on) AS last_on
        FROM event_registration WHERE status <> 'CANCELLED' {only} GROUP BY constituent_id""",
    "gifts": """
        SELECT constituent_id, count(*) AS number, sum(amount) AS total,
               (array_agg(amount ORDER BY given_on DESC, id DESC))[1] AS last_amount, max(given_on) AS last_on
        FROM gift WHERE true {only} GROUP BY constituent_id""",
    "interests": """
        SELECT constituent_id, string_agg(area_code, ',' ORDER BY area_code COLLATE "C") AS areas
        FROM interest WHERE true {only} GROUP BY constituent_id""",
}


class UnknownSource(ValueError):
    """There is no such source; the message names those there are."""


@dataclass(frozen=True, slots=True)
class Source:
    """One place a value can come from. `expression` is over `c` and `relation`; null where there is nothing."""

    key: str
    label: str
    type: FieldType
    expression: SQL
    relation: str | None = None


_RELATED: tuple[tuple[str, str, FieldType], ...] = (
    ("membership.level_code", "Membership level code", FieldType.TEXT),
    ("membership.level_name", "Membership level", FieldType.TEXT),
    ("membership.status", "Membership status", FieldType.TEXT),
    ("membership.joined_on", "Member since", FieldType.DATE),
    ("membership.expires_on", "Membership expires on", FieldType.DATE),
    ("membership.auto_renew", "Membership renews by itself", FieldType.BOOLEAN),
    ("events.last_name", "Last event", FieldType.TEXT),
    ("events.last_on", "Last event on", FieldType.DATE),
    ("events.number", "Number of event registrations", FieldType.INTEGER),
    ("gifts.total", "Total given", FieldType.DECIMAL),
    ("gifts.last_amount", "Last gift", FieldType.DECIMAL),
    ("gifts.last_on", "Last gift on", FieldType.DATE),
    ("gifts.number", "Number of gifts", FieldType.INTEGER),
    ("interests.areas", "Interest areas", FieldType.TEXT),
)
_COUNTS = frozenset({"events.number", "gifts.number", "gifts.total"})  # nothing there is zero, not unknown


def constituent_columns() -> dict[str, FieldType]:
    """The constituent's columns that hold a fact about the person: text and yes/no ones, without the keys."""
    types = {models.TextField: FieldType.TEXT, models.BooleanField: FieldType.BOOLEAN}
    return {
        field.name: types[type(field)]
        for field in Constituent._meta.concrete_fields  # noqa: SLF001  # documented by Django
        if type(field) in types and not field.name.endswith("_customer_id")
    }


@cache
def catalogue() -> dict[str, Source]:
    """Every source but the attributes, by key, in the order in which a page offers them."""
    columns = [
        Source(
            f"constituent.{name}",
            name.replace("_", " ").capitalize(),
            type_,
            sql.SQL("c.{}").format(sql.Identifier(name)),
        )
        for name, type_ in constituent_columns().items()
    ]
    related = [
        Source(key, label, type_, _related_expression(key), key.partition(".")[0]) for key, label, type_ in _RELATED
    ]
    return {source.key: source for source in [*columns, *related]}


def source(key: str) -> Source:
    """The source of that key. Raises `UnknownSource`."""
    if key.startswith(ATTRIBUTE) and len(key) > len(ATTRIBUTE):
        name = key.removeprefix(ATTRIBUTE)
        return Source(key, name, FieldType.TEXT, sql.SQL("(c.attributes ->> {})").format(sql.Literal(name)))
    try:
        return catalogue()[key]
    except KeyError:
        raise UnknownSource(
            f"There is no source {key!r}. There are {', '.join(catalogue())} "
            f"and, for an attribute, {ATTRIBUTE}NAME."
        ) from None


def joins(relations: Iterable[str], today: date, only: SQL | None = None) -> SQL:
    """LEFT JOINs of these relations to `constituent c`.

    `only` is a query of constituent ids: the relations then read no more than these constituents' rows.
    """
    condition = sql.SQL("AND constituent_id IN ({})").format(only) if only else sql.SQL("")
    return sql.SQL("\n").join(
        sql.SQL("LEFT JOIN ({}) {name} ON {name}.constituent_id = c.id").format(
            sql.SQL(RELATIONS[relation]).format(only=condition, today=sql.Literal(today)),
            name=sql.Identifier(relation),
        )
        for relation in sorted(set(relations))
    )


def _related_expression(key: str) -> SQL:
    relation, _, column = key.partition(".")
    plain = sql.SQL("{}.{}").format(sql.Identifier(relation), sql.Identifier(column))
    return sql.SQL("coalesce({}, 0)").format(plain) if key in _COUNTS else plain
