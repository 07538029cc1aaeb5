"""Reads pages of entities: keyset paging, so a page costs the same wherever it is in the set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DataError, connection
from psycopg import sql

from rollkeeper.crm.data_service.entities import SQL, Edm, Entity, Property
from rollkeeper.crm.data_service.errors import bad_request
from rollkeeper.crm.data_service.filter import Parameters, filter_condition, plain_text
from rollkeeper.crm.data_service.options import After, Options, Order


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of the selected properties, each value as JSON text; `last` is where the next page begins."""

    rows: list[tuple[str, ...]]
    last: tuple[str | None, ...] | None


def read_page(entity: Entity, options: Options, most: int) -> Page:
    """At most `most` rows; `last` is None where the set, or `$top`, is exhausted."""
    wanted = most if options.top is None else min(options.top, most)
    parameters = Parameters()
    conditions = _conditions(entity, options.filter, parameters)
    if options.after is not None:
        conditions.append(_after(options.order, options.after.values, parameters))
    query = sql.SQL("SELECT {columns} FROM {source} WHERE {where} ORDER BY {order} LIMIT {limit} OFFSET {skip}")
    values = [_json(found) for found in options.select]
    keys = [sql.SQL("CAST({} AS text)").format(term.property.expression) for term in options.order]
    found = _fetch(
        query.format(
            columns=sql.SQL(", ").join([*values, *keys]),
            source=entity.source,
            where=sql.SQL(" AND ").join(conditions),
            order=sql.SQL(", ").join(_order_term(term) for term in options.order),
            limit=parameters.add(wanted + 1, Edm.INTEGER),
            skip=parameters.add(options.skip, Edm.INTEGER),
        ),
        parameters,
    )
    split = len(values)
    more = len(found) > wanted and wanted == most
    return Page([row[:split] for row in found[:wanted]], found[wanted - 1][split:] if more else None)


def count_rows(entity: Entity, condition: str | None) -> int:
    """How many entities there are that meet the `$filter`."""
    parameters = Parameters()
    where = sql.SQL(" AND ").join(_conditions(entity, condition, parameters))
    query = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(entity.source, where)
    return int(_fetch(query, parameters)[0][0])


def read_one(entity: Entity, key: dict[str, str], select: Sequence[Property]) -> tuple[str, ...] | None:
    """The entity of that key, each selected value as JSON text; None where there is none."""
    parameters = Parameters()
    columns = sql.SQL(", ").join(_json(found) for found in select)
    where = sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(found.expression, parameters.add(plain_text(key[found.name]), found.type))
        for found in entity.properties
        if found.name in key
    )
    found = _fetch(sql.SQL("SELECT {} FROM {} WHERE {}").format(columns, entity.source, where), parameters)
    return found[0] if found else None


def _fetch(query: SQL, parameters: Parameters) -> list[tuple[Any, ...]]:
    try:
        with connection.cursor() as cursor:
            cursor.execute(query, parameters.values)
            return list(cursor.fetchall())
    except DataError as error:  # such as a $skiptoken with text where a number belongs, or a number out of range
        raise bad_request("A value in the request does not fit its property.") from error


def _conditions(entity: Entity, condition: str | None, parameters: Parameters) -> list[SQL]:
    return [sql.SQL("true")] if condition is None else [filter_condition(condition, entity, parameters)]


def _json(found: Property) -> SQL:
    """A value as JSON text: PostgreSQL writes numbers, dates and instants as OData wants them."""
    return sql.SQL("coalesce(to_json({})::text, 'null')").format(found.expression)


def _order_expression(found: Property) -> SQL:
    return sql.SQL('{} COLLATE "C"').format(found.expression) if found.type == Edm.STRING else found.expression


def _order_term(term: Order) -> SQL:
    """OData sorts null below everything else. What is never null needs no such word, and can use an index."""
    direction = "DESC" if term.descending else "ASC"
    if term.property.nullable:
        direction += " NULLS LAST" if term.descending else " NULLS FIRST"
    return sql.SQL("{} {}").format(_order_expression(term.property), sql.SQL(direction))


def _after(order: Sequence[Order], values: Sequence[str | None], parameters: Parameters) -> SQL:
    """The condition "comes later in the order than these values"."""
    expressions = [_order_expression(term.property) for term in order]
    bounds = [
        sql.SQL("NULL") if value is None else parameters.add(value, term.property.type)
        for term, value in zip(order, values, strict=True)
    ]
    if not any(term.descending or term.property.nullable for term in order):
        return sql.SQL("(({}) > ({}))").format(sql.SQL(", ").join(expressions), sql.SQL(", ").join(bounds))
    same: list[SQL] = []
    later: list[SQL] = []
    for term, expression, bound, value in zip(order, expressions, bounds, values, strict=True):
        later.append(sql.SQL(" AND ").join([*same, _beyond(term, expression, bound, value is None)]))
        same.append(sql.SQL("{} IS NOT DISTINCT FROM {}").format(expression, bound))
    return sql.SQL("(({}))").format(sql.SQL(") OR (").join(later))


def _beyond(term: Order, expression: SQL, bound: SQL, bound_is_null: bool) -> SQL:
    if bound_is_null:
        return sql.SQL("false") if term.descending else sql.SQL("{} IS NOT NULL").format(expression)
    if term.descending:
        return sql.SQL("({0} < {1} OR {0} IS NULL)").format(expression, bound)
    return sql.SQL("{} > {}").format(expression, bound)


def after_last(page: Page, version: str, tracked: str | None = None) -> After | None:
    """Where the page after this one begins."""
    return None if page.last is None else After(page.last, version, tracked)
