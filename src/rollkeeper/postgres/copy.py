"""Arrow record batches in and out of PostgreSQL through COPY, on a connection and in a transaction of the caller's.

In goes binary COPY. It stores garbage where a column's type differs from the batch's at the same width, so
the types are compared with the table's before the first byte (`assert_types`).
Out comes CSV COPY, parsed as it streams: any query, in the caller's own snapshot.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.csv
from pgpq import ArrowToPostgresBinaryEncoder
from psycopg import sql

BLOCK_BYTES = 4 * 2**20

_POSTGRES_TYPES = {
    pa.string(): "text",
    pa.int64(): "int8",
    pa.int32(): "int4",
    pa.bool_(): "bool",
}


def write(
    connection: psycopg.Connection[Any], table: str, columns: list[str], batches: Iterable[pa.RecordBatch]
) -> int:
    """COPY batches into columns of a table (in the batches' column order); the number of rows written.

    All batches but the first are taken in another thread: whatever gives them must leave the connection alone.
    """
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor:
        batches = iter(batches)
        first = next(batches, None)
        if first is None:
            return 0
        assert_types(connection, table, columns, first.schema)
        encoder = ArrowToPostgresBinaryEncoder(first.schema)
        written = 0

        def encoded() -> Iterator[bytes]:
            nonlocal written
            yield encoder.write_header()
            for batch in _with_first(first, batches):
                written += batch.num_rows
                yield encoder.write_batch(batch)
            yield encoder.finish()

        with cursor.copy(statement) as copy:
            for piece in _one_ahead(encoded()):
                copy.write(piece)
    return written


def _one_ahead(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same, but each piece is made in a thread while the server still works on the one before."""
    with ThreadPoolExecutor(1, "encode") as thread:
        following = thread.submit(next, pieces, None)
        while (piece := following.result()) is not None:
            following = thread.submit(next, pieces, None)
            yield piece


def _with_first(first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from rest


def assert_types(connection: psycopg.Connection[Any], table: str, columns: list[str], schema: pa.Schema) -> None:
    """Raise `TypeError` unless each column has exactly the type that the batch's column is sent as."""
    found = dict(
        connection.execute(
            "SELECT attname, typname FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid "
            "WHERE attrelid = to_regclass(%s) AND attnum > 0",
            [sql.Identifier(table).as_string(connection)],
        ).fetchall()
    )
    for column, field in zip(columns, schema, strict=True):
        expected = _POSTGRES_TYPES.get(field.type)
        if found.get(column) != expected or expected is None:
            raise TypeError(f"{table}.{column} is {found.get(column)}, the rows are {field.type}")


def read(
    connection: psycopg.Connection[Any],
    query: sql.Composable,
    schema: pa.Schema,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[pa.RecordBatch]:
    """The rows of a query as batches of that schema. NULL and the empty string stay apart."""
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(query)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        source = _Blocks(copy, block_bytes)
        if source.is_empty():
            return
        reader = pyarrow.csv.open_csv(
            source,
            read_options=pyarrow.csv.ReadOptions(
                column_names=schema.names, block_size=block_bytes, use_threads=False
            ),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={field.name: field.type for field in schema},
                null_values=[""],
                true_values=["t"],
                false_values=["f"],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        yield from reader


class _Blocks(io.RawIOBase):
    """A COPY's output as the readable file that the parser wants."""

    def __init__(self, copy: psycopg.Copy, block_bytes: int) -> None:
        super().__init__()
        self._copy = copy
        self._block_bytes = block_bytes
        self._pending = bytearray()
        self._ended = False

    def readable(self) -> bool:
        return True

    def is_empty(self) -> bool:
        self._fill(1)
        return not self._pending

    def read(self, size: int = -1) -> bytes:
        wanted = size if size >= 0 else self._block_bytes
        self._fill(wanted)
        taken = bytes(self._pending[:wanted])
        del self._pending[:wanted]
        return taken

    def _fill(self, wanted: int) -> None:
        while not self._ended and len(self._pending) < wanted:
            chunk = self._copy.read()
            if chunk:
                self._pending += chunk
            else:
                self._ended = True
