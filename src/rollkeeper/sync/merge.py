"""Two ordered streams in, their difference out, one batch of each in memory.

    incoming  (what the CRM sent, checked)      ──┐
                                                  ├─► merge ─► Difference, batch by batch
    stored    (what the target group has)       ──┘

Both sides ascend by (master, sub) in UTF-8 byte order. A row is compared by its 128-bit hash alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rollkeeper.sync.connector import SourceNonsense
from rollkeeper.sync.set_aside import reasons_of_keys

STORED_SCHEMA = pa.schema(
    [
        ("master_customer_id", pa.string()),
        ("sub_customer_id", pa.string()),
        ("subscriber_id", pa.int64()),
        ("hash_hi", pa.int64()),
        ("hash_lo", pa.int64()),
    ]
)
HASHES = ("hash_hi", "hash_lo")


@dataclass(frozen=True, slots=True)
class CheckedBatch:
    """A batch from the CRM, with each row's reason to be set aside (null: none) and its key."""

    rows: pa.RecordBatch
    reasons: pa.StringArray
    keys: pa.StringArray


@dataclass(frozen=True, slots=True)
class Difference:
    """What one batch of the CRM's rows changes.

    `changed` has the rows as they shall be; `changed_from` the stored rows they replace, in the same order;
    `kept` the stored rows that stay as they are because their new row is set aside (B7).
    """

    added: pa.RecordBatch
    changed: pa.RecordBatch
    changed_from: pa.RecordBatch
    unchanged: int
    removed: pa.RecordBatch
    kept: pa.RecordBatch


def row_keys(batch: pa.RecordBatch) -> pa.StringArray:
    """(master, sub) as one string that orders as the pair does: U+0000 comes first of all. Null without an id."""
    return pc.binary_join_element_wise(batch.column("master_customer_id"), batch.column("sub_customer_id"), "\x00")


def checked(batches: Iterable[pa.RecordBatch]) -> Iterator[CheckedBatch]:
    """Each batch with its keys and reasons. All rows of a repeated id are set aside, across batches too.

    Raises `SourceNonsense` where the rows do not ascend: everything after that would be guessed.
    """
    last_key: str | None = None
    waiting: tuple[pa.RecordBatch, pa.StringArray, str | None] | None = None
    for batch in batches:
        keys = row_keys(batch)
        present = keys.drop_null()
        if not len(present):
            yield _checked_batch(batch, keys, None, None)
            continue
        _check_order(present, last_key)
        if waiting is not None:
            yield _checked_batch(*waiting, next_key=present[0].as_py())
        waiting = (batch, keys, last_key)
        last_key = present[-1].as_py()
    if waiting is not None:
        yield _checked_batch(*waiting, next_key=None)


def _check_order(keys: pa.StringArray, last_key: str | None) -> None:
    ascends = last_key is None or last_key.encode() <= keys[0].as_py().encode()
    if not ascends or (len(keys) > 1 and not pc.all(pc.less_equal(keys[:-1], keys[1:])).as_py()):
        raise SourceNonsense(
            "The CRM sent the list's members out of order, so they cannot be compared. Nothing was changed. "
            "Report it to whoever runs the CRM's data service."
        )


def _checked_batch(
    batch: pa.RecordBatch, keys: pa.StringArray, previous_key: str | None, next_key: str | None
) -> CheckedBatch:
    repeated = pc.and_(pc.is_valid(keys), pc.is_in(keys, value_set=_repeated(keys, previous_key, next_key)))
    return CheckedBatch(batch, reasons_of_keys(batch, repeated), keys)


def _repeated(keys: pa.StringArray, previous_key: str | None, next_key: str | None) -> pa.StringArray:
    """The keys that stand more than once: they are neighbours, for the rows ascend."""
    borders = [
        pa.array([key], pa.string()) if key is not None else pa.array([], pa.string())
        for key in (previous_key, next_key)
    ]
    row = pa.concat_arrays([borders[0], keys.drop_null(), borders[1]])
    return row[1:].filter(pc.equal(row[:-1], row[1:]))


