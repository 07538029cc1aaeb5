"""The merge against a naive dictionary model, at every batch size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollkeeper.sync.connector import Closing, SourceNonsense
from rollkeeper.sync.member import FIXED_COLUMNS, Field, fingerprint_text, hash_sum, member_schema, row_hashes
from rollkeeper.sync.merge import STORED_SCHEMA, checked
from rollkeeper.sync.plan import Plan
from rollkeeper.sync.run import Download, plan
from rollkeeper.sync.spool import Spool

FIELDS = (Field("city", "City", "text"), Field("since", "Since", "date"))

Row = tuple[str, str, str | None, str | None]  # master, sub, email, city

IDS = st.text(st.sampled_from("aB0é\U0001f600 "), min_size=1, max_size=3).filter(lambda text: text.strip() != "")
ROWS = st.tuples(IDS, st.sampled_from(["0", "1", "10", "2"]), st.sampled_from([None, "", "a@example.org", "bad"]),
                 st.sampled_from([None, "", "Köln", "東京"]))  # fmt: skip


def member_batch(rows: list[Row]) -> pa.RecordBatch:
    columns = {
        "master_customer_id": [row[0] for row in rows],
        "sub_customer_id": [row[1] for row in rows],
        "email": [row[2] for row in rows],
        "first_name": [None] * len(rows),
        "last_name": ["Doe"] * len(rows),
        "allow_email": [True] * len(rows),
        "denied_by": [None] * len(rows),
        "city": [row[3] for row in rows],
        "since": [None] * len(rows),
    }
    types = [*(kind for _, kind in FIXED_COLUMNS), pa.string(), pa.string()]
    arrays = [pa.array(values, kind) for values, kind in zip(columns.values(), types, strict=True)]
    plain = pa.RecordBatch.from_arrays(arrays, names=list(columns))
    return pa.RecordBatch.from_arrays([*arrays, *row_hashes(plain, FIELDS)], schema=member_schema(FIELDS))


def key(row: Row) -> tuple[bytes, bytes]:
    return row[0].encode(), row[1].encode()


def in_batches(batch: pa.RecordBatch, size: int) -> Iterator[pa.RecordBatch]:
    for start in range(0, batch.num_rows, size):
        yield batch.slice(start, size)


@contextmanager
def made_plan(incoming: list[Row], stored: list[Row], size: int, tmp_path: Path) -> Iterator[Plan]:
    rows = Spool(member_schema(FIELDS), tmp_path)
    for batch in in_batches(member_batch(sorted(incoming, key=key)), size):
        rows.write(batch)
    source = Download(FIELDS, Closing(len(incoming), None, None, "1"), rows.finish())
    held = member_batch(sorted(stored, key=key))
    columns = [
        held.column("master_customer_id"),
        held.column("sub_customer_id"),
        pa.array(range(len(stored)), pa.int64()),
    ]
    table = pa.RecordBatch.from_arrays(
        [*columns, held.column("hash_hi"), held.column("hash_lo")], schema=STORED_SCHEMA
    )
    with closing(source), closing(plan(source, in_batches(table, max(1, size - 1)), tmp_path)) as made:
        yield made


def keys_of(spool: Spool) -> set[tuple[str, str]]:
    rows = [row for batch in spool.batches() for row in batch.to_pylist()]
    return {(row["master_customer_id"], row["sub_customer_id"]) for row in rows}


@settings(deadline=None)  # on a busy machine a first example may be slow
@given(
    incoming=st.lists(ROWS, max_size=14),
    stored=st.lists(ROWS, max_size=14, unique_by=lambda row: row[:2]),
    size=st.integers(1, 6),
)
def test_the_plan_is_what_a_naive_comparison_gives(
    incoming: list[Row], stored: list[Row], size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:  # B7 B1
    times = Counter(row[:2] for row in incoming)
    repeated = {ids for ids, count in times.items() if count > 1}
    good = {row[:2]: row for row in incoming if row[:2] not in repeated}
    old = {row[:2]: row for row in stored}
    added = {ids for ids in good if ids not in old}
    changed = {ids for ids in good if ids in old and old[ids] != good[ids]}
    removed = {ids for ids in old if ids not in times}

    with made_plan(incoming, stored, size, tmp_path_factory.getbasetemp()) as made:
        assert keys_of(made.writes) == added | changed
        assert keys_of(made.removals) == removed
        assert keys_of(made.set_aside) == repeated
        counts = made.counts
        assert (counts.received, counts.added, counts.updated, counts.removed) == (
            len(incoming), len(added), len(changed), len(removed),
        )  # fmt: skip
        assert counts.set_aside == sum(times[ids] for ids in repeated)
        assert counts.unchanged == len(good) - len(added) - len(changed)
        after = [good.get(ids, row) for ids, row in old.items() if ids not in removed] + [
            good[ids] for ids in added
        ]
        assert fingerprint_text(made.stored_sum) == naive_fingerprint(after)
        assert fingerprint_text(made.crm_sum) == naive_fingerprint(incoming)
        if not repeated:
            assert made.crm_sum % 2**128 == made.stored_sum % 2**128


def naive_fingerprint(rows: list[Row]) -> str:
    batch = member_batch(rows)
    return fingerprint_text(hash_sum(batch.column("hash_hi").to_numpy(), batch.column("hash_lo").to_numpy()))


def test_rows_out_of_order_are_nonsense() -> None:
    with pytest.raises(SourceNonsense, match="out of order"):
        list(checked([member_batch([("b", "0", None, None), ("a", "0", None, None)])]))


def test_order_is_checked_across_batches() -> None:
    with pytest.raises(SourceNonsense, match="out of order"):
        list(checked([member_batch([("b", "0", None, None)]), member_batch([("a", "0", None, None)])]))


def test_order_is_by_code_point_not_by_language() -> None:  # ids are strings, kept as they are
    rows = [("Z", "0", None, None), ("a", "0", None, None), ("a", "10", None, None), ("a", "2", None, None)]
    assert len(list(checked([member_batch(rows)]))) == 1


def test_a_row_without_an_id_is_set_aside_wherever_it_stands(tmp_path: Path) -> None:  # B7
    good = member_batch([("a", "0", None, None), ("b", "0", None, None)])
    broken = good.set_column(0, "master_customer_id", pa.array(["a", None], pa.string()))
    batches = list(checked([broken, member_batch([("c", "0", None, None)])]))
    assert [reason for batch in batches for reason in batch.reasons.to_pylist()] == [None, "no_customer_id", None]
