"""A query's rows as Arrow record batches, through ADBC, from one snapshot of the database.

ADBC has a connection of its own: it sees what is committed, never an open transaction of Django's.
Memory stays flat whatever the number of rows: the driver reads the COPY stream batch by batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import adbc_driver_manager
import pyarrow as pa
from adbc_driver_postgresql import StatementOptions, dbapi
from psycopg import sql

from rollkeeper.postgres.connection import database_parameters_in_use
from rollkeeper.postgres.server import parameters_to_url

BATCH_ROWS = 50_000
BATCH_BYTES = 16 * 2**20  # a hint to the driver; what bounds the memory when rows are wide

# Values are put into the text with psycopg's quoting: the driver reads a query that has bind parameters
# row by row into memory, and one without through COPY.
Query = sql.SQL | sql.Composed


class QueryFailed(RuntimeError):
    """The database refused or broke off a query; the message is PostgreSQL's."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One read-only REPEATABLE READ transaction: everything read through it belongs to one instant."""

    connection: Any  # ADBC's DB-API connection, which has no types

    def rows(self, query: Query) -> list[dict[str, Any]]:
        """A small result, whole."""
        with closing(self.connection.cursor()) as cursor:
            with _postgres_errors():
                cursor.execute(query.as_string(None))
                found: list[dict[str, Any]] = cursor.fetch_arrow_table().to_pylist()
            return found

    def batches(self, query: Query) -> Iterator[pa.RecordBatch]:
        """A large result, in batches of at most `BATCH_ROWS` rows and about `BATCH_BYTES` bytes."""
        options = {StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(BATCH_BYTES)}
        with closing(self.connection.cursor(adbc_stmt_kwargs=options)) as cursor:
            with _postgres_errors():
                cursor.execute(query.as_string(None))
                reader = cursor.fetch_record_batch()
            while (batch := _next(reader)) is not None:
                for start in range(0, batch.num_rows, BATCH_ROWS):
                    yield batch.slice(start, BATCH_ROWS)


@contextmanager
def snapshot() -> Iterator[Snapshot]:
    """A snapshot of this site's database, on a connection of its own."""
    parameters = {name: str(value) for name, value in database_parameters_in_use().items()}
    with _postgres_errors():
        connection = dbapi.connect(parameters_to_url(parameters), autocommit=False)
    with closing(connection):
        found = Snapshot(connection)
        with closing(connection.cursor()) as cursor, _postgres_errors():
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield found


def set_local(found: Snapshot, settings: Mapping[str, str]) -> None:
    """PostgreSQL settings for the rest of the snapshot's transaction."""
    calls = [
        sql.SQL("set_config({}, {}, true)").format(sql.Literal(name), sql.Literal(value))
        for name, value in settings.items()
    ]
    found.rows(sql.SQL("SELECT {}").format(sql.SQL(", ").join(calls)))


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
    except (adbc_driver_manager.Error, pa.ArrowException, OSError) as error:
        raise QueryFailed(str(error)) from error
