"""Which rows are set aside for their ids or for what is in them, and that their neighbours are not (B7)."""

from __future__ import annotations

import pyarrow as pa
import pytest

from rollkeeper.sync.member import row_hashes
from rollkeeper.sync.set_aside import LONGEST_ID, LONGEST_ROW, reasons_of_contents, reasons_of_keys
from tests.sync.test_merge import FIELDS, Row, member_batch

GOOD: list[Row] = [("a", "0", "a@example.org", "Köln"), ("b", "0", None, None), ("c", "0", "", "東京")]


def replaced(batch: pa.RecordBatch, name: str, values: pa.Array) -> pa.RecordBatch:
    return batch.set_column(batch.schema.names.index(name), name, values)


def rehashed(batch: pa.RecordBatch) -> pa.RecordBatch:
    high, low = row_hashes(batch, FIELDS)
    return replaced(replaced(batch, "hash_hi", high), "hash_lo", low)


def test_good_rows_have_no_reason() -> None:
    assert reasons_of_contents(member_batch(GOOD), FIELDS).to_pylist() == [None, None, None]


@pytest.mark.parametrize("place", range(3))
def test_a_nul_character_condemns_its_row_alone(place: int) -> None:
    cities = ["Rome\x00" if row == place else "Rome" for row in range(3)]
    batch = rehashed(replaced(member_batch(GOOD), "city", pa.array(cities)))
    assert reasons_of_contents(batch, FIELDS).to_pylist() == [
        "nul_character" if row == place else None for row in range(3)
    ]


@pytest.mark.parametrize("half", ["hash_hi", "hash_lo"])
@pytest.mark.parametrize("wrong", [7, None])
def test_a_hash_that_is_wrong_or_missing_condemns_its_row_alone(half: str, wrong: int | None) -> None:
    batch = member_batch(GOOD)
    hashes = batch.column(half).to_pylist()
    hashes[1] = wrong
    batch = replaced(batch, half, pa.array(hashes, pa.int64()))
    assert reasons_of_contents(batch, FIELDS).to_pylist() == [None, "hash_mismatch", None]


def test_a_row_that_is_too_long_is_set_aside() -> None:
    batch = rehashed(replaced(member_batch(GOOD), "city", pa.array(["x", "x" * LONGEST_ROW, None])))
    assert reasons_of_contents(batch, FIELDS).to_pylist() == [None, "too_long", None]


def test_a_part_of_a_batch_is_judged_as_the_batch_is() -> None:
    cities = pa.array(["Rome\x00", "Rome", "Rome"])
    batch = rehashed(replaced(member_batch(GOOD), "city", cities))
    assert reasons_of_contents(batch.slice(1), FIELDS).to_pylist() == [None, None]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("a\x01", "bad_customer_id"),
        ("a\x7f", "bad_customer_id"),
        ("a\n", "bad_customer_id"),
        ("x" * (LONGEST_ID + 1), "bad_customer_id"),
        ("\U0001f600" * (LONGEST_ID + 1), "bad_customer_id"),
        ("x" * LONGEST_ID, None),
        ("\U0001f600" * LONGEST_ID, None),  # four bytes each: characters count
        ("ÿ\x80", None),
        ("", "no_customer_id"),
        (" \t", "no_customer_id"),
        (None, "no_customer_id"),
    ],
)
@pytest.mark.parametrize("column", ["master_customer_id", "sub_customer_id"])
def test_a_bad_id_condemns_its_row_alone(column: str, bad: str | None, reason: str | None) -> None:
    batch = member_batch(GOOD)
    ids = batch.column(column).to_pylist()
    ids[1] = bad
    batch = replaced(batch, column, pa.array(ids, pa.string()))
    none = pa.array([False] * 3)
    assert reasons_of_keys(batch, none).to_pylist() == [None, reason, None]
    assert reasons_of_keys(batch.slice(2), none[2:]).to_pylist() == [None]
