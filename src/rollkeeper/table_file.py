"""A table as a file, CSV (UTF-8) or Parquet: it appears whole or not at all, and memory does not grow with it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

import pyarrow as pa
from pyarrow import csv, parquet

Format = Literal["csv", "parquet"]


class TableWriter(Protocol):
    """Takes the rows, batch by batch, in the file's schema."""

    def write_batch(self, batch: pa.RecordBatch) -> None: ...


@contextmanager
def table_file(target: Path, form: Format, schema: pa.Schema) -> Iterator[TableWriter]:
    """Write a table beside `target`; when all is written it takes its place. Raises `OSError`."""
    fresh = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    try:
        with fresh.open("wb") as file, _writer(file, form, schema) as writer:
            yield writer
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)


@contextmanager
def _writer(file: BinaryIO, form: Format, schema: pa.Schema) -> Iterator[TableWriter]:
    if form == "parquet":
        with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
            yield writer
    else:
        plain = not any(sign in name for name in schema.names for sign in ',"\r\n')
        options = csv.WriteOptions(quoting_header="none" if plain else "needed")
        with csv.CSVWriter(file, schema, write_options=options) as writer:
            yield writer
