"""From ranges that differ to the rows that do, and back into the one line of a sync: they travel as changes (B1).

ranges ─► members_between ─► merge with what is expected there ─► rows that differ
changes that travelled  +  rows that differ  =  a pull that the sync plans, guards and applies like any other
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from rollkeeper.sync.connector import Closing, Key, Mode, Pull, SourceNonsense
from rollkeeper.sync.member import REMOVED_COLUMN, Field, delta_schema, field_set_key, member_schema
from rollkeeper.sync.merge import CheckedBatch, checked, merge, row_keys
from rollkeeper.sync.narrow import KeyRange
from rollkeeper.sync.run import Download, Progress
from rollkeeper.sync.spool import Spool

Expected = Callable[[KeyRange], Iterator[pa.RecordBatch]]  # in `STORED_SCHEMA`, ascending; subscriber ids not used


class GivesRanges(Protocol):
    """What is needed of a connector here: see `sync.connector.TellsRanges`."""

    def members_between(self, code: str, first: Key | None, end: Key | None) -> AbstractContextManager[Pull]: ...


class FieldsMoved(Exception):
    """The CRM's personalization view is not the one under which the rows were expected: pull again."""


@dataclass(frozen=True, slots=True)
class Differing:
    """The rows in which the CRM differs from what was expected, in `delta_schema`, and how.

    `missing` the CRM has and we had not, `surplus` it has not and we had, `other` have other data; `unusable`
    cannot be keyed or read, and are set aside by the plan. `closing` is that of the last range pulled.
    """

    rows: Spool
    closing: Closing | None
    missing: int
    surplus: int
    other: int
    unusable: int

    @property
    def count(self) -> int:
        return self.missing + self.surplus + self.other

    def close(self) -> None:
        self.rows.close()


def differing_rows(
    crm: GivesRanges,
    code: str,
    fields: tuple[Field, ...],
    ranges: Sequence[KeyRange],
    expected: Expected,
    folder: Path,
    progress: Progress,
) -> Differing:
    """Pull these ranges, which ascend, and compare each with what is expected there. Raises a `ConnectorError`,
    or `FieldsMoved`."""
    rows = Spool(delta_schema(fields), folder)
    counts = [0, 0, 0, 0]
    closing = None
    try:
        for each in ranges:
            with crm.members_between(code, each.first, each.end) as pull:
                if field_set_key(pull.fields) != field_set_key(fields):
                    raise FieldsMoved
                for piece, found in _differences(_inside(pull.batches(), each), expected(each), fields):
                    rows.write(piece)
                    counts = [total + more for total, more in zip(counts, found, strict=True)]
                    progress(rows.rows)
                closing = pull.closing()
        rows.finish()
    except BaseException:
        rows.close()
        raise
    return Differing(rows, closing, *counts)


def _inside(batches: Iterator[pa.RecordBatch], within: KeyRange) -> Iterator[pa.RecordBatch]:
    """The same. Raises `SourceNonsense` where the CRM sent a customer id that is not in the range asked for."""
    first = "\x00".join(within.first).encode() if within.first is not None else None
    end = "\x00".join(within.end).encode() if within.end is not None else None
    for batch in batches:
        keys = row_keys(batch).drop_null()
        if len(keys) and (
            (first is not None and keys[0].as_py().encode() < first)
            or (end is not None and keys[-1].as_py().encode() >= end)
        ):
            raise SourceNonsense("The CRM was asked for a range of its list and sent members outside of it.")
        yield batch


