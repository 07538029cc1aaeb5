"""Our side of narrowing: sums over ranges of a group's stored rows, against naive ones (B1)."""

from __future__ import annotations

from itertools import pairwise

import psycopg
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollkeeper.marketing.target_groups.ranges import GroupRanges
from rollkeeper.postgres.connection import connect
from rollkeeper.sync.connector import Key, RangeSum
from rollkeeper.sync.member import delta_schema
from rollkeeper.sync.narrow import WHOLE, KeyRange, in_order

pytestmark = pytest.mark.django_db(transaction=True)

GROUP, OTHER = 1, 2
ids = st.text(st.sampled_from("0aAé日\U0001f600 ~"), min_size=1, max_size=3)
keys = st.tuples(ids, st.sampled_from(["0", "1", "10"]))
hashes = st.integers(0, 2**128 - 1)


def halves(number: int) -> tuple[int, int]:
    high, low = number >> 64, number & (2**64 - 1)
    return (high - 2**64 if high >= 2**63 else high, low - 2**64 if low >= 2**63 else low)


def put(connection: psycopg.Connection, group: int, rows: dict[Key, int], held: set[Key] = frozenset()) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO group_member (group_id, master_customer_id, sub_customer_id, subscriber_id, hash_hi, "
            "hash_lo, since_run) VALUES (%s, %s, %s, 1, %s, %s, 1)",
            [(group, *key, *halves(number)) for key, number in rows.items()],
        )
        cursor.execute("ALTER TABLE held_removal DISABLE TRIGGER ALL")
        cursor.executemany(
            "INSERT INTO held_removal (group_id, run_id, subscriber_id, master_customer_id, sub_customer_id) "
            "VALUES (%s, 1, 1, %s, %s)",
            [(group, *key) for key in held],
        )


def came_rows(came: dict[Key, int | None]) -> list[pa.RecordBatch]:
    """A pull of changes: a row for each key, the hash None where it says that there is none any more."""
    rows = []
    for key in sorted(came, key=in_order):
        number = came[key]
        high, low = halves(number) if number is not None else (None, None)
        rows.append({
            "master_customer_id": key[0], "sub_customer_id": key[1], "allow_email": None if number is None else True,
            "hash_hi": high, "hash_lo": low, "@removed": "left" if number is None else None,
        })  # fmt: skip
    return [pa.RecordBatch.from_pylist(rows[n : n + 2], schema=delta_schema(())) for n in range(0, len(rows), 2)]


def naive(rows: dict[Key, int], within: KeyRange) -> RangeSum:
    found = [
        number
        for key, number in rows.items()
        if (within.first is None or in_order(within.first) <= in_order(key))
        and (within.end is None or in_order(key) < in_order(within.end))
    ]
    return RangeSum(len(found), sum(found) % 2**128)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.dictionaries(keys, hashes, max_size=30),
    came=st.dictionaries(keys, st.none() | hashes, max_size=6),
    bounds=st.sets(keys, max_size=8),
    share_held=st.integers(1, 5),
    parts=st.integers(2, 40),
)
def test_sums_are_those_of_the_rows_with_what_came_and_what_is_held_laid_over(
    rows: dict[Key, int], came: dict[Key, int | None], bounds: set[Key], share_held: int, parts: int
) -> None:
    held = {key for place, key in enumerate(sorted(rows)) if place % share_held == 0}
    expected = {key: number for key, number in rows.items() if key not in held}
    for key, number in came.items():
        expected.pop(key, None)
        if number is not None:
            expected[key] = number
    borders = [None, *sorted(bounds, key=in_order), None]
    ranges = [KeyRange(*pair) for pair in pairwise(borders)]
    with connect() as connection:
        put(connection, GROUP, rows, held)
        put(connection, OTHER, dict.fromkeys(list(rows)[:5], 99))  # of no concern here
        found = GroupRanges(connection, GROUP, came_rows(came))
        assert found.stored() == naive(rows, WHOLE)
        assert found.sums(ranges) == [naive(expected, each) for each in ranges]
        assert found.sums([]) == []
        for each in ranges:
            check_cuts(found.cuts(each, parts), [key for key in rows if naive({key: 1}, each).members], parts)
        connection.rollback()


def check_cuts(cuts: list[Key], within: list[Key], parts: int) -> None:
    """Ascending keys of the range's own rows, never the first one, that leave about equal parts."""
    ordered = sorted(within, key=in_order)
    places = [ordered.index(cut) for cut in cuts]
    assert places == sorted(set(places))
    assert len(cuts) <= parts - 1
    if len(ordered) >= 2:
        assert places
        assert places[0] > 0
        sizes = [end - first for first, end in pairwise([0, *places, len(ordered)])]
        assert max(sizes) == -(-len(ordered) // parts)
