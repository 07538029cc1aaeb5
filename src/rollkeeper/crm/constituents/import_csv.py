"""Constituents from a CSV file: created or updated, bad rows set aside, all in one transaction.

The file's shape is in docs/reference/constituents.md. It is streamed: memory does not grow with it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from rollkeeper.crm.constituents.csv_records import Record, Unreadable, records
from rollkeeper.crm.constituents.csv_rows import FurtherColumn, HeaderRefused, RowReader, SetAside, read_header
from rollkeeper.crm.constituents.import_apply import SQL, apply, create_staging, set_duplicates_aside
from rollkeeper.crm.constituents.import_log import log_import
from rollkeeper.crm.constituents.import_view import put_into_view

IMPORT_LOCK = 7_362_002  # advisory: one import at a time
BATCH_ROWS = 5_000
KEPT_SET_ASIDE = 100_000  # set-aside rows that the report holds in full; more are counted


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did: `read = created + updated + unchanged + set_aside`.

    `set_aside_rows` in the order of the file, the first 100,000; `notes` are sentences about columns that did
    not come into the personalization view as they would by themselves.
    """

    read: int
    created: int
    updated: int
    unchanged: int
    set_aside: int
    set_aside_rows: tuple[SetAside, ...]
    notes: tuple[str, ...]


class ImportRefused(ValueError):
    """Nothing was imported; the message says why and what to do."""


def import_constituents(path: Path | str, *, author: str, origin: str) -> ImportReport:
    """Import the file. Permission changes are recorded as `author`'s, from `origin` (S8).

    Raises `ImportRefused`: no such file, a wrong header.
    """
    with _opened(Path(path)) as file, transaction.atomic(), connection.cursor() as cursor:
        found = records(file)
        further = _further_columns(next(found, None))
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [IMPORT_LOCK])
        aside = _Aside()
        _stage(cursor, create_staging(cursor, further), _good_rows(found, further, aside))
        aside.extend(set_duplicates_aside(cursor))
        applied = apply(cursor, further, author=author, origin=origin)
        log_import(Path(path).name, applied.created, applied.updated, author=author, origin=origin)
        notes = put_into_view(further)
        return ImportReport(
            read=applied.created + applied.updated + applied.unchanged + aside.count,
            created=applied.created,
            updated=applied.updated,
            unchanged=applied.unchanged,
            set_aside=aside.count,
            set_aside_rows=tuple(sorted(aside.rows, key=lambda row: row.line)),
            notes=tuple(notes),
        )


@dataclass(slots=True)
class _Aside:
    """The rows set aside so far: all counted, the first ones kept."""

    count: int = 0
    rows: list[SetAside] = field(default_factory=list)

    def extend(self, rows: Iterable[SetAside]) -> None:
        for row in rows:
            self.count += 1
            if len(self.rows) < KEPT_SET_ASIDE:
                self.rows.append(row)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise ImportRefused(f"The file {path} cannot be read: {error.strerror}. Nothing was imported.") from error
    with file:
        yield file


def _further_columns(header: Record | Unreadable | None) -> tuple[FurtherColumn, ...]:
    if header is None:
        raise ImportRefused("The file is empty: it needs a header. Nothing was imported.")
    if isinstance(header, Unreadable):
        raise ImportRefused(f"The header cannot be read. {header.sentence} Nothing was imported.")
    try:
        return read_header(header.cells)
    except HeaderRefused as error:
        raise ImportRefused(str(error)) from error


def _good_rows(
    found: Iterator[Record | Unreadable], further: tuple[FurtherColumn, ...], aside: _Aside
) -> Iterator[list[object]]:
    """The rows to stage, each behind its line number; the others go into `aside`."""
    reader = RowReader(further)
    for record in found:
        if isinstance(record, Unreadable):
            aside.extend([SetAside(record.line, record.reason, record.sentence)])
            continue
        row = reader.row(record)
        if isinstance(row, SetAside):
            aside.extend([row])
        else:
            yield [record.line, *row]


def _stage(cursor: CursorWrapper, copy_statement: SQL, rows: Iterator[list[object]]) -> None:
    with cursor.copy(copy_statement) as copy:
        while batch := list(islice(rows, BATCH_ROWS)):
            text = io.StringIO()
            csv.writer(text, lineterminator="\r\n").writerows(batch)  # quotes what holds either of them
            copy.write(text.getvalue())
