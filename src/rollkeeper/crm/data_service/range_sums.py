"""Sums over ranges of a list's customer ids, computed from its rows: what a difference is narrowed with (B1)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

import pyarrow as pa

from rollkeeper.crm.data_service.members import MembersInconsistent, whole_list
from rollkeeper.crm.data_service.members_query import for_all_members
from rollkeeper.sync.connector import Key, RangeSum, RangeSums
from rollkeeper.sync.member import FINGERPRINT_MODULUS
from rollkeeper.sync.member_stream import batch_fingerprint

COLUMNS = ("master_customer_id", "sub_customer_id", "hash_hi", "hash_lo")


def range_sums(code: str, bounds: Sequence[Key]) -> RangeSums:
    """For n ascending bounds the n + 1 ranges between them, and the facts kept of the list in the same snapshot.

    One pass over the list's keys and hashes, whatever the number of ranges. Raises as `whole_list` does, and
    `MembersInconsistent` where a member has no row.
    """
    with whole_list(code) as (found, now):
        query, members = for_all_members(found, now, COLUMNS)
        named = (pa.RecordBatch.from_arrays(batch.columns, names=list(COLUMNS)) for batch in found.batches(query))
        ranges = sum_ranges(named, bounds)
        rows = sum(each.members for each in ranges)
        if rows != members:
            raise MembersInconsistent(f"List {code} has {members} members, but {rows} rows were read.")
        return RangeSums(tuple(ranges), str(now.version), now.members, now.fingerprint)


def sum_ranges(batches: Iterable[pa.RecordBatch], bounds: Sequence[Key]) -> list[RangeSum]:
    """The sums of the ranges between the bounds over batches of `COLUMNS`, both ascending."""
    members, totals = [0] * (len(bounds) + 1), [0] * (len(bounds) + 1)
    place = 0
    for batch in batches:
        start = 0
        while start < batch.num_rows:
            end = _until(batch, bounds[place], start) if place < len(bounds) else batch.num_rows
            members[place] += end - start
            totals[place] += batch_fingerprint(batch.slice(start, end - start))
            start = end
            place += end < batch.num_rows  # where the batch ends first, its next rows may still belong here
    return [RangeSum(count, total % FINGERPRINT_MODULUS) for count, total in zip(members, totals, strict=True)]


def _until(batch: pa.RecordBatch, bound: Key, start: int) -> int:
    """The first row from `start` on whose customer id is not before the bound. Code points order as UTF-8 does."""
    master, sub = batch.column(0), batch.column(1)
    return bisect_left(
        range(batch.num_rows), bound, lo=start, key=lambda row: (master[row].as_py(), sub[row].as_py())
    )