def _differences(
    incoming: Iterator[pa.RecordBatch], expected: Iterator[pa.RecordBatch], fields: tuple[Field, ...]
) -> Iterator[tuple[pa.RecordBatch, tuple[int, int, int, int]]]:
    """Pieces in `delta_schema`, ascending, with their numbers of missing, surplus, other and unusable rows."""
    schema = member_schema(fields)
    unusable: list[pa.RecordBatch] = []

    def usable(batches: Iterator[CheckedBatch]) -> Iterator[CheckedBatch]:
        for batch in batches:
            if bad := batch.rows.filter(pc.is_valid(batch.reasons)):
                unusable.append(bad)
            yield batch

    for difference in merge(usable(checked(batch.cast(schema) for batch in incoming)), expected):
        members = [*unusable, difference.added, difference.changed]
        count = sum(batch.num_rows for batch in unusable)
        unusable.clear()
        found = (difference.added.num_rows, difference.removed.num_rows, difference.changed.num_rows, count)
        if any(found):
            yield (
                _in_order([*(_change(rows, fields) for rows in members), _gone(difference.removed, fields)]),
                found,
            )
    if unusable:  # rows without an id at the very end meet no difference
        yield _in_order([_change(rows, fields) for rows in unusable]), (0, 0, 0, len(unusable))


def _change(rows: pa.RecordBatch, fields: tuple[Field, ...]) -> pa.RecordBatch:
    """Members as changes."""
    schema = delta_schema(fields)
    if not rows.num_rows:
        return pa.RecordBatch.from_pylist([], schema=schema)
    return pa.RecordBatch.from_arrays([*rows.columns, pa.nulls(rows.num_rows, pa.string())], schema=schema)


def _gone(stored: pa.RecordBatch, fields: tuple[Field, ...]) -> pa.RecordBatch:
    """Stored rows as changes that say: not in the list."""
    schema, rows = delta_schema(fields), stored.num_rows
    given = {name: stored.column(name) for name in stored.schema.names[:2]}
    given[REMOVED_COLUMN] = pa.array(["left"] * rows, pa.string())
    columns = [given.get(column.name, pa.nulls(rows, column.type)) for column in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def with_differing(source: Download, differing: Differing, folder: Path) -> Download:
    """The changes that travelled together with the rows that differ, which win: they are newer.

    The change token stays that of the changes: what happened since comes again. The list's facts are those that
    came with the last range, for its rows are of that state.
    """
    if source.mode is Mode.FULL:
        raise ValueError("A full pull leaves nothing to add.")
    rows = Spool(delta_schema(source.fields), folder)
    try:
        for batch in _merged(source.rows.batches(), differing.rows.batches()):
            rows.write(batch)
        rows.finish()
    except BaseException:
        rows.close()
        raise
    last = differing.closing or source.closing
    closing = replace(last, rows=rows.rows, fingerprint=None, token=source.closing.token)
    return Download(source.fields, closing, rows, Mode.DELTA)


def _merged(older: Iterator[pa.RecordBatch], newer: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Two ascending streams as one. Of a key that is in both, the newer row."""
    left, right = _Stream(older), _Stream(newer)
    while True:
        ends = [end for end in (left.end(), right.end()) if end is not None]
        if not ends:
            return
        bound = min(ends, key=str.encode)
        old, new = left.through(bound), right.through(bound)
        if old is not None and new is not None:
            superseded = pc.is_in(row_keys(old), value_set=row_keys(new).drop_null())
            old = old.filter(pc.invert(superseded))
        pieces = [piece for piece in (old, new) if piece is not None and piece.num_rows]
        if pieces:
            yield _in_order(pieces)


class _Stream:
    """Batches taken off up to a key. Rows without an id go with the key before them."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = (batch for batch in batches if batch.num_rows)
        self._rest = next(self._batches, None)

    def end(self) -> str | None:
        """The last key of what is at hand; None: nothing is left."""
        if self._rest is None:
            return None
        keys = row_keys(self._rest).drop_null()
        return keys[-1].as_py() if len(keys) else ""

    def through(self, bound: str) -> pa.RecordBatch | None:
        if self._rest is None:
            return None
        up_to = pc.fill_null(pc.less_equal(row_keys(self._rest), pa.scalar(bound)), True)
        taken, rest = self._rest.filter(up_to), self._rest.filter(pc.invert(up_to))
        self._rest = rest if rest.num_rows else next(self._batches, None)
        return taken


def _in_order(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """One batch, ascending by customer id."""
    table = pa.Table.from_batches(batches).combine_chunks()
    batch = table.to_batches()[0] if table.num_rows else batches[0]
    return batch.take(pc.array_sort_indices(row_keys(batch), null_placement="at_start"))
