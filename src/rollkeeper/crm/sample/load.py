"""Rows into the CRM's tables in bulk: COPY, with triggers off and the indexes built once at the end."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
from django.db.backends.utils import CursorWrapper
from psycopg import sql
from pyarrow import csv

from rollkeeper.crm.constituents.models import SEARCHED_COLUMNS

CHILDREN = ("email_address", "membership", "event_registration", "gift", "interest")
TABLES = ("constituent", *CHILDREN)


@contextmanager
def bulk_loading(cursor: CursorWrapper) -> Iterator[None]:
    """Inside, rows are only stored. After it, constraints, indexes and the words of new constituents are there.

    For one transaction that has the tables to itself: it locks them. What the triggers would have marked
    dirty, the caller must.
    """
    for table in TABLES:
        cursor.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(sql.Identifier(table)))
    rebuild = [statement for table in CHILDREN for statement in _dropped(cursor, table)]
    cursor.execute("SELECT coalesce(max(id), 0) FROM constituent")
    last = cursor.fetchone()[0]
    yield
    for statement in rebuild:
        cursor.execute(statement)
    _fill_words(cursor, last)
    for table in TABLES:
        cursor.execute(sql.SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(sql.Identifier(table)))
        cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(table)))


def copy_in(cursor: CursorWrapper, table: str, rows: pa.Table) -> None:
    """Append the rows; their columns have the names of the table's."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, rows.column_names))
    )
    text = io.BytesIO()
    csv.write_csv(rows, text, csv.WriteOptions(include_header=False))
    with cursor.copy(statement) as copy:
        copy.write(text.getbuffer())


def _fill_words(cursor: CursorWrapper, last: int) -> None:
    """What the triggers would have kept for CRM360's search, for constituents after the `last` one before."""
    cursor.execute(
        sql.SQL(
            "INSERT INTO constituent_word SELECT c.id, word FROM constituent c, unnest(search_words({})) word "
            "WHERE c.id > {}"
        ).format(
            sql.SQL(", ").join(sql.SQL("c.{}").format(sql.Identifier(column)) for column in SEARCHED_COLUMNS),
            sql.Literal(last),
        )
    )
    cursor.execute("ANALYZE constituent_word")


def _dropped(cursor: CursorWrapper, table: str) -> list[sql.Composed]:
    """Drop the table's constraints and indexes but its primary key; the statements that make them again."""
    name = sql.Identifier(table)
    cursor.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE conrelid = to_regclass(%s) AND contype IN ('f', 'u', 'c') ORDER BY conname",
        [table],
    )
    again = []
    for constraint, definition in cursor.fetchall():
        cursor.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(name, sql.Identifier(constraint)))
        again.append(
            sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(
                name, sql.Identifier(constraint), sql.SQL(definition)
            )
        )
    cursor.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index "
        "WHERE indrelid = to_regclass(%s) AND NOT indisprimary ORDER BY 1",
        [table],
    )
    indexes = []
    for index, definition in cursor.fetchall():
        cursor.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(index)))
        indexes.append(sql.Composed([sql.SQL(definition)]))
    return [*indexes, *again]
