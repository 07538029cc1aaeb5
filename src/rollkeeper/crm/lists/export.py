"""A list's members as a file: the rows that the data service would send, without their hashes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from rollkeeper.crm.data_service.members import open_members
from rollkeeper.crm.lists.errors import ListRefused
from rollkeeper.sync.member import HASH_COLUMNS, Field, member_schema

_HASHES = frozenset(name for name, _ in HASH_COLUMNS)


@dataclass(frozen=True, slots=True)
class Export:
    """What was written, of which version of the list."""

    members: int
    version: str
    as_of: datetime | None


class _Writer(Protocol):
    def write_batch(self, batch: pa.RecordBatch) -> None: ...


def export(code: str, target: Path, form: str) -> Export:
    """Write the members of a list, ascending by customer id, as `csv` (UTF-8, flags Y and N) or `parquet`.

    The file appears whole or not at all; memory does not grow with the list. Raises what `open_members`
    raises, and `ListRefused` where the file cannot be written.
    """
    with open_members(code) as members:
        schema = _schema(members.opening.fields, form)
        with _whole_or_nothing(target) as file, _writer(file, schema, form) as writer:
            for batch in members.batches():
                writer.write_batch(_row_batch(batch, schema))
        return Export(members.count, members.opening.version, members.opening.as_of)


def _schema(fields: tuple[Field, ...], form: str) -> pa.Schema:
    """The columns of the file; in a CSV the flag is the text Y or N, like every flag there."""
    columns = [column for column in member_schema(fields) if column.name not in _HASHES]
    as_text = form == "csv"
    return pa.schema([pa.field(c.name, pa.string() if as_text else c.type) for c in columns])


def _row_batch(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The same rows under the file's columns, which come in the same order; the hashes at the end are left off."""
    arrays = []
    for place, column in enumerate(schema):
        values = batch.column(place)
        if values.type == pa.bool_() and column.type == pa.string():
            values = pc.if_else(values, "Y", "N")
        arrays.append(values.cast(column.type))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


@contextmanager
def _writer(file: BinaryIO, schema: pa.Schema, form: str) -> Iterator[_Writer]:
    if form == "parquet":
        with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
            yield writer
    else:
        plain = not any(sign in name for name in schema.names for sign in ',"\r\n')
        options = csv.WriteOptions(quoting_header="none" if plain else "needed")
        with csv.CSVWriter(file, schema, write_options=options) as writer:
            yield writer


@contextmanager
def _whole_or_nothing(target: Path) -> Iterator[BinaryIO]:
    """A file beside the target that takes its place when all is written."""
    fresh = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    try:
        with fresh.open("wb") as file:
            yield file
        fresh.replace(target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ListRefused(f"{target} cannot be written: {reason}. Choose another place or make room.") from error
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
