"""A list's members as a file: the rows that the data service would send, without their hashes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from rollkeeper.crm.data_service.members import open_members
from rollkeeper.crm.lists.errors import ListRefused
from rollkeeper.sync.member import HASH_COLUMNS, Field, member_schema
from rollkeeper.table_file import Format, table_file

_HASHES = frozenset(name for name, _ in HASH_COLUMNS)


@dataclass(frozen=True, slots=True)
class Export:
    """What was written, of which version of the list."""

    members: int
    version: str
    as_of: datetime | None


def export(code: str, target: Path, form: Format) -> Export:
    """Write the members of a list, ascending by customer id, as `csv` (UTF-8, flags Y and N) or `parquet`.

    The file appears whole or not at all; memory does not grow with the list. Raises what `open_members`
    raises, and `ListRefused` where the file cannot be written.
    """
    with open_members(code) as members:
        schema = _schema(members.opening.fields, form)
        try:
            with table_file(target, form, schema) as writer:
                for batch in members.batches():
                    writer.write_batch(_row_batch(batch, schema))
        except OSError as error:
            reason = f"{target} cannot be written: {error.strerror or error}."
            raise ListRefused(f"{reason} Choose another place or make room.") from error
        return Export(members.facts.members, members.opening.version, members.opening.as_of)


def _schema(fields: tuple[Field, ...], form: Format) -> pa.Schema:
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