class _StoredRows:
    """The stored side, taken off in step with the incoming one."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._rest: pa.RecordBatch | None = None

    def through(self, key: str | None) -> pa.RecordBatch:
        """All stored rows not yet taken whose key is at most `key` (None: all that are left)."""
        taken: list[pa.RecordBatch] = []
        while True:
            batch = self._rest if self._rest is not None else next(self._batches, None)
            self._rest = None
            if batch is None:
                break
            count = batch.num_rows if key is None else _count_up_to(batch, key)
            taken.append(batch.slice(0, count))
            if count < batch.num_rows:
                self._rest = batch.slice(count)
                break
        return _as_one_batch(taken)


def _count_up_to(batch: pa.RecordBatch, key: str) -> int:
    if row_keys(batch.slice(batch.num_rows - 1))[0].as_py().encode() <= key.encode():
        return int(batch.num_rows)
    return int(pc.sum(pc.less_equal(row_keys(batch), pa.scalar(key))).as_py() or 0)


def _as_one_batch(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    table = pa.Table.from_batches(batches, STORED_SCHEMA).combine_chunks()
    return next(iter(table.to_batches()), pa.RecordBatch.from_pylist([], STORED_SCHEMA))


def merge(incoming: Iterable[CheckedBatch], stored: Iterator[pa.RecordBatch]) -> Iterator[Difference]:
    """The difference between what the CRM sent and what is stored, batch by batch.

    A stored member whose incoming row is set aside is neither changed nor removed (B7).
    """
    left = _StoredRows(batch for batch in stored if batch.num_rows)
    schema: pa.Schema | None = None
    for batch in incoming:
        schema = batch.rows.schema
        keys = batch.keys.drop_null()
        if len(keys):
            yield _difference(batch, left.through(keys[-1].as_py()))
    rest = left.through(None)
    if rest.num_rows:
        nothing = pa.RecordBatch.from_pylist([], schema) if schema is not None else rest.slice(0, 0)
        yield Difference(nothing, nothing, rest.slice(0, 0), 0, rest, rest.slice(0, 0))


def _difference(batch: CheckedBatch, stored: pa.RecordBatch) -> Difference:
    good = pc.is_null(batch.reasons)
    rows, keys, kept = batch.rows, batch.keys, stored.slice(0, 0)
    if batch.reasons.null_count < len(batch.reasons):
        rows, keys = rows.filter(good), keys.filter(good)
        kept = stored.filter(pc.is_in(row_keys(stored), value_set=batch.keys.filter(pc.invert(good))))
    if not stored.num_rows:
        return Difference(rows, rows.slice(0, 0), stored, 0, stored, kept)
    stored_keys = row_keys(stored)
    place = _places(keys, stored_keys)
    same = pc.and_(*(pc.equal(rows.column(name), stored.column(name).take(place)) for name in HASHES))
    added = pc.is_null(place)
    differs = pc.invert(pc.or_(added, pc.fill_null(same, False)))
    unchanged = int(pc.sum(same).as_py() or 0)
    if unchanged == stored.num_rows:  # each stored row met its own
        gone = stored.slice(0, 0)
    else:
        gone = stored.filter(pc.invert(pc.is_in(stored_keys, value_set=batch.keys)))
    return Difference(
        added=rows_where(rows, added),
        changed=rows_where(rows, differs),
        changed_from=stored.take(place.filter(differs)),
        unchanged=unchanged,
        removed=gone,
        kept=kept,
    )


def _places(keys: pa.StringArray, stored_keys: pa.StringArray) -> pa.Int32Array:
    """Where each key stands among the stored ones, null where it does not."""
    if keys.equals(stored_keys):
        return pa.array(np.arange(len(keys), dtype=np.int32))
    return pc.index_in(keys, value_set=stored_keys)


def rows_where(batch: pa.RecordBatch, chosen: pa.BooleanArray) -> pa.RecordBatch:
    """The chosen rows; where these are all, the batch itself: copying wide rows costs more than comparing them."""
    return batch if pc.all(chosen, min_count=0).as_py() else batch.filter(chosen)
