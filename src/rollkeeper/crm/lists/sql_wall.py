"""Lists made by SQL, behind two walls: what the query may say (`sql_allowed`), and what it can do at all.

Whatever slips through the first wall runs as a role that can read seven views and write nothing, in a
read-only transaction, with a time limit and a row limit (`reporting`).
"""

from __future__ import annotations

from typing import Any

import psycopg
from django.db.backends.utils import CursorWrapper

from rollkeeper.crm.lists.errors import SqlRefused
from rollkeeper.crm.lists.reporting import STATEMENT_SECONDS, reading_connection
from rollkeeper.crm.lists.sql_allowed import allowed_query

MOST_ROWS = 20_000_000
MASTER, SUB = "master_customer_id", "sub_customer_id"


def check_sql(sql: str, seconds: float = STATEMENT_SECONDS) -> None:
    """Raises `SqlRefused` where the query cannot define a list: not allowed, wrong, or the ids not in it."""
    query = allowed_query(sql)
    with reading_connection(seconds) as reader:
        _columns(reader, query, seconds)


def choose_by_sql(
    cursor: CursorWrapper, sql: str, *, seconds: float = STATEMENT_SECONDS, most_rows: int = MOST_ROWS
) -> None:
    """Insert into the temporary table `chosen` the constituents whom the query names, in a transaction.

    `cursor.rowcount` says how many. Ids of no constituent are passed over; repeated ones count once.
    """
    query = allowed_query(sql)
    cursor.execute("DROP TABLE IF EXISTS queried")
    cursor.execute('CREATE TEMP TABLE queried (master text COLLATE "C", sub text COLLATE "C") ON COMMIT DROP')
    with reading_connection(seconds) as reader:
        columns = _columns(reader, query, seconds)
        sub = f"coalesce(q.{SUB}::text, '0')" if SUB in columns else "'0'"
        rows = (
            f"SELECT q.{MASTER}::text, {sub} FROM ({query}) AS q"  # noqa: S608  # `allowed_query` wrote it
            f" WHERE q.{MASTER} IS NOT NULL LIMIT {most_rows + 1}"
        )
        _copy(reader, rows, cursor, most_rows, seconds)
    cursor.execute("ANALYZE queried")
    cursor.execute(CHOOSE)


def is_chosen_by_sql(sql: str, master: str, sub: str, *, seconds: float = STATEMENT_SECONDS) -> bool:
    """Whether the query gives this customer id now. Raises `SqlRefused`."""
    query = allowed_query(sql)
    with reading_connection(seconds) as reader:
        columns = _columns(reader, query, seconds)
        given = f"coalesce(q.{SUB}::text, '0')" if SUB in columns else "'0'"
        asked = f"SELECT EXISTS (SELECT FROM ({query}) AS q WHERE q.{MASTER}::text = $1 AND {given} = $2)"  # noqa: S608
        try:
            row = psycopg.RawCursor(reader).execute(asked, [master, sub]).fetchone()
        except psycopg.Error as error:
            raise SqlRefused(_explain(error, seconds)) from error
    return bool(row and row[0])


def _copy(
    reader: psycopg.Connection[Any], rows: str, cursor: CursorWrapper, most_rows: int, seconds: float
) -> None:
    seen = 0
    with cursor.copy("COPY queried (master, sub) FROM STDIN") as into:
        try:
            with reader.cursor().copy(f"COPY ({rows}) TO STDOUT") as out:
                for block in out:
                    seen += bytes(block).count(b"\n")
                    if seen > most_rows:
                        raise SqlRefused(f"The query gives more than {most_rows:,} rows.")
                    into.write(block)
        except psycopg.Error as error:
            raise SqlRefused(_explain(error, seconds)) from error


def _columns(reader: psycopg.Connection[Any], query: str, seconds: float) -> set[str]:
    """The names of the query's columns, which must have the ids among them, each once."""
    try:
        described = reader.execute(f"SELECT * FROM ({query}) AS q LIMIT 0").description or []  # noqa: S608
    except psycopg.Error as error:
        raise SqlRefused(_explain(error, seconds)) from error
    names = [column.name for column in described]
    if MASTER not in names:
        raise SqlRefused(
            f"The query has no column {MASTER}, which a list needs (and {SUB}, where it is not 0). "
            f"Its columns are: {', '.join(names) or 'none'}."
        )
    for name in (MASTER, SUB):
        if names.count(name) > 1:
            raise SqlRefused(f"The query has the column {name} {names.count(name)} times; select it once.")
    return set(names)


def _explain(error: psycopg.Error, seconds: float) -> str:
    if isinstance(error, psycopg.errors.QueryCanceled):
        return f"The query takes longer than {seconds:g} seconds. Make it simpler."
    first = (error.diag.message_primary or str(error)).strip().splitlines()[0]
    return f"PostgreSQL does not take the query: {first}."


CHOOSE = """
INSERT INTO chosen SELECT DISTINCT c.id FROM queried q
JOIN constituent c ON c.master_customer_id = q.master AND c.sub_customer_id = q.sub
"""
