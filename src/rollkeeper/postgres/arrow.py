"""A query's rows as Arrow record batches, from one snapshot of the database.

A snapshot has a connection of its own: it sees what is committed, never an open transaction of Django's. Small
results come through psycopg. Large ones come through ADBC, which joins the snapshot on a connection of its own when
it is first asked for: it takes some 60 ms to connect, and then reads ten times as fast, in flat memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import adbc_driver_manager
import psycopg
import pyarrow as pa
from adbc_driver_postgresql import StatementOptions, dbapi
from psycopg import sql
from psycopg.rows import dict_row, tuple_row

from rollkeeper.postgres.connection import connect, database_parameters_in_use
from rollkeeper.postgres.server import parameters_to_url

BATCH_ROWS = 50_000
BATCH_BYTES = 16 * 2**20  # a hint to the driver; what bounds the memory when rows are wide
FEW_ROWS = 5_000  # about as many as psycopg reads while ADBC connects

# Values are put into the text with psycopg's quoting: the driver reads a query that has bind parameters
# row by row into memory, and one without through COPY.
Query = sql.SQL | sql.Composed


class QueryFailed(RuntimeError):
    """The database refused or broke off a query; the message is PostgreSQL's."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One read-only REPEATABLE READ transaction: everything read through it belongs to one instant."""

    connection: psycopg.Connection[dict[str, Any]]
    settings: dict[str, str] = field(default_factory=dict)

    def rows(self, query: Query) -> list[dict[str, Any]]:
        """A small result, whole."""
        with _postgres_errors():
            return self.connection.execute(query).fetchall()

    def few(self, query: Query, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """A result of not many more than `FEW_ROWS`, whole, as one batch in that schema; none where it is empty.

        The columns are taken by their place; names may differ and may come twice.
        """
        with _postgres_errors(), self.connection.cursor(row_factory=tuple_row) as cursor:
            found = cursor.execute(query).fetchall()
        if found:
            columns = zip(*found, strict=True)
            arrays = [pa.array(column, kind.type) for column, kind in zip(columns, schema, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    def batches(self, query: Query) -> Iterator[pa.RecordBatch]:
        """A large result, in batches of at most `BATCH_ROWS` rows and about `BATCH_BYTES` bytes."""
        options = {StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(BATCH_BYTES)}
        with self._arrow_connection() as arrow, closing(arrow.cursor(adbc_stmt_kwargs=options)) as cursor:
            with _postgres_errors():
                cursor.execute(query.as_string(None))
                reader = cursor.fetch_record_batch()
            while (batch := _next(reader)) is not None:
                for start in range(0, batch.num_rows, BATCH_ROWS):
                    yield batch.slice(start, BATCH_ROWS)

    @contextmanager
    def _arrow_connection(self) -> Iterator[Any]:
        """ADBC's DB-API connection, in the same snapshot, with the same settings."""
        name = self.rows(sql.SQL("SELECT pg_export_snapshot() AS name"))[0]["name"]
        parameters = {name: str(value) for name, value in database_parameters_in_use().items()}
        with _postgres_errors():
            connection = dbapi.connect(parameters_to_url(parameters), autocommit=False)
        with closing(connection):
            with closing(connection.cursor()) as cursor, _postgres_errors():
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                cursor.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(name)).as_string(None))
                if self.settings:
                    cursor.execute(_setting(self.settings).as_string(None))
                    cursor.fetchall()
            yield connection


@contextmanager
def snapshot() -> Iterator[Snapshot]:
    """A snapshot of this site's database, on a connection of its own."""
    with _postgres_errors():
        connection = connect()
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        connection.row_factory = dict_row
    try:
        yield Snapshot(connection)
    finally:
        with suppress(psycopg.Error):
            connection.close()


def set_local(found: Snapshot, settings: Mapping[str, str]) -> None:
    """PostgreSQL settings for the rest of the snapshot's transaction."""
    found.settings.update(settings)
    found.rows(_setting(settings))


def _setting(settings: Mapping[str, str]) -> Query:
    calls = [
        sql.SQL("set_config({}, {}, true)").format(sql.Literal(name), sql.Literal(value))
        for name, value in settings.items()
    ]
    return sql.SQL("SELECT {}").format(sql.SQL(", ").join(calls))


def _next(reader: Any) -> pa.RecordBatch | None:
    with _postgres_errors():
        try:
            return reader.read_next_batch()
        except StopIteration:
            return None


@contextmanager
def _postgres_errors() -> Iterator[None]:
    try:
        yield
    except (adbc_driver_manager.Error, psycopg.Error, pa.ArrowException, OSError) as error:
        raise QueryFailed(str(error)) from error
